"""Where batches stopped in each shard, kept beside the checkpoint: whoever writes first decides.

One small JSON file per batch and shard. A retried task and a replayed batch find it, and read to just there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from medallion_pipelines.errors import SetupError, SourceError
from medallion_pipelines.kinesis.client import told
from medallion_pipelines.kinesis.positions import Stop

KEPT_BATCHES = 100  # as many as Spark keeps of its own log


class Folder(Protocol):
    """A place for files that are written once."""

    def read(self, name: str) -> bytes | None: ...

    def write_first(self, name: str, content: bytes) -> bool: ...

    def drop(self, prefix: str) -> None: ...


class Stops:
    """The stops of one query, which no other has, though it be given the same folder."""

    def __init__(self, folder: Folder, query: str) -> None:
        self._folder = folder
        self._query = query

    def get(self, batch: int, shard: str) -> Stop | None:
        """Where a batch stopped in a shard (`stream/shardId`); None while nobody knows. Raises SourceError
        where it cannot be read."""
        found = self._folder.read(self._name(batch, shard))
        try:
            return None if found is None else Stop.from_json(json.loads(found))
        except (KeyError, TypeError, ValueError):
            raise SourceError(
                f"{self._name(batch, shard)} below the query's metadataPath is damaged: nobody knows where "
                f"batch {batch} stopped in shard {shard}. Start with a new checkpoint."
            ) from None

    def of(self, batch: int, shards: Iterable[str]) -> dict[str, Stop | None]:
        """Where a batch stopped in some shards."""
        named = list(shards)
        with ThreadPoolExecutor(16) as pool:
            return dict(zip(named, pool.map(partial(self.get, batch), named), strict=True))

    def put(self, batch: int, shard: str, stop: Stop) -> Stop:
        """Say where a batch stopped; what another said before is what holds, and is returned."""
        if self._folder.write_first(self._name(batch, shard), json.dumps(stop.as_json()).encode()):
            return stop
        found = self.get(batch, shard)
        assert found is not None
        return found

    def forget(self, batch: int) -> None:
        """Drop the stops of a batch that is never read again."""
        self._folder.drop(f"{self._query}/{batch}/")

    def _name(self, batch: int, shard: str) -> str:
        stream, shard_id = shard.split("/")
        return f"{self._query}/{batch}/{shard_id}.{stream}.json"


def folder_at(path: str) -> Folder:
    """The folder of a path: on a disk that all machines share, or in S3."""
    if re.match(r"s3a?://", path):
        return S3Folder(path)
    return LocalFolder(Path(unquote(urlsplit(path).path)) if path.startswith("file:") else Path(path))


class LocalFolder:
    """A folder of a file system that has hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write_first(self, name: str, content: bytes) -> bool:
        """Whether it was written: a file that is there stays, and half of one is never seen. Raises
        SourceError where the file system does not take it."""
        target = self._root / name
        try:
            return self._linked(target, content)
        except OSError as error:
            raise SourceError(
                f"{target} cannot be written ({error.strerror}). Where batches stop is noted in a folder "
                "that all machines can write, of a file system with hard links, or s3://BUCKET/PREFIX."
            ) from None

    def _linked(self, target: Path, content: bytes) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, target)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        return True

    def drop(self, prefix: str) -> None:
        shutil.rmtree(self._root / prefix, ignore_errors=True)


class S3Folder:
    """A prefix in S3, which refuses to write what is there when asked to (`If-None-Match`)."""

    def __init__(self, path: str, client: Any = None) -> None:
        parts = urlsplit(path)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if client is None:
            try:
                import boto3
            except ImportError:
                raise SetupError(f"{path} needs boto3: pip install 'medallion-pipelines[aws]'.") from None
            with told(path):
                client = boto3.client("s3", region_name=os.environ.get("AWS_REGION"))
        self._client = client

    def read(self, name: str) -> bytes | None:
        with self._told(name), suppress(self._client.exceptions.NoSuchKey):
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
            return content
        return None

    def write_first(self, name: str, content: bytes) -> bool:
        """Whether it was written: an object that is there stays."""
        with self._told(name):
            while True:
                try:
                    self._client.put_object(
                        Bucket=self._bucket, Key=self._key(name), Body=content, IfNoneMatch="*"
                    )
                except self._client.exceptions.ClientError as error:
                    code = error.response["Error"]["Code"]
                    if code == "PreconditionFailed":
                        return False
                    if code != "ConditionalRequestConflict":  # that one: another is just writing it
                        raise
                else:
                    return True

    def drop(self, prefix: str) -> None:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._key(prefix)
        )
        with self._told(prefix):
            for page in pages:
                keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
                if keys:
                    self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys})

    def _told(self, name: str) -> AbstractContextManager[None]:
        return told(f"s3://{self._bucket}/{self._key(name)}")

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name
