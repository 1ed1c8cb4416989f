"""All that is watched: one list, of which alarms and dashboards are made. Thresholds are settings."""

from __future__ import annotations

from collections.abc import Iterator

from medallion_platform.keys import zones_of
from medallion_platform.machine import machine_arn
from medallion_platform.monitoring.filters import FILTERS, trail_namespace
from medallion_platform.monitoring.watches import Metric, Watch
from medallion_platform.settings import Settings

# Of the library's metrics: medallion_pipelines/operations/metrics.py.
_LIBRARY = "Medallion"
# The one rule that zones are copied by: zones/buckets.py.
_RULE = "to-replica"


def watches(settings: Settings, account: str, *, replica: bool = False) -> list[Watch]:
    """What is watched in an account's region: of the parts that are deployed, and only of these."""
    parts = settings.parts
    found: list[Watch] = []
    if replica:
        found += _copied(settings, account)
        if account == "engineering" and parts.database:
            found += _replica_of_database(settings)
        return found
    if account == "engineering":
        if parts.streams:
            found += [*_events(settings), *_delivery(settings)]
        found += [*_machines(settings), *_library(settings)]
        if parts.database:
            found += [*_database(settings), *_changes(settings)]
    if parts.replication:
        found += _not_copied(settings, account)
    if parts.trail == "accounts" or account == "management":
        found += _trail(settings)
    return found


def _events(settings: Settings) -> Iterator[Watch]:
    stream = {"StreamName": f"{settings.prefix}-events"}
    function = {"FunctionName": f"{settings.prefix}-landing"}
    behind = settings.monitoring.behind_minutes
    yield Watch(
        "Events",
        "events-behind",
        f"What reads the stream is more than {behind} minutes behind.",
        behind * 60_000,
        "breaching",
        "The function and Firehose ask all the time: without data, nobody reads.",
        (Metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, "Maximum"),),
        periods=3,
    )
    yield Watch(
        "Events",
        "events-refused",
        "The stream refuses producers; it grows, but not at once.",
        0,
        "notBreaching",
        "Where nothing is written, nothing is refused.",
        (Metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream, "Sum"),),
        periods=3,
    )
    yield Watch(
        "Events",
        "landing-fails",
        "The landing function fails; batches are tried again, then kept in the queue landing-failed.",
        0,
        "notBreaching",
        "Where there are no events, it is not called.",
        (Metric("AWS/Lambda", "Errors", function, "Sum"),),
        periods=2,
        of_periods=3,
    )
    yield Watch(
        "Events",
        "landing-throttled",
        "The landing function needs more than the executions reserved for it.",
        0,
        "notBreaching",
        "Where there are no events, it is not called.",
        (Metric("AWS/Lambda", "Throttles", function, "Sum"),),
        periods=2,
        of_periods=3,
    )
    yield _kept(settings, "Events", "landing-failed", "Events or files are in no zone; replay them.")
    yield Watch(
        "Events",
        "drops-wait",
        f"A file that a partner dropped waits for more than {behind} minutes.",
        behind * 60,
        "notBreaching",
        "SQS tells nothing of queues that are empty for hours.",
        (
            Metric(
                "AWS/SQS",
                "ApproximateAgeOfOldestMessage",
                {"QueueName": f"{settings.prefix}-drops"},
                "Maximum",
            ),
        ),
    )


def _delivery(settings: Settings) -> Iterator[Watch]:
    of = {"DeliveryStreamName": f"{settings.prefix}-events"}
    late = settings.monitoring.delivery_minutes
    yield Watch(
        "Delivery",
        "delivery-late",
        f"The oldest event that Firehose has not brought to raw is more than {late} minutes old.",
        late * 60,
        "notBreaching",
        "Nothing is told while there is nothing to deliver; of what cannot be delivered the age is told.",
        (Metric("AWS/Firehose", "DeliveryToS3.DataFreshness", of, "Maximum"),),
        periods=2,
    )
    yield Watch(
        "Delivery",
        "delivery-fails",
        "Firehose cannot write into raw: look at its log group, then at the bucket's policy and key.",
        1,
        "notBreaching",
        "Nothing is told while there is nothing to deliver.",
        (Metric("AWS/Firehose", "DeliveryToS3.Success", of, "Average"),),
        below=True,
        periods=2,
    )
    yield Watch(
        "Delivery",
        "delivery-unconverted",
        "Events are no JSON of the schema; they are below firehose-errors/ in raw.",
        0,
        "notBreaching",
        "Nothing is told while there is nothing to convert.",
        (Metric("AWS/Firehose", "FailedConversion.Records", of, "Sum"),),
    )


