"""The steps of the pipeline's state machine."""

from __future__ import annotations

from typing import Any

from medallion_platform.machine import AGAIN, machine_arn
from medallion_platform.settings import Settings

SETTLE = 60  # seconds; see `definition`


def topic_arn(settings: Settings) -> str:
    return f"arn:aws:sns:{settings.region}:{settings.account('engineering')}:{settings.prefix}-pipeline"


def definition(settings: Settings, compute: str) -> dict[str, Any]:
    """Of an event of S3's, or of {}: one run of raw, trusted and refined.

    A run takes in all there is, so a thousand arrivals need one. All of one minute wait for it to be over and
    then ask for a run under that minute's name; who runs the work gives the same name the same run.
    """
    tell = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "ResultPath": None,
        "Retry": [AGAIN],
    }
    topic = topic_arn(settings)
    return {
        "StartAt": "IsArrival",
        "States": {
            "IsArrival": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.detail.object.key", "IsPresent": True, "Next": "IsOurs"}],
                "Default": "NameByExecution",
            },
            "IsOurs": {  # what was written by the platform itself into folders that are no feed
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.detail.object.key", "StringMatches": "drop/*", "Next": "NothingToDo"},
                    {"Variable": "$.detail.object.size", "NumericEquals": 0, "Next": "TellEmpty"},
                ],
                "Default": "Settle",
            },
            "TellEmpty": {
                **tell,
                "Parameters": {
                    "TopicArn": topic,
                    "Subject": "An empty file arrived",
                    "Message.$": "States.Format('s3://{}/{}', $.detail.bucket.name, $.detail.object.key)",
                },
                "Next": "NothingToDo",
            },
            "NothingToDo": {"Type": "Succeed"},
            "Settle": {"Type": "Wait", "Seconds": SETTLE, "Next": "NameByMinute"},
            "NameByMinute": {
                "Type": "Pass",
                "Parameters": {
                    "event.$": "$",
                    "run.$": "States.Format('arrivals-{}-{}', "
                    "States.ArrayGetItem(States.StringSplit($.time, ':'), 0), "
                    "States.ArrayGetItem(States.StringSplit($.time, ':'), 1))",
                },
                "Next": "Run",
            },
            "NameByExecution": {
                "Type": "Pass",
                "Parameters": {"event.$": "$", "run.$": "$$.Execution.Name"},
                "Next": "Run",
            },
            "Run": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": machine_arn(settings, compute),
                    "Input": {
                        "run.$": "$.run",
                        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                    },
                },
                "ResultSelector": {"outcome.$": "$.Output.outcome"},
                "ResultPath": "$.done",
                # on EMR, a run may wait as long for the one before
                "TimeoutSeconds": 120 * settings.orchestration.longest_minutes + 1800,
                "Retry": [
                    {**AGAIN, "ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 60, "MaxAttempts": 2}
                ],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Keep"}],
                "Next": "HowWasIt",
            },
            "HowWasIt": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.done.outcome", "StringEquals": "passed", "Next": "Built"},
                    {"Variable": "$.done.outcome", "StringEquals": "quality", "Next": "TellQuality"},
                ],
                "Default": "Keep",
            },
            "Built": {"Type": "Succeed"},
            "TellQuality": {
                **tell,
                "Parameters": {
                    "TopicArn": topic,
                    "Subject": "Tables are built, and more records than usual are in quarantine",
                    "Message.$": "States.Format('run {}: medallion quarantine list', $.run)",
                },
                "Next": "Built",
            },
            # The work itself needs no undoing: a run that was cut off is finished by the next one. What must
            # not be lost is that something arrived and was not taken in.
            "Keep": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {
                    "QueueUrl": f"https://sqs.{settings.region}.amazonaws.com/"
                    f"{settings.account('engineering')}/{settings.prefix}-pipeline-failed",
                    "MessageBody.$": "$",
                },
                "ResultPath": None,
                "Retry": [AGAIN],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "TellFailure"}],
                "Next": "TellFailure",
            },
            "TellFailure": {
                **tell,
                "Parameters": {
                    "TopicArn": topic,
                    "Subject": "A run of the pipeline failed",
                    "Message.$": "States.Format('run {}: medallion status tells of each step', $.run)",
                },
                "Next": "Failed",
            },
            "Failed": {"Type": "Fail", "Error": "RunFailed", "Cause": "See the queue pipeline-failed."},
        },
    }
