"""State machines: their role, their log, and how their steps are tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as states
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.log_groups import make_log_group
from medallion_platform.policies import Statement, allow, service
from medallion_platform.settings import Settings

# Throttling and broken connections pass; anything else does not by waiting.
AGAIN: dict[str, Any] = {
    "ErrorEquals": ["States.TaskFailed", "States.Timeout"],
    "IntervalSeconds": 5,
    "BackoffRate": 2,
    "MaxAttempts": 4,
    "JitterStrategy": "FULL",
}


def machine_arn(settings: Settings, name: str) -> str:
    own = settings.account("engineering")
    return f"arn:aws:states:{settings.region}:{own}:stateMachine:{settings.prefix}-{name}"


class StateMachine(Construct):
    """A machine of the first account, named `<prefix>-<name>`, where its stack is; its role is
    `engineering-<name>`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        name: str,
        key: kms.CfnKey | kms.CfnReplicaKey,
        *,
        definition: Mapping[str, Any],
        statements: Sequence[Statement],
    ) -> None:
        super().__init__(scope, id_)
        log = make_log_group(
            self, "log", settings, f"/aws/vendedlogs/states/{settings.prefix}-{name}", key.attr_arn
        )
        role = make_role(
            self,
            settings,
            f"engineering-{name}",
            trust=[service("states", settings.account("engineering"))],
            statements=[*statements, *_watched()],
            description=f"The state machine {name}",
        )
        self.machine = states.CfnStateMachine(
            self,
            "machine",
            state_machine_name=f"{settings.prefix}-{name}",
            definition=definition,
            role_arn=role.attr_arn,
            logging_configuration=states.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=False,  # keys of objects may name people
                destinations=[
                    states.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=states.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=log.attr_arn
                        )
                    )
                ],
            ),
            tracing_configuration=states.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )


def _watched() -> list[Statement]:
    """Logs by delivery, and traces: AWS has both without resources."""
    return [
        allow(
            "Watched",
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            "*",
        )
    ]