def _machines(settings: Settings) -> Iterator[Watch]:
    parts = settings.parts
    machines = {"pipeline": parts.orchestration, "batch-copy": parts.batch}
    for name in (name for name, there in machines.items() if there):
        of = {"StateMachineArn": machine_arn(settings, name)}
        for metric, how in (("ExecutionsFailed", "failed"), ("ExecutionsTimedOut", "timed-out")):
            yield Watch(
                "Jobs",
                f"{name}-{how}",
                f"A run of the machine {name} has {how.replace('-', ' ')}.",
                0,
                "notBreaching",
                "Where nothing runs, nothing fails; that nothing runs has an alarm of its own.",
                (Metric("AWS/States", metric, of, "Sum"),),
            )
    if parts.orchestration:
        hours = settings.monitoring.silent_hours
        yield Watch(
            "Jobs",
            "pipeline-silent",
            f"No run of the pipeline has ended well for {hours} hours, whatever the reason.",
            1,
            "breaching",
            "No run at all is just what it is about.",
            (
                Metric(
                    "AWS/States",
                    "ExecutionsSucceeded",
                    {"StateMachineArn": machine_arn(settings, "pipeline")},
                    "Sum",
                ),
            ),
            below=True,
            seconds=3600,
            periods=hours,
        )
        yield _kept(settings, "Jobs", "pipeline-failed", "What arrived was not taken in; run it again.")
        yield _kept(settings, "Jobs", "not-started", "What arrived could not start the pipeline.")


def _kept(settings: Settings, concern: str, queue: str, meaning: str) -> Watch:
    of = {"QueueName": f"{settings.prefix}-{queue}"}
    return Watch(
        concern,
        f"{queue}-holds",
        f"The queue {queue} is not empty. {meaning}",
        0,
        "notBreaching",
        "SQS tells nothing of queues that are empty for hours.",
        (Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", of, "Maximum"),),
    )


def _library(settings: Settings) -> Iterator[Watch]:
    """What the library says of its own runs, in the account where it runs."""
    product, behind = settings.monitoring.product, settings.monitoring.behind_minutes
    of = {"Product": product}
    quiet = "Between runs there is no data."
    yield Watch(
        "Tables",
        "runs-failed",
        f"A run of {product} failed: medallion status tells of each step.",
        0,
        "notBreaching",
        quiet,
        (Metric(_LIBRARY, "FailedRuns", of, "Sum"),),
    )
    yield Watch(
        "Tables",
        "steps-failed",
        f"Steps of {product} fail run after run: the tables behind them are not built.",
        0,
        "notBreaching",
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
        "notBreaching",
        quiet,
        expression=f'SELECT MAX(MillisBehindLatest) FROM SCHEMA("{_LIBRARY}", Product, Table) '
        f"WHERE Product = '{product}'",
    )
    for table in settings.monitoring.quarantines:
        of = {"Product": product, "Table": table}
        yield Watch(
            "Quarantine",
            f"quarantined-{table.replace('.', '-')}",
            f"More of what came to {table} is in quarantine than usual: medallion quarantine list.",
            100 * settings.monitoring.most_quarantined,
            "notBreaching",
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
    for zone in zones_of(account):
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
    for zone in zones_of(account):
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
                {"DBInstanceIdentifier": settings.monitoring.database},
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
        f"The replica is more than {seconds} seconds behind: what a failover now would lose.",
        seconds,
        "breaching",
        "A replica that does not replicate tells no lag.",
        (Metric("AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": settings.monitoring.database}, "Maximum"),),
        seconds=60,
        periods=5,
    )


def _changes(settings: Settings) -> Iterator[Watch]:
    """Of all replications there are: the dimension of DMS Serverless is not documented."""
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
