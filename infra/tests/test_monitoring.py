"""What is watched: by metrics that exist, with somebody called; who did what is kept, and can be asked."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest
from filter_patterns import finds
from moto import mock_aws
from simulator import Policies, Request
from templates import Templates
from test_access import ADMIN, CATALOG, EXTERNAL, may_do_anything
from test_parts import NONE

from check import EVERYTHING
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.results import StepResult
from medallion_platform.monitoring.declared import watches
from medallion_platform.monitoring.filters import FILTERS, trail_namespace
from medallion_platform.settings import ACCOUNTS, SettingsError, load

# By its file: its package wants Spark, which infra/ does without.
_SPEC = importlib.util.spec_from_file_location(
    "metrics", Path(__file__).parents[2] / "src/medallion_pipelines/operations/metrics.py"
)
assert _SPEC and _SPEC.loader
library = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(library)

PRODUCTS = Path(__file__).parents[2] / "src/medallion_pipelines/products"
SETTINGS = load(environ={}, parts=EVERYTHING)
ENGINEERING = SETTINGS.account("engineering")
IN_REGION = {"aws:RequestedRegion": "eu-west-1"}

# As the services' own documentation has them: the metric, and all dimensions that it is told by.
DOCUMENTED = {
    "AWS/Kinesis": {
        "GetRecords.IteratorAgeMilliseconds": {"StreamName"},
        "IncomingRecords": {"StreamName"},
        "WriteProvisionedThroughputExceeded": {"StreamName"},
    },
    "AWS/Lambda": {"Errors": {"FunctionName"}, "Throttles": {"FunctionName"}},
    "AWS/SQS": {
        "ApproximateNumberOfMessagesVisible": {"QueueName"},
        "ApproximateAgeOfOldestMessage": {"QueueName"},
    },
    "AWS/Firehose": {
        "DeliveryToS3.DataFreshness": {"DeliveryStreamName"},
        "DeliveryToS3.Records": {"DeliveryStreamName"},
        "DeliveryToS3.Success": {"DeliveryStreamName"},
        "FailedConversion.Records": {"DeliveryStreamName"},
    },
    "AWS/States": {
        name: {"StateMachineArn"}
        for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsSucceeded")
    },
    "AWS/S3": {
        name: {"SourceBucket", "DestinationBucket", "RuleId"}
        for name in ("OperationsFailedReplication", "ReplicationLatency")
    },
    "AWS/RDS": {"FreeStorageSpace": {"DBInstanceIdentifier"}, "ReplicaLag": {"DBInstanceIdentifier"}},
    "AWS/DMS": {"CDCLatencySource": set(), "CDCLatencyTarget": set()},  # by a query, whatever the dimensions
}


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> dict[str, dict[str, set[str]]]:
    """All metrics there are: AWS's, the library's as it writes them, those that filters of trails make."""
    file = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    metrics = library.Metrics(file, "flights", "run")
    metrics.finish(StepResult("silver.flights", "succeeded", millis_behind_latest=1))
    metrics.end(succeeded=True)
    found: dict[str, dict[str, set[str]]] = {**DOCUMENTED, library.NAMESPACE: {}}
    for line in file.read_text().splitlines():
        [directive] = json.loads(line)["_aws"]["CloudWatchMetrics"]
        [dimensions] = directive["Dimensions"]
        found[directive["Namespace"]] |= {each["Name"]: set(dimensions) for each in directive["Metrics"]}
    found[trail_namespace(SETTINGS)] = {each.metric: set() for each in FILTERS.values()}
    return found


@pytest.fixture(scope="module")
def alarms(platform: Templates) -> dict[str, dict[str, Any]]:
    """Those of this part, by their stack and name."""
    return {
        f"{one.stack.name}/{one.properties['AlarmName']}": one.properties
        for one in platform.resources("AWS::CloudWatch::Alarm")
        if one.stack.name.endswith("monitoring")
    }


QUERY = re.compile(
    r"SELECT MAX\((?P<metric>\w+)\) FROM "
    r'(SCHEMA\("(?P<schema>\w+)", (?P<by>[\w, ]+)\) WHERE (?P<where>\w+) = \'\w+\'|"(?P<namespace>[\w/]+)")'
)


def metrics_of(alarm: dict[str, Any]) -> list[tuple[str, str, dict[str, str] | set[str]]]:
    """Namespace, name and dimensions of all that an alarm looks at."""
    if "Metrics" not in alarm:
        of = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
        return [(alarm["Namespace"], alarm["MetricName"], of)]
    found: list[tuple[str, str, dict[str, str] | set[str]]] = []
    for each in alarm["Metrics"]:
        if "MetricStat" in each:
            metric = each["MetricStat"]["Metric"]
            of = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            found.append((metric["Namespace"], metric["MetricName"], of))
        elif query := QUERY.fullmatch(each["Expression"]):
            by = set((query["by"] or "").split(", ")) - {""}
            assert query["where"] is None or query["where"] in by
            found.append((query["schema"] or query["namespace"], query["metric"], by))
    return found


def check(alarm: dict[str, Any], topic: str, known: dict[str, dict[str, set[str]]]) -> None:
    """An alarm that can fire and is heard. Fails where it is not."""
    looked_at = metrics_of(alarm)
    assert looked_at
    for namespace, name, of in looked_at:
        assert set(of) == known[namespace][name], f"{namespace} {name} is told by {known[namespace][name]}"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic] and alarm["ActionsEnabled"] is True
    assert alarm["TreatMissingData"] in ("breaching", "ignore", "missing", "notBreaching")
    assert "Without data: " in alarm["AlarmDescription"], "and the reason for it"
    periods = [each["MetricStat"]["Period"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    period = alarm.get("Period") or max(periods, default=300)
    longest = 7 * 24 * 3600 if period >= 3600 else 24 * 3600
    assert period * alarm["EvaluationPeriods"] <= longest, "CloudWatch looks no further back"
    assert 1 <= alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]
    expressions = [each for each in alarm.get("Metrics", []) if "Expression" in each]
    if expressions and not QUERY.fullmatch(expressions[0]["Expression"]):
        ids = {each["Id"] for each in alarm["Metrics"] if "MetricStat" in each}
        assert set(re.findall(r"m\d+", expressions[0]["Expression"])) == ids
    assert [each["Id"] for each in alarm.get("Metrics", []) if each["ReturnData"]] in ([], ["watched"])


def topic_of(stack: str) -> str:
    account = stack.split("-")[1]
    region = SETTINGS.replica.region if "-replica-" in stack else SETTINGS.region
    return f"arn:aws:sns:{region}:{SETTINGS.account(account)}:medallion-alarms"


def test_every_alarm_looks_at_a_metric_that_exists_and_calls_people_when_it_is_bad_and_when_it_is_well(
    alarms, known
):
    assert len(alarms) > 50
    for name, alarm in alarms.items():
        check(alarm, topic_of(name.split("/")[0]), known)


MUTANTS = {
    "without a dimension": lambda alarm: alarm["Dimensions"].pop(),
    "with a dimension of another service": lambda alarm: alarm["Dimensions"][0].update(Name="QueueName"),
    "of a metric that is not": lambda alarm: alarm.update(MetricName="IteratorAge"),
    "that calls nobody": lambda alarm: alarm["AlarmActions"].clear(),
    "that never says it is well": lambda alarm: alarm.pop("OKActions"),
    "that is off": lambda alarm: alarm.update(ActionsEnabled=False),
    "that does not say what no data means": lambda alarm: alarm.pop("TreatMissingData"),
    "that looks back too far": lambda alarm: alarm.update(EvaluationPeriods=400),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_alarm_that_cannot_do_so_is_found(alarms, known, mutant):
    name = "medallion-engineering-monitoring/medallion-events-behind"
    alarm = copy.deepcopy(alarms[name])
    check(alarm, topic_of(name), known)
    MUTANTS[mutant](alarm)
    with pytest.raises((AssertionError, KeyError)):
        check(alarm, topic_of(name), known)


def test_an_expression_without_one_of_its_dimensions_is_found(alarms, known):
    name = "medallion-engineering-monitoring/medallion-quarantined-silver-flights"
    alarm = copy.deepcopy(alarms[name])
    check(alarm, topic_of(name), known)
    alarm["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"].pop()
    with pytest.raises(AssertionError, match="is told by"):
        check(alarm, topic_of(name), known)


def test_what_alarms_look_at_is_there(platform: Templates, alarms):
    """Streams, functions, queues, machines, buckets and rules of these names are in the same account."""
    there: set[tuple[str, str, str]] = set()
    for type_, dimension, named in (
        ("AWS::Kinesis::Stream", "StreamName", "Name"),
        ("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName", "DeliveryStreamName"),
        ("AWS::Lambda::Function", "FunctionName", "FunctionName"),
        ("AWS::SQS::Queue", "QueueName", "QueueName"),
        ("AWS::S3::Bucket", "DestinationBucket", "BucketName"),
    ):
        there |= {(one.stack.account, dimension, one.properties[named]) for one in platform.resources(type_)}
    there |= {
        (one.stack.account, "StateMachineArn", one.name)
        for one in platform.resources("AWS::StepFunctions::StateMachine")
    }
    for one in platform.resources("AWS::S3::Bucket"):
        for rule in one.properties.get("ReplicationConfiguration", {}).get("Rules", []):
            there |= {
                (one.stack.account, "SourceBucket", one.properties["BucketName"]),
                (one.stack.account, "RuleId", rule["Id"]),
            }
            assert rule["Destination"]["Metrics"]["Status"] == "Enabled"
    looked_at = 0
    for name, alarm in alarms.items():
        account = SETTINGS.account(name.split("-")[1])
        for namespace, _, of in metrics_of(alarm):
            if namespace in ("AWS/RDS", "AWS/DMS", library.NAMESPACE, trail_namespace(SETTINGS)):
                continue  # the instance is told by a setting; the others are tested elsewhere
            for dimension, value in of.items():
                assert (account, dimension, value) in there, (name, dimension, value)
                looked_at += 1
    assert looked_at > 40


def test_every_table_with_a_quarantine_is_watched_as_the_contracts_have_it(tmp_path):
    def watched(product: str) -> list[dict[str, str]]:
        settings = load(environ={}, parts=EVERYTHING, monitoring={"product": product})
        found = [one for one in watches(settings, "engineering") if one.concern == "Quarantine"]
        return [dict(metric.of) for one in found for metric in one.metrics[:1]]

    tables = load_product(PRODUCTS / "flights").tables.values()
    silver = sorted(table.key for table in tables if table.layer == "silver")
    assert len(silver) == 8
    assert watched("flights") == [{"Product": "flights", "Table": key} for key in silver]
    (tmp_path / "another").mkdir()
    shutil.copy(PRODUCTS / "flights/silver/airlines.odcs.yaml", tmp_path / "another")
    of = [{"Product": "another", "Table": "silver.airlines"}]
    assert watched(str(tmp_path / "another")) == of, "as the library tells its metrics: by the folder's name"


def reckoned(expression: str, **metrics: float | None) -> float | None:
    """An expression of CloudWatch with IF, AND and FILL; without one of its metrics it is nothing."""
    text = re.sub(r"FILL\((m\d), (\d+)\)", lambda found: repr(metrics[found[1]] or int(found[2])), expression)
    if any(metrics[name] is None for name in re.findall(r"m\d", text)):
        return None
    text = re.sub(r"IF\((.+?), (.+), (.+)\)", r"(\2) if (\1) else (\3)", text)
    return float(eval(text.replace("AND", "and"), {}, metrics))


@pytest.mark.parametrize(
    ("name", "metrics", "calls"),
    [
        ("replica-monitoring/medallion-replica-behind", {"m1": 3.0}, False),
        ("replica-monitoring/medallion-replica-behind", {"m1": 61.0}, True),
        ("replica-monitoring/medallion-replica-behind", {"m1": -1.0}, True),  # it does not replicate
        ("replica-monitoring/medallion-replica-behind", {"m1": None}, True),
        ("monitoring/medallion-delivery-stands", {"m1": 5.0, "m2": 5.0}, False),
        ("monitoring/medallion-delivery-stands", {"m1": 5.0, "m2": 0.0}, True),
        ("monitoring/medallion-delivery-stands", {"m1": 5.0, "m2": None}, True),  # blocked, it tells nothing
        ("monitoring/medallion-delivery-stands", {"m1": None, "m2": None}, False),
        ("monitoring/medallion-quarantined-silver-flights", {"m1": 6.0, "m2": 100.0}, True),
        ("monitoring/medallion-quarantined-silver-flights", {"m1": 5.0, "m2": 100.0}, False),
        ("monitoring/medallion-quarantined-silver-flights", {"m1": 6.0, "m2": 0.0}, False),  # a replay
    ],
)
def test_an_expression_calls_when_it_is_bad_and_only_then(alarms, name, metrics, calls):
    alarm = alarms[f"medallion-engineering-{name}"]
    [expression] = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    value = reckoned(expression, **metrics)
    bad = alarm["TreatMissingData"] == "breaching" if value is None else value > alarm["Threshold"]
    assert bad is calls


def test_a_replica_of_a_database_that_nobody_writes_to_is_no_reason_to_call(alarms):
    """Its lag grows to five minutes and begins anew: there are always some in a row without an alarm."""
    alarm = alarms["medallion-engineering-replica-monitoring/medallion-replica-behind"]
    lags = [(60 * minute) % 300 + 30 for minute in range(alarm["EvaluationPeriods"])]
    assert sum(lag > alarm["Threshold"] for lag in lags) < alarm["DatapointsToAlarm"] - 1


# What each part brings to be watched. Of anything else there is an alarm without it, too.
BRINGS = {
    "streams": {"Events", "Delivery"},
    "replication": {"Replication"},
    "database": {"Database"},
    "trail": {"Trail"},
}
OFF: dict[str, dict[str, Any]] = {
    "replication": {"replication": False, "failover": False, "backup": False},
    "database": dict.fromkeys(("database", "rds", "failover", "backup", "federation"), False),
    "trail": {"trail": "none"},
}


@pytest.mark.parametrize("part", BRINGS)
def test_without_a_part_nothing_of_it_is_watched_and_all_else_is(part):
    def concerns(settings: Any) -> Counter[str]:
        return Counter(
            watch.concern
            for account in ACCOUNTS
            for replica in ((False, True) if settings.parts.replication else (False,))
            for watch in watches(settings, account, replica=replica)
        )

    everything = concerns(SETTINGS)
    without = concerns(load(environ={}, parts={**EVERYTHING, **OFF.get(part, {part: False})}))
    assert BRINGS[part] <= set(everything) and not BRINGS[part] & set(without)
    kept = set(everything) - BRINGS[part] - ({"Database"} if part == "replication" else set())
    assert all(without[concern] == everything[concern] for concern in kept)


def test_a_machine_that_is_not_there_is_not_watched():
    def jobs(**parts: bool) -> set[str]:
        settings = load(environ={}, parts={**EVERYTHING, **parts})
        return {watch.name for watch in watches(settings, "engineering") if watch.concern == "Jobs"}

    assert jobs(orchestration=False, emr=False) == {"batch-copy-failed", "batch-copy-timed-out"}
    assert not any("batch" in name for name in jobs(batch=False))
    assert "pipeline-silent" in jobs(batch=False)


def test_that_the_pipeline_does_not_run_at_all_is_an_alarm(alarms):
    silent = alarms["medallion-engineering-monitoring/medallion-pipeline-silent"]
    assert silent["TreatMissingData"] == "breaching" and silent["ComparisonOperator"] == "LessThanThreshold"
    assert silent["Period"] * silent["EvaluationPeriods"] == SETTINGS.monitoring.silent_hours * 3600


def test_that_no_backup_is_sent_on_is_an_alarm_where_it_is_sent_from(alarms):
    [name] = [each for each in alarms if each.endswith("backup-silent")]
    silent = alarms[name]
    assert name.startswith("medallion-engineering-replica-monitoring/")
    assert silent["TreatMissingData"] == "breaching" and silent["ComparisonOperator"] == "LessThanThreshold"
    assert 24 * 3600 < silent["Period"] * silent["DatapointsToAlarm"] < 48 * 3600, "a backup is made each day"
    without = load(environ={}, parts={**EVERYTHING, "backup": False})
    assert not any(one.name == "backup-silent" for one in watches(without, "engineering", replica=True))


def test_s3_tells_of_failures_where_the_source_is_and_of_delays_where_the_copy_is(alarms):
    def stacks(metric: str) -> set[str]:
        return {name.split("/")[0] for name, alarm in alarms.items() if alarm.get("MetricName") == metric}

    zoned = {"medallion-engineering", "medallion-serving"}
    assert stacks("OperationsFailedReplication") == {f"{name}-monitoring" for name in zoned}
    assert stacks("ReplicationLatency") == {f"{name}-replica-monitoring" for name in zoned}


def test_a_dashboard_shows_what_alarms_look_at_a_row_per_concern_and_nothing_twice(
    platform: Templates, alarms
):
    boards = list(platform.resources("AWS::CloudWatch::Dashboard"))
    assert {(board.stack.account, board.stack.region) for board in boards} == {
        *((SETTINGS.account(account), SETTINGS.region) for account in ACCOUNTS),
        *((SETTINGS.account(account), SETTINGS.replica.region) for account in ("engineering", "serving")),
    }
    for board in boards:
        widgets = json.loads(board.properties["DashboardBody"])["widgets"]
        shown = [one for one in widgets if one["type"] == "metric"]
        own = {
            name.split("medallion-")[-1]: alarm
            for name, alarm in alarms.items()
            if name.startswith(f"{board.stack.name}/")
        }
        assert Counter(one["properties"]["title"] for one in shown) == Counter(list(own))
        lines: list[Any] = []
        for one in shown:
            properties, alarm = one["properties"], own[one["properties"]["title"]]
            assert properties["region"] == board.stack.region
            [line] = properties["annotations"]["horizontal"]
            assert line["value"] == alarm["Threshold"]
            told = [each for each in properties["metrics"] if len(each) > 1]
            asked = [each[0]["expression"] for each in properties["metrics"] if len(each) == 1]
            assert asked == [each["Expression"] for each in alarm.get("Metrics", []) if "Expression" in each]
            lines += [tuple(each[:-1]) for each in told] + [each for each in asked if "SELECT" in each]
            looked_at = [metric for metric in metrics_of(alarm) if isinstance(metric[2], dict)]
            assert [tuple(each[:-1]) for each in told] == [
                (namespace, name, *(part for pair in of.items() for part in pair))
                for namespace, name, of in looked_at
            ]
        assert max(Counter(lines).values()) == 1
        places = [
            (x, y)
            for one in widgets
            for x in range(one["x"], one["x"] + one["width"])
            for y in range(one["y"], one["y"] + one["height"])
        ]
        assert len(places) == len(set(places)) and max(x for x, _ in places) < 24


def test_alarms_are_heard_through_an_encrypted_topic_and_by_nobody_else(platform: Templates):
    policies = Policies.of(platform)
    for stack in ("medallion-engineering-monitoring", "medallion-engineering-replica-monitoring"):
        topic, region = topic_of(stack), platform.stacks[stack].region
        key = platform.one("AWS::KMS::Key", stack=stack)
        arn = f"arn:aws:kms:{region}:{ENGINEERING}:key/{key.name}"
        made = platform.one("AWS::SNS::Topic", stack=stack)
        assert made.properties["KmsMasterKeyId"] == arn
        ours = {"aws:SourceAccount": ENGINEERING}
        for service in ("cloudwatch.amazonaws.com", "costalerts.amazonaws.com"):
            assert policies.allows(Request(service, "sns:Publish", topic, ours))
            assert not policies.allows(
                Request(service, "sns:Publish", topic, {"aws:SourceAccount": "999999999999"})
            )
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                assert policies.allows(Request(service, action, arn, ours))
                assert not policies.allows(
                    Request(service, action, arn, {"aws:SourceAccount": "999999999999"})
                )
        assert not policies.allows(Request("events.amazonaws.com", "sns:Publish", topic, ours))
        assert not policies.allows(Request(ADMIN, "kms:Decrypt", arn, IN_REGION))
        [told] = platform.resources("AWS::SNS::Subscription", stack=stack)
        assert told.properties == {"TopicArn": topic, "Protocol": "email", "Endpoint": "<OperatorsEmail>"}


def test_what_costs_more_than_it_used_to_is_told(platform: Templates):
    for account in ACCOUNTS:
        stack = f"{account}-monitoring"
        monitor = platform.one("AWS::CE::AnomalyMonitor", stack=stack)
        told = platform.one("AWS::CE::AnomalySubscription", stack=stack).properties
        assert told["MonitorArnList"] == [f"{monitor.id}.MonitorArn"] and told["Frequency"] == "IMMEDIATE"
        assert told["Subscribers"] == [{"Type": "SNS", "Address": topic_of(f"medallion-{stack}")}]
        beyond = json.loads(told["ThresholdExpression"])["Dimensions"]
        assert beyond["Values"] == [str(SETTINGS.monitoring.cost_anomaly_usd)]


# The trail

EVENTS = {
    "root-used": [
        {"eventName": "ListBuckets", "userIdentity": {"type": "Root"}, "eventType": "AwsApiCall"},
    ],
    "sign-in-without-mfa": [
        {
            "eventName": "ConsoleLogin",
            "userIdentity": {"type": "IAMUser"},
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MFAUsed": "No"},
        },
    ],
    "policies-changed": [{"eventName": "PutBucketPolicy"}, {"eventName": "UpdateAssumeRolePolicy"}],
    "keys-changed": [
        {"eventSource": "kms.amazonaws.com", "eventName": "ScheduleKeyDeletion"},
        {"eventSource": "kms.amazonaws.com", "eventName": "PutKeyPolicy"},
    ],
    "ending-key-used": [
        {
            "eventSource": "kms.amazonaws.com",
            "eventName": "Decrypt",
            "errorMessage": "arn:aws:kms:eu-west-1:1:key/mrk-1 is pending deletion.",
        },
    ],
    "trail-stopped": [
        {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging"},
        {"eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors"},
    ],
    "watch-changed": [
        {"eventSource": "monitoring.amazonaws.com", "eventName": "DisableAlarmActions"},
        {"eventSource": "logs.amazonaws.com", "eventName": "DeleteMetricFilter"},
        {"eventSource": "sns.amazonaws.com", "eventName": "Unsubscribe"},
    ],
}
EVERYDAY = [
    {"eventName": "AssumeRole", "userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}},
    {"eventName": "Decrypt", "eventSource": "kms.amazonaws.com", "userIdentity": {"type": "AssumedRole"}},
    # a service on behalf of the account, which it calls root
    {"eventName": "x", "userIdentity": {"type": "Root", "invokedBy": "support.amazonaws.com"}},
    {"eventName": "x", "userIdentity": {"type": "Root"}, "eventType": "AwsServiceEvent"},
    # a person by IAM Identity Center, which asks for MFA itself
    {
        "eventName": "ConsoleLogin",
        "userIdentity": {"type": "AssumedRole"},
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MFAUsed": "No"},
    },
    {
        "eventName": "ConsoleLogin",
        "userIdentity": {"type": "IAMUser"},
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MFAUsed": "Yes"},
    },
    {"eventSource": "logs.amazonaws.com", "eventName": "DisableKey"},
    {"eventSource": "cloudtrail.amazonaws.com", "eventName": "LookupEvents"},
]


def test_the_trails_filters_find_what_they_are_for_and_nothing_else(platform: Templates, alarms):
    for account in ACCOUNTS:
        filters = {
            one.properties["FilterName"].removeprefix("medallion-"): one.properties
            for one in platform.resources("AWS::Logs::MetricFilter", stack=f"{account}-trail")
        }
        assert set(filters) == set(EVENTS)
        for name, found in filters.items():
            assert found["LogGroupName"] == f"/medallion/{account}/trail"
            assert all(finds(found["FilterPattern"], event) for event in EVENTS[name]), name
            others = [*EVERYDAY, *(event for other in EVENTS if other != name for event in EVENTS[other])]
            assert not any(finds(found["FilterPattern"], event) for event in others), name
            [counted] = found["MetricTransformations"]
            alarm = alarms[f"medallion-{account}-monitoring/medallion-{name}"]
            made = (counted["MetricNamespace"], counted["MetricName"])
            assert made == (alarm["Namespace"], alarm["MetricName"])
            assert counted["MetricValue"] == "1" and alarm["Threshold"] == 0


def trails(platform: Templates) -> dict[str, dict[str, Any]]:
    return {one.stack.name: one.properties for one in platform.resources("AWS::CloudTrail::Trail")}


def test_a_trail_of_all_regions_writes_down_who_did_what_and_proves_that_nobody_changed_it(
    platform: Templates,
):
    found = trails(platform)
    assert set(found) == {f"medallion-{account}-trail" for account in ACCOUNTS}
    read: set[str] = set()
    for trail in found.values():
        assert trail["IsLogging"] and trail["IsMultiRegionTrail"] and trail["EnableLogFileValidation"]
        assert trail["IncludeGlobalServiceEvents"] and not trail["IsOrganizationTrail"]
        assert trail["KMSKeyId"].startswith("arn:aws:kms:eu-west-1:") and trail["CloudWatchLogsLogGroupArn"]
        assert {each["InsightType"] for each in trail["InsightSelectors"]} == {
            "ApiCallRateInsight",
            "ApiErrorRateInsight",
        }
        selected = [
            {one["Field"]: one.get("Equals") or one.get("StartsWith") for one in each["FieldSelectors"]}
            for each in trail["AdvancedEventSelectors"]
        ]
        assert {"eventCategory": ["Management"]} in selected
        assert {"eventCategory": ["Data"], "resources.type": ["AWS::Lambda::Function"]} in selected
        for each in selected:
            if each.get("resources.type") == ["AWS::S3::Object"]:
                read |= set(each["resources.ARN"])
    assert read == {
        f"arn:aws:s3:::{SETTINGS.bucket(zone, replica=replica)}/"
        for zone in ("landing", "raw", "trusted", "refined", "error")
        for replica in (False, True)
    }


def test_cloudtrails_own_api_takes_the_trail(platform: Templates, monkeypatch):
    """CloudFormation of no local server knows trails; moto's CloudTrail does."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    trail = trails(platform)["medallion-engineering-trail"]
    with mock_aws():
        where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        boto3.client("s3", "eu-west-1").create_bucket(Bucket=SETTINGS.bucket("trail-engineering"), **where)
        client = boto3.client("cloudtrail", "eu-west-1")
        made = client.create_trail(
            Name=trail["TrailName"],
            S3BucketName=SETTINGS.bucket("trail-engineering"),
            KmsKeyId=trail["KMSKeyId"],
            IsMultiRegionTrail=trail["IsMultiRegionTrail"],
            EnableLogFileValidation=trail["EnableLogFileValidation"],
            CloudWatchLogsLogGroupArn=trail["CloudWatchLogsLogGroupArn"],
            CloudWatchLogsRoleArn=trail["CloudWatchLogsRoleArn"],
        )
        selectors = trail["AdvancedEventSelectors"]
        client.put_event_selectors(TrailName=made["Name"], AdvancedEventSelectors=selectors)
        client.put_insight_selectors(TrailName=made["Name"], InsightSelectors=trail["InsightSelectors"])
        client.start_logging(Name=made["Name"])
        assert client.get_trail_status(Name=made["Name"])["IsLogging"]
        assert client.get_event_selectors(TrailName=made["Name"])["AdvancedEventSelectors"] == selectors


