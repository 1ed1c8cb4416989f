"""All that is watched: one list, of which alarms and dashboards are made. Thresholds are settings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.shipped import product_folder
from medallion_platform.keys import copied_zones
from medallion_platform.monitoring.filters import FILTERS, trail_namespace
from medallion_platform.monitoring.flows import delivery, events, machines
from medallion_platform.monitoring.watches import Metric, Watch
from medallion_platform.regions.backup import onward_arn
from medallion_platform.regions.database import identifier
from medallion_platform.settings import Settings

# Of the library's metrics: medallion_pipelines/operations/metrics.py.
_LIBRARY = "Medallion"
# A backup is made each day, and takes some hours to be copied.
_BACKUP_HOURS = 36
# The one rule that zones are copied by: zones/buckets.py.
_RULE = "to-replica"


def watches(settings: Settings, account: str, *, replica: bool = False) -> list[Watch]:
    """What is watched in an account's region: of the parts that are deployed, and only of these."""
    parts = settings.parts
    found: list[Watch] = []
    if replica:
        found += _copied(settings, account)
        if account == "engineering" and parts.failover:
            found += _replica_of_database(settings)
        if account == "engineering" and parts.backup:
            found += _backups(settings)
        return found
    if account == "engineering":
        if parts.streams:
            found += [*events(settings), *delivery(settings)]
        found += [*machines(settings), *_library(settings)]
        if parts.rds:
            found += _database(settings)
        if parts.database:
            found += _changes(settings)
    if parts.replication:
        found += _not_copied(settings, account)
    if parts.trail == "accounts" or account == "management":
        found += _trail(settings)
    return found


@cache
def _quarantining(product: str) -> tuple[str, tuple[str, ...]]:
    """The name by which a product's metrics are told, and its tables with a quarantine: the silver ones."""
    found = load_product(product_folder(product))
    return found.name, tuple(sorted(key for key, table in found.tables.items() if table.layer == "silver"))


def _library(settings: Settings) -> Iterator[Watch]:
    """What the library says of its own runs, in the account where it runs."""
    product, quarantining = _quarantining(settings.monitoring.product)
    behind = settings.monitoring.behind_minutes
    of = {"Product": product}
    quiet = "Between runs it is as the last one left it."
    yield Watch(
        "Tables",
        "runs-failed",
        f"A run of {product} failed: medallion status tells of each step.",
        0,
        "ignore",
        quiet,
        (Metric(_LIBRARY, "FailedRuns", of, "Sum"),),
    )
    yield Watch(
        "Tables",
        "steps-failed",
        f"Steps of {product} fail run after run: the tables behind them are not built.",
        0,
        "ignore",
        quiet,
        (Metric(_LIBRARY, "FailedSteps", of, "Sum"),),
        seconds=3600,
        periods=3,
    )
    yield Watch(
        "Tables",
        "streams-behind",
        f"A table of {product} is more than {behind} minutes behind its stream.",
        behind * 60_000,
        "ignore",
        quiet,
        expression=f'SELECT MAX(MillisBehindLatest) FROM SCHEMA("{_LIBRARY}", Product, Table) '
        f"WHERE Product = '{product}'",
        seconds=3600,
    )
    for table in quarantining:
        of = {"Product": product, "Table": table}
        yield Watch(
            "Quarantine",
            f"quarantined-{table.replace('.', '-')}",
            f"More of what came to {table} is in quarantine than usual: medallion quarantine list.",
            100 * settings.monitoring.most_quarantined,
            "ignore",
            quiet,
            (
                Metric(_LIBRARY, "RowsQuarantined", of, "Sum"),
                Metric(_LIBRARY, "RowsIn", of, "Sum"),
            ),
            # a replay brings no rows in, and takes some out of quarantine
            expression="IF(m2 > 0, 100 * m1 / m2, 0)",
            seconds=3600,
        )


def _pair(settings: Settings, zone: str) -> dict[str, str]:
    return {
        "SourceBucket": settings.bucket(zone),
        "DestinationBucket": settings.bucket(zone, replica=True),
        "RuleId": _RULE,
    }


