"""Who may do what in which zone: the one table from which bucket, key and identity policies are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from medallion_platform.settings import Settings, home

Kind = Literal["read", "append", "write", "erase"]

_LIST = ["s3:GetBucketLocation", "s3:ListBucket"]
_READ = ["s3:GetObject", "s3:GetObjectVersion"]
_PUT = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
OBJECT_ACTIONS: dict[Kind, list[str]] = {
    "read": _READ,
    "append": [*_READ, *_PUT],
    "write": [*_READ, *_PUT, "s3:DeleteObject"],
    "erase": [*_READ, "s3:DeleteObject", "s3:DeleteObjectVersion"],
}
BUCKET_ACTIONS: dict[Kind, list[str]] = {
    "read": _LIST,
    "append": [*_LIST, "s3:ListBucketMultipartUploads"],
    "write": [*_LIST, "s3:ListBucketMultipartUploads"],
    "erase": [*_LIST, "s3:ListBucketVersions"],
}
KEY_ACTIONS: dict[Kind, list[str]] = {
    "read": ["kms:Decrypt"],
    "append": ["kms:Decrypt", "kms:GenerateDataKey"],
    "write": ["kms:Decrypt", "kms:GenerateDataKey"],
    "erase": ["kms:Decrypt"],
}


@dataclass(frozen=True)
class Grant:
    """A role's access to a zone, below a prefix. `direct` calls come from AWS's own network, by no VPC; of a
    `replica` it is the copy in region B."""

    role: str
    zone: str
    kind: Kind
    prefix: str = ""
    direct: bool = False
    replica: bool = False

    @property
    def crosses(self) -> bool:
        """Whether the role is in another account than the zone."""
        return self.role.split("-")[0] != home(self.zone)


def grants(settings: Settings) -> Iterator[Grant]:
    """All there are, for the parts that are deployed."""
    parts = settings.parts
    if parts.databricks:
        # Clusters, by their instance profile. What Unity Catalog governs they reach by its roles instead.
        yield Grant("engineering-workspace", "landing", "erase")
        yield Grant("engineering-workspace", "raw", "write")
        yield Grant("engineering-workspace", "trusted", "write")
        yield Grant("engineering-workspace", "error", "read")
        yield Grant("serving-workspace", "trusted", "read")
        yield Grant("serving-workspace", "refined", "write")
        yield Grant("consumers-workspace", "refined", "read")
        # Unity Catalog, for serverless and for clusters; a role per zone, in the zone's account.
        yield Grant("engineering-unity-catalog-landing", "landing", "erase")
        for zone in ("raw", "trusted", "refined"):
            yield Grant(f"{home(zone)}-unity-catalog-{zone}", zone, "write")
    if parts.databricks and parts.failover:
        # Clusters in region B: what was copied there, and nothing else.
        for role, zones in (
            ("engineering-standby", ["landing", "raw", "trusted", "error"]),
            ("serving-standby", ["trusted", "refined"]),
            ("consumers-standby", ["refined"]),
        ):
            for zone in zones:
                if not settings.stays(zone):
                    yield Grant(role, zone, "read", replica=True)
    if parts.emr:
        yield Grant("engineering-jobs", "landing", "erase")
        for zone in ("raw", "trusted", "refined"):
            yield Grant("engineering-jobs", zone, "write")
        yield Grant("engineering-jobs", "error", "read")
    if parts.streams:
        yield Grant("engineering-landing-function", "landing", "append")
        yield Grant("engineering-landing-function", "error", "append")
        yield Grant("engineering-firehose", "raw", "append", "incoming/", direct=True)
        yield Grant("engineering-firehose", "raw", "append", "firehose-errors/", direct=True)
    if parts.apis:  # by Athena, which calls on its behalf
        yield Grant("serving-apis", "refined", "read", "gold/")
    if parts.batch:
        yield Grant("engineering-batch-operations", "landing", "append", direct=True)
    if parts.database:
        yield Grant("engineering-dms", "raw", "write", "incoming/dms/")
    if parts.on_premises:
        yield Grant("engineering-datasync", "landing", "append", "on-premises/", direct=True)
    if parts.catalog:
        # Who queries has what Lake Formation hands out; nobody else of these reads files.
        for zone in ("trusted", "refined"):
            yield Grant("serving-lake-formation", zone, "read", direct=True)
            yield Grant("serving-crawler", zone, "read", direct=True)
