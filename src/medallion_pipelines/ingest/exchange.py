"""Revisions of AWS Data Exchange, exported into the landing zone: each once, whole, in a folder of its own.

A revision's folder gets the manifest of its assets last, as `_manifest.json`, which no feed takes for data: a
revision without one is new.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest.places import Place, told
from medallion_pipelines.results import Arrival

_ASSETS = 100  # that one job exports at most
_ENDED = ("COMPLETED", "ERROR", "CANCELLED", "TIMED_OUT")
_SHORTEST, _LONGEST = 1.0, 30.0  # seconds between two looks at a job


@dataclass(frozen=True)
class Asset:
    """A file of a revision; `arn` is its name in Data Exchange."""

    id: str
    name: str
    arn: str
    size: int


@dataclass(frozen=True)
class Revision:
    """What a provider published at once."""

    id: str
    created_at: str
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class DataSet:
    """A data set that is subscribed to, and where its revisions go."""

    exchange: Any
    s3: Any
    id: str
    target: Place
    pause: Callable[[float], None] = time.sleep

    def new(self) -> list[Revision]:
        """The published revisions without a manifest, the oldest first. Raises IngestError."""
        with told(f"The revisions of data set {self.id} cannot be listed"):
            pages = self.exchange.get_paginator("list_data_set_revisions").paginate(DataSetId=self.id)
            entries = [entry for page in pages for entry in page["Revisions"]]
            published = [each for each in entries if each["Finalized"] and not each.get("Revoked")]
            published.sort(key=lambda entry: (entry["CreatedAt"], entry["Id"]))
            return [
                Revision(entry["Id"], entry["CreatedAt"].isoformat(), tuple(self._assets(entry["Id"])))
                for entry in published
                if self._size(self._manifest(entry["Id"])) is None
            ]

    def export(self, revision: Revision) -> list[Arrival]:
        """Export a revision's files that are not there yet; all its files. Raises IngestError."""
        places = {asset: self.target.below(f"{revision.id}/{asset.name}") for asset in revision.assets}
        if len({*places.values(), self._manifest(revision.id)}) <= len(places):
            raise IngestError(
                f"Revision {revision.id} of data set {self.id} has two assets of one name, or one that is "
                "called _manifest.json."
            )
        with told(f"Revision {revision.id} cannot be exported to {self.target}"):
            missing = iter([asset for asset, place in places.items() if self._size(place) != asset.size])
            while chunk := list(islice(missing, _ASSETS)):
                self._run(revision, {asset.id: places[asset] for asset in chunk})
            for asset, place in places.items():
                if self._size(place) != asset.size:
                    raise IngestError(f"{place} has not the {asset.size:,} bytes of asset {asset.name}.")
        return [Arrival(revision.id, str(place), asset.arn) for asset, place in places.items()]

    def settle(self, revision: Revision) -> None:
        """Write the manifest: from now on the revision is not new."""
        place = self._manifest(revision.id)
        content = json.dumps({"dataSetId": self.id, **asdict(revision)}, indent=2).encode()
        with told(f"The manifest {place} cannot be written"):
            self.s3.put_object(Bucket=place.bucket, Key=place.key, Body=content)

    def _assets(self, revision: str) -> Iterator[Asset]:
        pages = self.exchange.get_paginator("list_revision_assets").paginate(
            DataSetId=self.id, RevisionId=revision
        )
        for entry in (entry for page in pages for entry in page["Assets"]):
            if entry["AssetType"] != "S3_SNAPSHOT":
                raise IngestError(
                    f"Asset {entry['Name']} of data set {self.id} is a {entry['AssetType']}: only files "
                    "(S3_SNAPSHOT) can be exported to S3."
                )
            size = int(entry["AssetDetails"]["S3SnapshotAsset"]["Size"])
            yield Asset(entry["Id"], entry["Name"], entry["Arn"], size)

    def _manifest(self, revision: str) -> Place:
        return self.target.below(f"{revision}/_manifest.json")

    def _size(self, place: Place) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return int(self.s3.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return None

    def _run(self, revision: Revision, places: dict[str, Place]) -> None:
        details = {
            "DataSetId": self.id,
            "RevisionId": revision.id,
            "AssetDestinations": [
                {"AssetId": id_, "Bucket": place.bucket, "Key": place.key} for id_, place in places.items()
            ],
        }
        job = self.exchange.create_job(Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": details})[
            "Id"
        ]
        self.exchange.start_job(JobId=job)
        wait = _SHORTEST
        while (found := self.exchange.get_job(JobId=job))["State"] not in _ENDED:
            self.pause(wait)
            wait = min(wait * 1.5, _LONGEST)
        if found["State"] != "COMPLETED":
            why = "; ".join(f"{each['Code']}: {each['Message']}" for each in found.get("Errors", []))
            raise IngestError(
                f"Job {job} for revision {revision.id} of data set {self.id} ended {found['State']}: {why}"
            )
