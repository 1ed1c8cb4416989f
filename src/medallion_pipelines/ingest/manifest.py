"""Manifests of S3 Batch Operations: lists of objects, as CSV or as an S3 Inventory."""

from __future__ import annotations

import codecs
import csv
import io
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest.places import Place, told

_LINE = 8192  # bytes: enough for the first line of a list; keys have at most 1024, encoded three times that
_COLUMNS = ("Bucket", "Key", "VersionId")


@dataclass(frozen=True)
class Manifest:
    """A manifest as it lies in S3: another one under its name would have another ETag. An inventory says
    itself which columns it has."""

    place: Place
    etag: str
    columns: tuple[str, ...] | None = None

    def request(self) -> dict[str, Any]:
        """As `CreateJob` takes it."""
        spec: dict[str, Any] = {"Format": "S3InventoryReport_CSV_20161130"}
        if self.columns is not None:
            spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": list(self.columns)}
        return {"Spec": spec, "Location": {"ObjectArn": self.place.arn, "ETag": self.etag}}


def find(s3: Any, place: Place) -> Manifest:
    """The manifest at a place: the `manifest.json` of an inventory, or a list with the columns bucket, key
    and, if it has it, version id. Raises IngestError for what S3 Batch Operations could not read."""
    with told(f"The manifest {place} cannot be read"):
        etag = s3.head_object(Bucket=place.bucket, Key=place.key)["ETag"].strip('"')
        if place.key.endswith(".json"):
            content = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
            return _inventory(place, etag, content)
        start = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read(_LINE)
    if start.startswith(codecs.BOM_UTF8):
        raise IngestError(
            f"The manifest {place} begins with a byte order mark: take it out, it would be read as part "
            "of the first bucket's name."
        )
    first = next(csv.reader(io.StringIO(start.decode(errors="replace"))), [])
    if len(first) not in (2, 3) or not all(first[:2]):
        raise IngestError(
            f"The manifest {place} begins with {','.join(first)[:100]!r}, and not with bucket,key or "
            "bucket,key,version (keys URL-encoded, without a header line)."
        )
    if [cell.strip().lower() for cell in first[:2]] == ["bucket", "key"]:
        raise IngestError(f"The manifest {place} has a header line: take it out, it would be read as a file.")
    return Manifest(place, etag, _COLUMNS[: len(first)])


def _inventory(place: Place, etag: str, content: bytes) -> Manifest:
    try:
        found = json.loads(content)
        format_, schema = found["fileFormat"], found["fileSchema"]
    except (ValueError, KeyError, TypeError):
        raise IngestError(f"{place} is not the manifest.json of an S3 Inventory.") from None
    if format_ != "CSV":
        raise IngestError(
            f"The inventory {place} is in {format_}: S3 Batch Operations reads CSV only. "
            "Change the format in the bucket's inventory configuration, or make a CSV manifest."
        )
    if "Key" not in schema:
        raise IngestError(f"The inventory {place} lists no keys.")
    return Manifest(place, etag)


def write(s3: Any, place: Place, objects: Iterable[tuple[str, str, str]]) -> Manifest:
    """Write a manifest of (bucket, key as it is encoded, version id or empty), unless it is there: who is
    cut off and comes again takes up the same one, and so the same job."""
    from botocore.exceptions import ClientError

    versions = False
    with tempfile.TemporaryFile("w+b") as file, told(f"The manifest {place} cannot be written"):
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        rows = csv.writer(text, lineterminator="\n")
        for row in objects:
            versions = versions or bool(row[2])
            rows.writerow(row)
        text.detach()
        file.seek(0)
        try:
            s3.put_object(Bucket=place.bucket, Key=place.key, Body=file, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
        etag = s3.head_object(Bucket=place.bucket, Key=place.key)["ETag"].strip('"')
    return Manifest(place, etag, ("Bucket", "Key", "VersionId" if versions else "Ignore"))
