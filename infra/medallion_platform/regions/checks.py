"""What must hold before a failover changes anything: each raises FailoverError, which says what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_platform.regions.found import FailoverError, Region, source_of

# Nobody can write while a replica catches up, and one of an idle database is five minutes behind.
_MOST_BEHIND = timedelta(minutes=15)


def check_room(region: Region) -> None:
    """That what takes writes in a region, if anything, can be closed."""
    if region.writer() and region.find(region.former):
        raise FailoverError(
            f"{region.former} of an earlier failover is still in {region.name}: delete it, or rename it."
        )


def check_source(region: Region, found: dict[str, Any], source: Region) -> None:
    """That a replica, if it is one, is of the other region's instance."""
    if source_of(found) and not region.is_replica_of(found, source):
        raise FailoverError(
            f"{region.identifier} in {region.name} is a replica of {source_of(found)}, and not of "
            f"{source.identifier} in {source.name}: it has other data."
        )


def check_lag(region: Region) -> None:
    """That the replica replicates, and soon has all, before anything is closed."""
    now = datetime.now(UTC)
    known = region.lags(now - _MOST_BEHIND, now + timedelta(minutes=5))
    behind = known[-1][1] if known else -1
    if not 0 <= behind <= _MOST_BEHIND.total_seconds():
        how = f"is {behind:.0f} seconds behind" if behind > 0 else "does not replicate"
        raise FailoverError(
            f"{region.identifier} in {region.name} {how}, and nobody could write until it has caught up. "
            "Come again when it has, or with --source-is-lost to go on without the rest."
        )
