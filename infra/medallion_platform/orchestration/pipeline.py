"""The pipeline's state machine: checks what arrived, has raw, trusted and refined built, tells the end."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import created, platform_key
from medallion_platform.machine import StateMachine, machine_arn
from medallion_platform.orchestration.steps import definition, topic_arn
from medallion_platform.policies import allow, deny, document, service
from medallion_platform.queues import make_queue, queue_arn
from medallion_platform.settings import Settings


class Pipeline(Construct):
    """The machine, what starts it, and where failures go. `compute` names the machine that does the work."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, compute: str, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.region
        topic = self._topic(settings, key)
        make_queue(self, settings, "pipeline-failed", key)
        runs = machine_arn(settings, compute)
        self.machine = StateMachine(
            self,
            "machine",
            settings,
            "pipeline",
            key,
            definition=definition(settings, compute),
            statements=[
                allow("Run", ["states:StartExecution"], runs),
                allow(
                    "Follow",
                    ["states:DescribeExecution", "states:StopExecution"],
                    f"{runs.replace(':stateMachine:', ':execution:')}:*",
                ),
                allow(  # how Step Functions learns that another machine has ended
                    "Hear",
                    ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                    f"arn:aws:events:{region}:{own}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule",
                ),
                allow("Tell", ["sns:Publish"], topic),
                allow("Failed", ["sqs:SendMessage"], queue_arn(settings, "pipeline-failed")),
                platform_key(
                    settings,
                    own,
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    f"sns.{region}.amazonaws.com",
                    f"sqs.{region}.amazonaws.com",
                ),
            ],
        )
        self._starts(settings, key)

    def _topic(self, settings: Settings, key: kms.CfnKey) -> str:
        arn = topic_arn(settings)
        topic = sns.CfnTopic(self, "topic", topic_name=arn.rsplit(":", 1)[1], kms_master_key_id=key.attr_arn)
        sns.CfnTopicPolicy(
            self,
            "topic-policy",
            topics=[topic.ref],
            policy_document=document(
                deny("OnlyTls", ["sns:Publish"], arn, to="*", when={"Bool": {"aws:SecureTransport": "false"}})
            ),
        )
        return arn

    def _starts(self, settings: Settings, key: kms.CfnKey) -> None:
        """Arrivals in landing, what Firehose and DMS bring to raw, and the schedule; what is not started is
        kept."""
        own = settings.account("engineering")
        machine = machine_arn(settings, "pipeline")
        rules = {
            f"{settings.prefix}-arrivals": created(settings.bucket("landing")),
            f"{settings.prefix}-deliveries": created(settings.bucket("raw"), "incoming/"),
        }
        lost = make_queue(self, settings, "not-started", key, rules=list(rules))
        role = make_role(
            self,
            settings,
            "engineering-start-pipeline",
            trust=[service("events", own), {**service("scheduler", own), "Sid": "Scheduler"}],
            statements=[
                allow("Start", ["states:StartExecution"], machine),
                allow("NotStarted", ["sqs:SendMessage"], queue_arn(settings, "not-started")),
                platform_key(
                    settings,
                    own,
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    f"sqs.{settings.region}.amazonaws.com",
                ),
            ],
            description="Rules and schedules, to start the pipeline",
        )
        for name, pattern in rules.items():
            rule = events.CfnRule(
                self,
                name.rsplit("-", 1)[1],
                name=name,
                description="Starts the pipeline",
                event_pattern=pattern,
                targets=[
                    events.CfnRule.TargetProperty(
                        id="pipeline",
                        arn=machine,
                        role_arn=role.attr_arn,
                        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                            arn=queue_arn(settings, "not-started")
                        ),
                        retry_policy=events.CfnRule.RetryPolicyProperty(
                            maximum_retry_attempts=20, maximum_event_age_in_seconds=6 * 3600
                        ),
                    )
                ],
            )
            rule.add_resource_dependency(self.machine.machine)
            rule.add_resource_dependency(lost)
        scheduler.CfnSchedule(
            self,
            "schedule",
            name=f"{settings.prefix}-pipeline",
            description="Starts the pipeline, whatever arrived",
            schedule_expression=settings.orchestration.schedule,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            kms_key_arn=key.attr_arn,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=machine,
                role_arn=role.attr_arn,
                input="{}",
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=queue_arn(settings, "not-started")
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=5),
            ),
        )
