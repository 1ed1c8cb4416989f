"""Who talked to whom: flow logs of a VPC, encrypted, kept as long as other logs."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.log_groups import make_log_group
from medallion_platform.policies import allow, service
from medallion_platform.settings import Settings


class FlowLogs(Construct):
    """All traffic of a VPC, accepted and rejected."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        name: str,
        vpc_id: str,
        key_arn: str,
        region: str | None = None,
    ) -> None:
        super().__init__(scope, id_)
        own, region = settings.account(account), region or settings.region
        group = make_log_group(self, "group", settings, f"/{settings.prefix}/{name}/flow", key_arn)
        arn = f"arn:aws:logs:{region}:{own}:log-group:/{settings.prefix}/{name}/flow"
        role = make_role(
            self,
            settings,
            f"{account}-{name.replace(account, 'network')}-flow-logs",
            trust=[service("vpc-flow-logs", own)],
            statements=[
                allow(
                    "Write",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    f"{arn}:*",
                )
            ],
            description="Flow logs of a VPC",
        )
        ec2.CfnFlowLog(
            self,
            "log",
            resource_id=vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            deliver_logs_permission_arn=role.attr_arn,
            log_destination_type="cloud-watch-logs",
            log_group_name=group.ref,
        )