@pytest.fixture(scope="module")
def of_the_organization(tmp_path_factory) -> Templates:
    folder = tmp_path_factory.mktemp("organization")
    return Templates.of(folder, parts={**NONE, "trail": "organization", "monitoring": True})


def test_one_trail_can_be_of_the_whole_organization(of_the_organization: Templates):
    [[stack, trail]] = trails(of_the_organization).items()
    assert stack == "medallion-management-trail" and trail["IsOrganizationTrail"]
    read = {
        arn
        for each in trail["AdvancedEventSelectors"]
        for one in each["FieldSelectors"]
        if one["Field"] == "resources.ARN"
        for arn in one["StartsWith"]
    }
    assert f"arn:aws:s3:::{SETTINGS.bucket('refined')}/" in read and len(read) == 5
    policies = Policies.of(of_the_organization)
    bucket = f"arn:aws:s3:::{SETTINGS.bucket('trail-management')}"
    arn = f"arn:aws:cloudtrail:eu-west-1:{SETTINGS.account('management')}:trail/medallion-management"
    ours = {"aws:SourceArn": arn, "s3:x-amz-acl": "bucket-owner-full-control"}
    for folder in (SETTINGS.account("management"), "<OrganizationId>"):
        written = f"{bucket}/AWSLogs/{folder}/CloudTrail/x"
        assert policies.allows(Request("cloudtrail.amazonaws.com", "s3:PutObject", written, ours))
    alarmed = [
        one.properties["AlarmName"]
        for one in of_the_organization.resources("AWS::CloudWatch::Alarm", stack="management-monitoring")
    ]
    assert set(alarmed) == {f"medallion-{name}" for name in FILTERS}