def _not_copied(settings: Settings, account: str) -> Iterator[Watch]:
    """S3 tells of failures in the source's region, and how late it is in the destination's."""
    for zone in copied_zones(settings, account):
        yield Watch(
            "Replication",
            f"{zone}-not-copied",
            f"Objects of {zone} were not copied, and will not be without help: S3 Batch Replication.",
            0,
            "notBreaching",
            "Nothing is told while nothing is to be copied.",
            (Metric("AWS/S3", "OperationsFailedReplication", _pair(settings, zone), "Sum"),),
        )


def _copied(settings: Settings, account: str) -> Iterator[Watch]:
    minutes = settings.monitoring.replication_minutes
    for zone in copied_zones(settings, account):
        yield Watch(
            "Replication",
            f"{zone}-copied-late",
            f"The copy of {zone} is more than {minutes} minutes behind; S3 promises 15.",
            minutes * 60,
            "notBreaching",
            "Nothing is told while nothing is to be copied.",
            (Metric("AWS/S3", "ReplicationLatency", _pair(settings, zone), "Maximum"),),
            periods=2,
        )


def _storage(settings: Settings, which: str) -> Watch:
    free = settings.monitoring.database_free_gb
    return Watch(
        "Database",
        f"{which}-full",
        f"The {which} has less than {free} GB left.",
        free * 1024**3,
        "missing",
        "An instance that is stopped tells nothing; whether it should be, the alarm cannot know.",
        (
            Metric(
                "AWS/RDS",
                "FreeStorageSpace",
                {"DBInstanceIdentifier": identifier(settings)},
                "Minimum",
            ),
        ),
        below=True,
        periods=2,
    )


def _database(settings: Settings) -> Iterator[Watch]:
    yield _storage(settings, "database")


def _replica_of_database(settings: Settings) -> Iterator[Watch]:
    yield _storage(settings, "replica")
    seconds = settings.monitoring.replica_lag_seconds
    yield Watch(
        "Database",
        "replica-behind",
        f"The replica is more than {seconds} seconds behind, or does not replicate: a failover loses that.",
        seconds,
        "breaching",
        "An instance that is no replica tells no lag, nor does one that is not there.",
        (Metric("AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": identifier(settings)}, "Maximum"),),
        expression=f"IF(m1 < 0, {seconds + 1}, m1)",  # -1 is a replica that does not replicate
        seconds=60,
        # where nobody writes the lag grows for five minutes, until RDS itself writes something
        periods=10,
    )


def _backups(settings: Settings) -> Iterator[Watch]:
    """By what is done last: without a backup, its copy, or the event that tells of it, it is not done."""
    yield Watch(
        "Database",
        "backup-silent",
        f"No backup was sent on to the account recovery for {_BACKUP_HOURS} hours, whatever the reason.",
        1,
        "breaching",
        "Nothing sent on is just what it is about.",
        (Metric("AWS/States", "ExecutionsSucceeded", {"StateMachineArn": onward_arn(settings)}, "Sum"),),
        below=True,
        seconds=3600,
        periods=_BACKUP_HOURS,
    )


def _changes(settings: Settings) -> Iterator[Watch]:
    """Of all replications there are: the dimension of DMS Serverless was found nowhere."""
    minutes = settings.monitoring.dms_minutes
    for metric, where in (("CDCLatencySource", "read"), ("CDCLatencyTarget", "written")):
        yield Watch(
            "Database",
            f"changes-{where}-late",
            f"Changes of the database are {where} more than {minutes} minutes late.",
            minutes * 60,
            "missing",
            "DMS tells nothing before the first load is done, nor while it is stopped on purpose.",
            expression=f'SELECT MAX({metric}) FROM "AWS/DMS"',
            periods=3,
        )


def _trail(settings: Settings) -> Iterator[Watch]:
    for name, filter_ in FILTERS.items():
        yield Watch(
            "Trail",
            name,
            filter_.meaning,
            0,
            "notBreaching",
            "The filter counts what happened; nothing did.",
            (Metric(trail_namespace(settings), filter_.metric, {}, "Sum"),),
        )
