"""Events: a Kinesis stream, the landing function that reads it, and files of events that are dropped."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_pipelines.ingest.function import HANDLER
from medallion_platform.functions import make_function
from medallion_platform.identity.roles import make_role
from medallion_platform.log_groups import make_log_group
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.policies import Statement, allow
from medallion_platform.queues import make_queue, queue_arn
from medallion_platform.settings import Settings

_SECONDS = 120


class EventStream(Construct):
    """The stream that producers write to. It grows with them."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        self.name = f"{settings.prefix}-events"
        self.stream = kinesis.CfnStream(
            self,
            "stream",
            name=self.name,
            stream_mode_details=kinesis.CfnStream.StreamModeDetailsProperty(stream_mode="ON_DEMAND"),
            retention_period_hours=7 * 24,
            stream_encryption=kinesis.CfnStream.StreamEncryptionProperty(
                encryption_type="KMS", key_id=key.attr_arn
            ),
        )
        self.stream.apply_removal_policy(RemovalPolicy.RETAIN)
        self.arn = f"arn:aws:kinesis:{settings.region}:{settings.account('engineering')}:stream/{self.name}"


def reading(settings: Settings, stream: str) -> list[Statement]:
    """What reads the stream needs for it."""
    own, region = settings.account("engineering"), settings.region
    return [
        allow(
            "Stream",
            [
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            stream,
        ),
        platform_key(settings, own, ["kms:Decrypt"], f"kinesis.{region}.amazonaws.com"),
    ]


def platform_key(
    settings: Settings, own: str, actions: list[str], *via: str, account: str = "engineering"
) -> Statement:
    """The platform's key of an account, as these services use it."""
    return allow(
        "PlatformKey" + "".join(name.split(".")[0].title() for name in via),
        actions,
        f"arn:aws:kms:{settings.region}:{own}:key/*",
        when={
            "StringEquals": {"kms:ViaService": list(via)},
            "ForAnyValue:StringEquals": {
                "kms:ResourceAliases": f"alias/{settings.prefix}-{account}-platform"
            },
        },
    )


class LandingFunction(Construct):
    """The function that checks and routes events, from the stream and from files below landing's `drop/`.

    Its zip is what `medallion ingest function` makes, put into the bucket of artifacts.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        stream: EventStream,
        network: LakehouseNetwork,
        key: kms.CfnKey,
    ) -> None:
        super().__init__(scope, id_)
        name = f"{settings.prefix}-landing"
        log = make_log_group(self, "log", settings, f"/aws/lambda/{name}", key.attr_arn)
        failed = make_queue(self, settings, "landing-failed", key)
        rule = f"{settings.prefix}-drops"
        dropped = make_queue(
            self, settings, "drops", key, dead="landing-failed", seen_for=6 * _SECONDS, rules=[rule]
        )
        dropped.add_resource_dependency(failed)
        role = make_role(
            self,
            settings,
            "engineering-landing-function",
            trust=[allow("Lambda", ["sts:AssumeRole"], None, to={"Service": "lambda.amazonaws.com"})],
            statements=_needs(settings, stream, name),
            description="The landing function",
        )
        function = self._function(settings, name, role.attr_arn, network, key)
        function.add_resource_dependency(log)
        self._sources(settings, function, stream)
        self._rule(settings, rule)

    def _function(
        self, settings: Settings, name: str, role: str, network: LakehouseNetwork, key: kms.CfnKey
    ) -> lambda_.CfnFunction:
        return make_function(
            self,
            settings,
            "engineering",
            name,
            HANDLER,
            zipped="LandingFunctionZip",
            default="landing-function.zip",
            role=role,
            key=key,
            variables={
                "LANDING_URI": f"s3://{settings.bucket('landing')}",
                "ERRORS_URI": f"s3://{settings.bucket('error')}/landing-function",
            },
            seconds=_SECONDS,
            at_once=50,
            vpc=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=network.network.subnet_ids("raw"), security_group_ids=[network.functions.id]
            ),
        )

    def _sources(self, settings: Settings, function: lambda_.CfnFunction, stream: EventStream) -> None:
        to_failed = lambda_.CfnEventSourceMapping.OnFailureProperty(
            destination=queue_arn(settings, "landing-failed")
        )
        lambda_.CfnEventSourceMapping(
            self,
            "from-stream",
            function_name=function.ref,
            event_source_arn=stream.arn,
            starting_position="TRIM_HORIZON",
            batch_size=500,
            maximum_batching_window_in_seconds=5,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=10,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(on_failure=to_failed),
        ).add_resource_dependency(stream.stream)
        lambda_.CfnEventSourceMapping(
            self,
            "from-drops",
            function_name=function.ref,
            event_source_arn=queue_arn(settings, "drops"),
            batch_size=10,
            function_response_types=["ReportBatchItemFailures"],
        )

    def _rule(self, settings: Settings, name: str) -> None:
        events.CfnRule(
            self,
            "drops-rule",
            name=name,
            description="Files of events that partners drop",
            event_pattern=created(settings.bucket("landing"), "drop/"),
            targets=[events.CfnRule.TargetProperty(id="queue", arn=queue_arn(settings, "drops"))],
        )


def created(bucket: str, prefix: str | None = None) -> dict[str, Any]:
    """A rule's pattern for new objects of a bucket."""
    detail: dict[str, Any] = {"bucket": {"name": [bucket]}}
    if prefix:
        detail["object"] = {"key": [{"prefix": prefix}]}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def _needs(settings: Settings, stream: EventStream, name: str) -> list[Statement]:
    own, region = settings.account("engineering"), settings.region
    return [
        *reading(settings, stream.arn),
        allow(
            "Drops",
            ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            queue_arn(settings, "drops"),
        ),
        allow("Failed", ["sqs:SendMessage"], queue_arn(settings, "landing-failed")),
        platform_key(settings, own, ["kms:Decrypt", "kms:GenerateDataKey"], f"sqs.{region}.amazonaws.com"),
        platform_key(settings, own, ["kms:Decrypt"], f"lambda.{region}.amazonaws.com"),  # its environment
        allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            f"arn:aws:logs:{region}:{own}:log-group:/aws/lambda/{name}:*",
        ),
        allow(  # AWS has these for all resources only
            "IntoTheNetwork",
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            "*",
        ),
    ]
