"""DataSync: files of an on-premises server in landing, each night what is new."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_datasync as datasync
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.log_groups import make_log_group
from medallion_platform.parameters import asked
from medallion_platform.policies import allow, document, service
from medallion_platform.settings import Settings


class FilesFromOnPremises(Construct):
    """The task, from the server by an agent beside it, over the VPN or Direct Connect."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.region
        agent = asked(
            self,
            "DataSyncAgent",
            "ARN of the agent, activated beside the file server for the private link of DataSync, with a "
            "subnet `endpoints` and the security group `entry`",
            pattern="arn:aws:datasync:.*:agent/.*",
        )
        landing = f"arn:aws:s3:::{settings.bucket('landing')}"
        role = make_role(
            self,
            settings,
            "engineering-datasync",
            trust=[service("datasync", own)],
            statements=[
                allow("Tags", ["s3:GetObjectTagging", "s3:PutObjectTagging"], f"{landing}/on-premises/*")
            ],
            description="DataSync, into landing",
        )
        log = make_log_group(self, "log", settings, f"/aws/datasync/{settings.prefix}", key.attr_arn)
        arn = f"arn:aws:logs:{region}:{own}:log-group:/aws/datasync/{settings.prefix}"
        logs.CfnResourcePolicy(
            self,
            "log-policy",
            policy_name=f"{settings.prefix}-datasync",
            policy_document=Stack.of(self).to_json_string(
                document(
                    allow(
                        "DataSync",
                        ["logs:CreateLogStream", "logs:PutLogEvents"],
                        f"{arn}:*",
                        to={"Service": "datasync.amazonaws.com"},
                        when={"StringEquals": {"aws:SourceAccount": own}},
                    )
                )
            ),
        )
        source = datasync.CfnLocationNFS(
            self,
            "server",
            server_hostname=settings.on_premises.file_server,
            subdirectory="/exports",
            on_prem_config=datasync.CfnLocationNFS.OnPremConfigProperty(agent_arns=[agent]),
        )
        goal = datasync.CfnLocationS3(
            self,
            "landing",
            s3_bucket_arn=landing,
            subdirectory="/on-premises",
            s3_config=datasync.CfnLocationS3.S3ConfigProperty(bucket_access_role_arn=role.attr_arn),
        )
        datasync.CfnTask(
            self,
            "task",
            name=f"{settings.prefix}-on-premises",
            source_location_arn=source.ref,
            destination_location_arn=goal.ref,
            cloud_watch_log_group_arn=log.attr_arn,
            schedule=datasync.CfnTask.TaskScheduleProperty(schedule_expression="cron(0 2 * * ? *)"),
            options=datasync.CfnTask.OptionsProperty(
                overwrite_mode="NEVER",  # a file that changes is not read again: deliver it under a new name
                preserve_deleted_files="PRESERVE",
                verify_mode="ONLY_FILES_TRANSFERRED",
                transfer_mode="CHANGED",
                posix_permissions="NONE",
                uid="NONE",
                gid="NONE",
                log_level="TRANSFER",
            ),
        )
