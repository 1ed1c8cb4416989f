"""What settings must keep to: the limits of AWS, and what the parts of the platform ask of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medallion_platform.settings import Settings

_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-(central|(north|south)?(east|west)|north|south)-\d")
_PREFIX = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_ACCOUNT = re.compile(r"\d{12}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PRODUCT = re.compile(r"[\w./:-]+")
# The longest name of a bucket, and how long S3 lets it be.
_LONGEST_BUCKET, _LONGEST_NAME = "access-logs-engineering", 63
_LOGS_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
# An execution of a state machine has 25,000 events, and a look at a job is 11 of them, each half minute.
_LONGEST_RUN = 1000
# S3's lifecycle counts from the next midnight, and takes its time; queues keep what failed for 14 days.
_LATE_DAYS, _QUEUED_DAYS = 2, 14
# RDS and AWS Backup delete what has expired within a day or so; the backup itself is up to a day old.
_BACKUP_SLACK_DAYS = 3
# What each part stands on.
STANDS_ON = {
    "rds": ["database"],
    "failover": ["rds", "replication"],
    "backup": ["rds", "replication"],
    "athena": ["catalog"],
    "federation": ["athena", "database"],
    "redshift": ["catalog", "edge"],
    "quicksight": ["athena"],
    "datazone": ["catalog"],
}


def broken(settings: Settings) -> Iterator[str]:
    """What is wrong with them, and the line to change, one by one."""
    yield from _names(settings)
    yield from _networks(settings)
    yield from _retention(settings)
    yield from _parts(settings)
    yield from _monitoring(settings)
    if settings.parts.databricks:
        yield from _databricks(settings)


def _names(settings: Settings) -> Iterator[str]:
    prefix = settings.prefix
    if not _PREFIX.fullmatch(prefix):
        yield f"prefix is {prefix!r}. It has a to z, 0 to 9 and -, begins with a letter, does not end with -."
    for name, region in (("region", settings.region), ("replica.region", settings.replica.region)):
        if not _REGION.fullmatch(region):
            yield f"{name} is {region!r}, no region of AWS's commercial partition, such as eu-west-1."
    if settings.replica.region == settings.region:
        yield f"replica.region is {settings.region}, the region that it is to replace."
    for name, account in settings.accounts.items():
        if not _ACCOUNT.fullmatch(account):
            yield f"MEDALLION_{name.upper()}_ACCOUNT is {account!r}: an id of 12 digits is needed."
    for replica in (False, True):
        over = len(settings.bucket(_LONGEST_BUCKET, replica=replica)) - _LONGEST_NAME
        if over > 0:
            yield (
                f"prefix is {prefix!r}, {over} too long: the bucket "
                f"{settings.bucket(_LONGEST_BUCKET, replica=replica)} would have more than 63 characters."
            )


def _networks(settings: Settings) -> Iterator[str]:
    blocks = {f"networks.{name}": block for name, block in vars(settings.networks).items()}
    own = set(blocks)
    blocks["replica.network"] = settings.replica.network
    own.add("replica.network")
    blocks["on_premises.network"] = settings.on_premises.network
    known: dict[str, IPv4Network] = {}
    for name, block in blocks.items():
        try:
            known[name] = IPv4Network(block)
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            yield f"{name} is {block!r}, no block of IPv4 addresses such as 10.10.0.0/16: {error}."
            continue
        if name in own and known[name].prefixlen != 16:
            yield f"{name} is {block}: subnets are cut from a block of /16."
    for (one, block), (other, another) in combinations(known.items(), 2):
        if block.overlaps(another):
            yield f"{one} ({block}) and {other} ({another}) overlap."
    try:
        IPv4Address(settings.on_premises.gateway_address)
    except AddressValueError:
        yield f"on_premises.gateway_address is {settings.on_premises.gateway_address!r}, no IPv4 address."


def _retention(settings: Settings) -> Iterator[str]:
    retention = settings.retention
    deadline = retention.erasure_deadline_days
    for name in ("landing_lock_days", "versions_days"):
        days = getattr(retention, name)
        if days < 1:
            yield f"retention.{name} is {days}: at least a day is needed."
        if days + _LATE_DAYS > deadline:
            yield (
                f"retention.{name} is {days}: what is kept so long is not erased by erasure_deadline_days "
                f"({deadline}). S3 takes up to {_LATE_DAYS} days more."
            )
    if deadline <= _QUEUED_DAYS:
        yield (
            f"retention.erasure_deadline_days is {deadline}: queues keep what failed for {_QUEUED_DAYS} "
            "days, so it must be above that."
        )
    longest = deadline - _BACKUP_SLACK_DAYS - 1
    if not 1 <= retention.backups_days <= longest:
        yield (
            f"retention.backups_days is {retention.backups_days}. It can be 1 to {longest}: RDS has no "
            "replica without backups, and one of the day before an erasure must be gone by "
            f"erasure_deadline_days ({deadline}), with {_BACKUP_SLACK_DAYS} days for AWS to delete it."
        )
    if retention.logs_days not in _LOGS_DAYS:
        known = ", ".join(map(str, _LOGS_DAYS))
        yield f"retention.logs_days is {retention.logs_days}. CloudWatch knows: {known}."


def _parts(settings: Settings) -> Iterator[str]:
    from medallion_platform.settings import HOMES  # which begins with this module

    parts, emr = settings.parts, settings.emr
    longest, job = settings.orchestration.longest_minutes, settings.orchestration.job_id
    for part, needed in STANDS_ON.items():
        for other in needed:
            if getattr(parts, part) and not getattr(parts, other):
                yield f"parts.{part} needs parts.{other}."
    unknown = sorted(set(settings.residency.zones) - set(HOMES))
    if unknown:
        yield f"residency.zones has {unknown[0]!r}. Zones are: {', '.join(HOMES)}."
    if parts.orchestration and not (parts.databricks or parts.emr):
        yield "parts.orchestration needs what to run on: parts.databricks or parts.emr."
    if not 1 <= longest <= _LONGEST_RUN:
        yield f"orchestration.longest_minutes is {longest}. It can be 1 to {_LONGEST_RUN}."
    if job < 1:
        yield f"orchestration.job_id is {job}: the id of a job in the workspace is needed."
    if not _HOST.fullmatch(settings.orchestration.workspace_host):
        yield (
            f"orchestration.workspace_host is {settings.orchestration.workspace_host!r}: a host name is "
            "needed, without https:// and path."
        )
    if not 0 <= emr.most_quarantined <= 1:
        yield f"emr.most_quarantined is {emr.most_quarantined}: a share is needed, 0 to 1."
    if not _PRODUCT.fullmatch(emr.product):
        yield f"emr.product is {emr.product!r}. It can have letters, digits and _ . / : -."
    for name in ("vcpu", "memory_gb"):
        if getattr(emr, name) < 1:
            yield f"emr.{name} is {getattr(emr, name)}: at least 1 is needed."


def _monitoring(settings: Settings) -> Iterator[str]:
    locked, kept = settings.monitoring.locked_days, settings.retention.logs_days
    if locked > kept:
        yield (
            f"monitoring.locked_days is {locked}: logs are deleted after retention.logs_days ({kept}), "
            "and what is locked cannot be."
        )
    # An alarm looks at a day at most, or at a week where a period is an hour or longer.
    if not 1 <= settings.monitoring.silent_hours <= 7 * 24:
        yield f"monitoring.silent_hours is {settings.monitoring.silent_hours}: CloudWatch looks at 1 to 168."


def _databricks(settings: Settings) -> Iterator[str]:
    found = settings.databricks
    for name in ("aws_account", "image_account"):
        if not _ACCOUNT.fullmatch(getattr(found, name)):
            yield f"databricks.{name} is {getattr(found, name)!r}: an id of 12 digits is needed."
    if not _UUID.fullmatch(settings.databricks_account):
        yield f"MEDALLION_DATABRICKS_ACCOUNT is {settings.databricks_account!r}: a UUID is needed."
    for name in ("workspace_service", "relay_service"):
        service = getattr(found, name)
        if not service.startswith(f"com.amazonaws.vpce.{settings.region}."):
            yield f"databricks.{name} is {service}, which is not in {settings.region}."
    if not found.serverless_paths or any(not path.startswith("o-") for path in found.serverless_paths):
        yield "databricks.serverless_paths needs paths of Databricks' organization: o-.../r-.../ou-.../*."
    for block in found.control_plane_addresses:
        try:
            wide = IPv4Network(block).prefixlen < 16
        except ValueError:
            wide = True
        if wide:
            yield f"databricks.control_plane_addresses has {block!r}: blocks of /16 and smaller are needed."