TRAIL = f"arn:aws:s3:::{SETTINGS.bucket('trail-engineering')}"
OURS = {
    "aws:SourceArn": f"arn:aws:cloudtrail:eu-west-1:{ENGINEERING}:trail/medallion-engineering",
    "s3:x-amz-acl": "bucket-owner-full-control",
}
AUDIT = f"arn:aws:s3:::{SETTINGS.bucket('account-logs-engineering')}"
DELIVERY, AUDITOR = (SETTINGS.role(f"engineering-{name}") for name in ("log-delivery", "auditor"))
DATABRICKS = SETTINGS.databricks.log_delivery_role
LOG = f"{AUDIT}/audit/workspaceId=0/date=2026-01-01/auditlogs_1.json"
_PEOPLE = "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operators_0123456789abcdef"
OPERATOR = f"arn:aws:iam::{ENGINEERING}:{_PEOPLE}"
ATHENA = f"arn:aws:athena:eu-west-1:{ENGINEERING}:workgroup"

MUST_ALLOW = {
    "CloudTrail writes": Request(
        "cloudtrail.amazonaws.com", "s3:PutObject", f"{TRAIL}/AWSLogs/{ENGINEERING}/CloudTrail/x", OURS
    ),
    "CloudTrail looks whose bucket it is": Request(
        "cloudtrail.amazonaws.com", "s3:GetBucketAcl", TRAIL, OURS
    ),
    "Databricks takes on the role of delivery": Request(DATABRICKS, "sts:AssumeRole", DELIVERY, EXTERNAL),
    "Databricks delivers": Request(DELIVERY, "s3:PutObject", LOG),
    "Databricks gives it to us": Request(DELIVERY, "s3:PutObjectAcl", LOG),
    "Databricks delivers in parts": Request(DELIVERY, "s3:AbortMultipartUpload", LOG),
    "Databricks delivers usage": Request(DELIVERY, "s3:PutObject", f"{AUDIT}/usage/x.csv"),
    "Databricks looks what is there": Request(DELIVERY, "s3:ListBucket", AUDIT, {"s3:prefix": "audit/x"}),
    "Databricks looks where it is": Request(DELIVERY, "s3:GetBucketLocation", AUDIT),
    "an operator becomes auditor": Request(OPERATOR, "sts:AssumeRole", AUDITOR),
    "an auditor reads": Request(AUDITOR, "s3:GetObject", LOG),
    "an auditor asks": Request(AUDITOR, "athena:StartQueryExecution", f"{ATHENA}/medallion-audit"),
    "an answer is written": Request(AUDITOR, "s3:PutObject", f"{AUDIT}/results/x.csv"),
}
MUST_DENY = {
    "CloudTrail for another trail": Request(
        "cloudtrail.amazonaws.com",
        "s3:PutObject",
        f"{TRAIL}/AWSLogs/{ENGINEERING}/CloudTrail/x",
        {**OURS, "aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:999999999999:trail/medallion-engineering"},
    ),
    "CloudTrail into the folder of another account": Request(
        "cloudtrail.amazonaws.com", "s3:PutObject", f"{TRAIL}/AWSLogs/999999999999/CloudTrail/x", OURS
    ),
    "Databricks without the external id": Request(DATABRICKS, "sts:AssumeRole", DELIVERY),
    "Databricks with another's external id": Request(
        DATABRICKS, "sts:AssumeRole", DELIVERY, {"sts:ExternalId": "another"}
    ),
    "another role of Databricks": Request(CATALOG, "sts:AssumeRole", DELIVERY, EXTERNAL),
    "Databricks writes elsewhere": Request(DELIVERY, "s3:PutObject", f"{AUDIT}/results/x"),
    "Databricks writes into the trail": Request(DELIVERY, "s3:PutObject", f"{TRAIL}/AWSLogs/{ENGINEERING}/x"),
    "Databricks reads a zone": Request(DELIVERY, "s3:GetObject", f"arn:aws:s3:::{SETTINGS.bucket('raw')}/x"),
    "Databricks without TLS": Request(DELIVERY, "s3:PutObject", LOG, {"aws:SecureTransport": "false"}),
    "an auditor changes a log": Request(AUDITOR, "s3:PutObject", LOG),
    "an auditor hides a log": Request(AUDITOR, "s3:DeleteObject", LOG),
    "an auditor asks elsewhere": Request(AUDITOR, "athena:StartQueryExecution", f"{ATHENA}/primary"),
    "an administrator becomes auditor": Request(ADMIN, "sts:AssumeRole", AUDITOR),
    "a cluster reads who did what": Request(SETTINGS.role("engineering-workspace"), "s3:GetObject", LOG),
    "a cluster writes into the trail": Request(
        SETTINGS.role("engineering-workspace"), "s3:PutObject", f"{TRAIL}/AWSLogs/{ENGINEERING}/x"
    ),
}


