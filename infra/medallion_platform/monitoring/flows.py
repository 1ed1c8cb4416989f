"""What is watched of the flow of data: events, their delivery, and the machines that take them in."""

from __future__ import annotations

from collections.abc import Iterator

from medallion_platform.machine import machine_arn
from medallion_platform.monitoring.watches import Metric, Watch
from medallion_platform.settings import Settings


def events(settings: Settings) -> Iterator[Watch]:
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


def delivery(settings: Settings) -> Iterator[Watch]:
    of = {"DeliveryStreamName": f"{settings.prefix}-events"}
    late = settings.monitoring.delivery_minutes
    yield Watch(
        "Delivery",
        "delivery-late",
        f"The oldest event that Firehose has not brought to raw is more than {late} minutes old.",
        late * 60,
        "notBreaching",
        "Nothing is told while nothing is delivered: that events come all the same has an alarm of its own.",
        (Metric("AWS/Firehose", "DeliveryToS3.DataFreshness", of, "Maximum"),),
        periods=2,
    )
    yield Watch(
        "Delivery",
        "delivery-stands",
        f"Events come into the stream, and Firehose brings none to raw, for twice {late} minutes.",
        0,
        "notBreaching",
        "Where nothing is written, there is nothing to deliver.",
        (
            Metric("AWS/Kinesis", "IncomingRecords", {"StreamName": f"{settings.prefix}-events"}, "Sum"),
            Metric("AWS/Firehose", "DeliveryToS3.Records", of, "Sum"),
        ),
        expression="IF(m1 > 0 AND FILL(m2, 0) == 0, 1, 0)",
        seconds=late * 60,
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


def machines(settings: Settings) -> Iterator[Watch]:
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
