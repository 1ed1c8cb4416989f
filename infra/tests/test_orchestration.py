"""What starts the pipeline, and what its machines say."""

import json
import re
from fnmatch import fnmatchcase

from medallion_platform.settings import load

SETTINGS = load(environ={})
MACHINES = "AWS::StepFunctions::StateMachine"


def definition(platform, name):
    return platform.one(MACHINES, StateMachineName=f"medallion-{name}").properties["Definition"]


def fits(pattern, event):
    """Whether an event fits a rule's pattern: names, lists of values, prefixes, wildcards."""
    for name, wanted in pattern.items():
        if name not in event:
            return False
        if isinstance(wanted, dict):
            if not fits(wanted, event[name]):
                return False
        elif not any(fits_one(each, event[name]) for each in wanted):
            return False
    return True


def fits_one(wanted, value):
    if not isinstance(wanted, dict):
        return value == wanted
    [(kind, text)] = wanted.items()
    return {"prefix": str.startswith, "wildcard": fnmatchcase}[kind](value, text)


def arrival(zone, key, kind="Object Created"):
    detail = {"bucket": {"name": SETTINGS.bucket(zone)}, "object": {"key": key, "size": 1}}
    return {"source": "aws.s3", "detail-type": kind, "detail": detail}


def rules(platform, event):
    return {
        rule.properties["Name"].removeprefix("medallion-")
        for rule in platform.resources("AWS::Events::Rule")
        if fits(rule.properties["EventPattern"], event)
    }


def test_what_arrives_starts_the_pipeline_and_what_tables_write_does_not(platform):
    assert rules(platform, arrival("landing", "flights/a.json")) == {"arrivals"}
    assert rules(platform, arrival("landing", "drop/a.json")) == {"arrivals", "drops"}
    assert rules(platform, arrival("raw", "incoming/x/2026/01/01/00/a.parquet")) == {"deliveries"}
    assert rules(platform, arrival("raw", "bronze/flights/_delta_log/1.json")) == set()
    assert rules(platform, arrival("landing", "flights/a.json", "Object Deleted")) == set()
    assert rules(platform, arrival("refined", "gold/x")) == set()


def test_what_cannot_be_started_is_kept(platform):
    kept = platform.one("AWS::SQS::Queue", QueueName="medallion-not-started")
    arn = f"arn:aws:sqs:eu-west-1:{kept.stack.account}:medallion-not-started"
    for name in ("arrivals", "deliveries"):
        [target] = platform.one("AWS::Events::Rule", Name=f"medallion-{name}").properties["Targets"]
        assert target["Arn"].endswith(":stateMachine:medallion-pipeline")
        assert target["DeadLetterConfig"] == {"Arn": arn}
    schedule = platform.one("AWS::Scheduler::Schedule").properties
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": arn}
    assert schedule["ScheduleExpression"] == SETTINGS.orchestration.schedule