def here(request: Request) -> Request:
    return Request(request.by, request.action, request.resource, {**IN_REGION, **request.context})


@pytest.mark.parametrize("case", MUST_ALLOW)
def test_it_is_allowed(policies: Policies, case):
    assert policies.allows(here(MUST_ALLOW[case]))


@pytest.mark.parametrize("case", MUST_DENY)
def test_it_is_denied(policies: Policies, case):
    assert not policies.allows(here(MUST_DENY[case]))


def test_nobody_deletes_a_log_before_its_time(platform: Templates):
    policies = Policies.of(platform)
    administrator = may_do_anything(policies, "engineering")
    everybody = [
        *policies.identities,
        f"arn:aws:iam::{ENGINEERING}:root",
        "cloudtrail.amazonaws.com",
        DATABRICKS,
    ]
    for log in (LOG, f"{TRAIL}/AWSLogs/{ENGINEERING}/CloudTrail/x"):
        for by in everybody:
            for action in (
                "s3:DeleteObjectVersion",
                "s3:BypassGovernanceRetention",
                "s3:PutObjectRetention",
                "s3:PutObjectLegalHold",
            ):
                assert not policies.allows(here(Request(by, action, log, OURS))), (by, action)
    # and nobody but its writer hides or overwrites one; the version below stays
    hiding = {by for by in policies.identities if policies.allows(here(Request(by, "s3:DeleteObject", LOG)))}
    assert hiding == {DELIVERY}
    # such an administrator is no straw man: it is that statement which stops him
    assert policies.allows(here(Request(administrator, "s3:PutLifecycleConfiguration", AUDIT)))
    policy = copy.deepcopy(policies.resources[TRAIL])
    policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != "NobodyDeletes"]
    policies.resources[TRAIL] = policy
    assert policies.allows(here(Request(administrator, "s3:DeleteObjectVersion", f"{TRAIL}/AWSLogs/x")))


