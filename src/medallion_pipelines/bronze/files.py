"""The files that a pattern finds in folders of this machine and in S3, as Spark would tell of them.

One look at a folder tells all of its files, one call of S3 a thousand: Spark looks at every file by itself,
twice, which takes minutes where there are many.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from medallion_pipelines.contracts.globs import as_regex, fixed_part, is_hidden
from medallion_pipelines.errors import SourceError

_IN_PARTITIONS = r"(?:(?:/[^/]*=[^/]*)*/[^/]+)?"  # below a folder that a pattern names: `day=1/a.json`
_ODD = re.compile(r"[^A-Za-z0-9/@,;:$&+=_\-!.~'()*]")  # for a URI's path

File = tuple[str, int, int]  # path as Spark's `_metadata.file_path` spells it, modified at (µs), size


def in_folders(pattern: str) -> Iterator[File]:
    """The files of this machine that a pattern finds.

    Raises SourceError where the folder above the pattern is missing, or one does not let itself be listed.
    """
    pattern = posixpath.normpath(pattern)
    folder = fixed_part(pattern)
    if not Path(folder).is_dir():
        raise SourceError(
            f"{folder} is not a folder, so no file of {pattern} can be read. "
            "Name the landing zone with --landing or MEDALLION_LANDING."
        )
    names = pattern.removeprefix(folder).removeprefix("/").split("/")
    try:
        yield from _below(folder, [re.compile(as_regex(name), re.S) for name in names])
    except PermissionError as error:
        raise SourceError(f"{error.filename} cannot be listed ({error.strerror}).") from None


def _below(folder: str, names: Sequence[re.Pattern[str]]) -> Iterator[File]:
    """The files below a folder whose names match, level by level; of a folder that does its own."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if names and not names[0].fullmatch(entry.name):
                continue
            if entry.is_dir():
                if names or "=" in entry.name:
                    yield from _below(entry.path, names[1:])
            elif len(names) <= 1 and not is_hidden(entry.name):
                try:
                    about = entry.stat()
                except FileNotFoundError:  # it has just gone
                    continue
                # Java tells milliseconds
                yield f"file:{spelt(entry.path)}", about.st_mtime_ns // 1_000_000 * 1_000, about.st_size


def s3_client() -> Any:
    """A client of S3, set up by the environment as AWS' own tools are; None without boto3."""
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError:
        return None
    session = botocore.session.get_session()
    # its own parser of times takes three quarters of what a long listing costs here
    factory = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=datetime.fromisoformat)
    client = boto3.Session(botocore_session=session).client
    return client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))


def in_bucket(client: Any, scheme: str, bucket: str, pattern: str) -> Iterator[File]:
    """The objects of a bucket whose keys a pattern finds. Raises SourceError with what AWS says where the
    bucket does not let itself be listed."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    pattern = posixpath.normpath("/" + pattern.lstrip("/"))  # of the bucket itself: /
    wanted = re.compile(as_regex(pattern.rstrip("/")) + _IN_PARTITIONS, re.S)
    literal = re.split(r"[*?\[{\\]", pattern, maxsplit=1)[0].lstrip("/")
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=literal):
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                if (
                    wanted.fullmatch(f"/{key}")
                    and not key.endswith("/")
                    and not is_hidden(key.rsplit("/", 1)[-1])
                ):
                    # a listing may tell fractions of a second, the object itself does not
                    at = int(entry["LastModified"].timestamp()) * 1_000_000
                    yield f"{scheme}://{bucket}/{spelt(key)}", at, entry["Size"]
    except NoCredentialsError:
        raise SourceError(
            f"s3://{bucket} cannot be listed: there are no AWS credentials. Set AWS_PROFILE, or run where a "
            "role is given."
        ) from None
    except ClientError as error:
        answer = error.response.get("Error", {})
        raise SourceError(
            f"s3://{bucket}/{literal} cannot be listed: AWS answered {answer.get('Code', 'nothing')}: "
            f"{answer.get('Message', '')}"
        ) from None
    except BotoCoreError as error:
        raise SourceError(f"s3://{bucket}/{literal} cannot be listed: {error}") from None


def spelt(path: str) -> str:
    """A path as Java's URI has it: letters of all languages stay, what is no text is encoded."""
    return _ODD.sub(lambda found: _encoded(found[0]), path)


def _encoded(one: str) -> str:
    if one >= "\x80" and unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp", "Zs"):
        return one
    return quote(one.encode("utf-8", "replace"))