def test_every_machine_logs_traces_and_ends(platform):
    found = list(platform.resources(MACHINES))
    assert len(found) == 5
    for machine in found:
        assert machine.properties["LoggingConfiguration"]["Level"] == "ALL"
        assert machine.properties["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert machine.properties["TracingConfiguration"] == {"Enabled": True}
        states = machine.properties["Definition"]["States"]
        named = {machine.properties["Definition"]["StartAt"]}
        for state in states.values():
            named |= set(re.findall(r'"(?:Next|Default)": "(\w+)"', json.dumps(state)))
            if state["Type"] == "Task":
                assert state.get("Retry") or state.get("Catch") or state.get("End"), state
        assert named == set(states), "no state is dangling, and none is never reached"


def test_no_machine_and_no_template_holds_a_secret(platform):
    for stack in platform.stacks.values():
        text = json.dumps(stack.template)
        assert not re.search(r"dapi[0-9a-f]{8}|AKIA[0-9A-Z]{16}", text)
    connection = platform.one("AWS::Events::Connection").properties
    given = connection["AuthParameters"]["OAuthParameters"]["ClientParameters"]
    for value in given.values():
        assert value.startswith("{{resolve:secretsmanager:"), "told when it is deployed, by Secrets Manager"


def test_one_run_takes_all_arrivals_of_a_minute(platform):
    """The wait is as long as the minute that names the run; else an arrival could be after its run began."""
    states = definition(platform, "pipeline")["States"]
    assert states["Settle"]["Seconds"] >= 60
    assert states["Settle"]["Next"] == "NameByMinute"
    start = definition(platform, "run-on-databricks")["States"]["Start"]["Parameters"]["RequestBody"]
    assert start["idempotency_token.$"] == "$.run"
    assert definition(platform, "run-on-emr")["States"]["Work"]["Parameters"]["ClientToken.$"] == "$.run"


def test_one_run_at_a_time_writes_tables_from_emr_and_at_most_one_waits(platform):
    """Delta on S3 without Databricks takes commits of one driver: those of two at once are lost."""
    application = platform.one("AWS::EMRServerless::Application").properties
    longest = SETTINGS.orchestration.longest_minutes
    assert application["SchedulerConfiguration"] == {"MaxConcurrentRuns": 1, "QueueTimeoutMinutes": longest}
    states = definition(platform, "run-on-emr")["States"]
    assert definition(platform, "run-on-emr")["StartAt"] == "Ask"
    assert "RUNNING" not in states["Ask"]["Parameters"]["States"], (
        "it has begun, and may not see what arrived"
    )
    [waiting] = states["IsOneWaiting"]["Choices"]
    assert waiting == {"Variable": "$.others.waiting", "NumericGreaterThan": 0, "Next": "Joined"}
    assert states["IsOneWaiting"]["Default"] == "Work"
    assert definition(platform, "pipeline")["States"]["Run"]["TimeoutSeconds"] > 2 * longest * 60


def test_an_execution_ends_before_its_history_is_full(platform):
    """25,000 events; a look at a job is up to 11 of them."""
    states = definition(platform, "run-on-databricks")["States"]
    late = next(choice for choice in states["HasEnded"]["Choices"] if choice["Next"] == "Cancel")
    assert late["NumericGreaterThanEquals"] * 11 < 24_000
    pause = definition(platform, "batch-copy")["States"]["Pause"]["Seconds"]
    assert 25_000 / 9 * pause > 3 * 24 * 3600, "as long as a job of a billion objects may take"


def test_what_runs_too_long_on_databricks_is_cancelled_and_failed(platform):
    states = definition(platform, "run-on-databricks")["States"]
    late = [choice for choice in states["HasEnded"]["Choices"] if choice["Next"] == "Cancel"]
    longest = SETTINGS.orchestration.longest_minutes * 60
    assert late[0]["NumericGreaterThanEquals"] * states["Pause"]["Seconds"] == longest
    assert states["Cancel"]["Parameters"]["ApiEndpoint"].endswith("/jobs/runs/cancel")
    assert states["Cancel"]["Next"] == "DidFail"
    assert definition(platform, "pipeline")["States"]["Run"]["TimeoutSeconds"] > longest


def test_without_databricks_the_pipeline_runs_on_emr_with_the_glue_catalog(tmp_path):
    from templates import Templates

    made = Templates.of(tmp_path, parts={"databricks": False, "emr": True})
    run = definition(made, "pipeline")["States"]["Run"]["Parameters"]
    assert run["StateMachineArn"].endswith(":medallion-run-on-emr")
    places = {
        each.properties["DatabaseInput"]["Name"]: each.properties["DatabaseInput"].get("LocationUri")
        for each in made.resources("AWS::Glue::Database")
    }
    assert places == {
        "bronze": f"s3://{SETTINGS.bucket('raw')}/bronze",
        "silver": f"s3://{SETTINGS.bucket('trusted')}/silver",
        "gold": f"s3://{SETTINGS.bucket('refined')}/gold",
        "ops": f"s3://{SETTINGS.bucket('raw')}/ops",
        "medallion_ingestion": None,
    }
    for stack in made.stacks.values():
        assert "databricks" not in json.dumps(stack.template).lower(), stack.name