def test_the_trail_is_locked_and_both_are_gone_after_the_retention(platform: Templates):
    days = SETTINGS.retention.logs_days
    for account in ACCOUNTS:
        found = platform.one("AWS::S3::Bucket", BucketName=SETTINGS.bucket(f"trail-{account}")).properties
        assert found["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {
            "Mode": "GOVERNANCE",
            "Days": SETTINGS.monitoring.locked_days,
        }
        assert [rule["ExpirationInDays"] for rule in found["LifecycleConfiguration"]["Rules"][:-1]] == [days]
    audit = platform.one("AWS::S3::Bucket", BucketName=SETTINGS.bucket("account-logs-engineering")).properties
    assert {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in audit["LifecycleConfiguration"]["Rules"]
        if "Prefix" in rule
    } == {"audit/": days, "usage/": days, "results/": 7}
    groups = [
        one.properties["RetentionInDays"]
        for one in platform.resources("AWS::Logs::LogGroup")
        if one.stack.name.endswith("-trail")
    ]
    assert groups == [days] * 3


def test_the_trails_key_is_for_this_trail_and_the_audit_logs_key_for_two_roles(platform: Templates):
    policies = Policies.of(platform)
    trail = policies.key(platform, "alias/medallion-engineering-trail")
    context = {
        "aws:SourceArn": OURS["aws:SourceArn"],
        "kms:EncryptionContext:aws:cloudtrail:arn": OURS["aws:SourceArn"],
    }
    cloudtrail = "cloudtrail.amazonaws.com"
    assert policies.allows(Request(cloudtrail, "kms:GenerateDataKey", trail, context))
    assert not policies.allows(Request(cloudtrail, "kms:Decrypt", trail, context))
    other = {**context, "aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:999999999999:trail/x"}
    assert not policies.allows(Request(cloudtrail, "kms:GenerateDataKey", trail, other))
    audit = policies.key(platform, "alias/medallion-engineering-audit")
    may_do_anything(policies, "engineering")
    via = {
        "kms:ViaService": "s3.eu-west-1.amazonaws.com",
        "kms:ResourceAliases": ["alias/medallion-engineering-audit"],
        **IN_REGION,
    }
    reading = {by for by in policies.identities if policies.allows(Request(by, "kms:Decrypt", audit, via))}
    assert reading == {DELIVERY, AUDITOR}


# Databricks' audit logs


def test_the_table_reckons_its_partitions_where_databricks_puts_its_logs(platform: Templates):
    table = platform.one("AWS::Glue::Table", stack="engineering-audit").properties["TableInput"]
    told = table["Parameters"]
    bucket = SETTINGS.bucket("account-logs-engineering")
    place = told["storage.location.template"].replace("${workspaceid}", "0").replace("${date}", "2026-01-01")
    assert LOG.startswith(place.replace("s3://", "arn:aws:s3:::"))
    assert told["storage.location.template"].startswith(f"s3://{bucket}/audit/")
    assert [key["Name"] for key in table["PartitionKeys"]] == ["workspaceid", "date"]
    assert told["projection.enabled"] == "true" and told["projection.workspaceid.values"] == "0"
    assert told["projection.date.range"] == f"NOW-{SETTINGS.retention.logs_days}DAYS,NOW"


def test_without_audit_logs_nobody_delivers_any(platform: Templates, of_the_organization: Templates):
    def named(templates: Templates) -> str:
        return json.dumps([stack.template for stack in templates.stacks.values()])

    assert "log-delivery" in named(platform) and "databricks_audit" in named(platform)
    assert "log-delivery" not in named(of_the_organization)
    assert "databricks_audit" not in named(of_the_organization)


def test_a_lock_that_outlives_the_logs_is_refused():
    with pytest.raises(SettingsError, match=r"monitoring\.locked_days is 400.*365"):
        load(environ={}, monitoring={"locked_days": 400})


def test_a_silence_that_cloudwatch_cannot_see_is_refused():
    with pytest.raises(SettingsError, match=r"monitoring\.silent_hours is 200"):
        load(environ={}, monitoring={"silent_hours": 200})
