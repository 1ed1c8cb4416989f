"""The Glue catalog of the serving account: its databases, and crawlers that look for tables and columns."""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.analytics.contracts import lake
from medallion_platform.analytics.places import DATABASES
from medallion_platform.databases import location, make_database
from medallion_platform.identity.roles import make_role
from medallion_platform.policies import allow, service
from medallion_platform.settings import Settings

_Crawler = glue.CfnCrawler


class Catalog(Construct):
    """Databases, a crawler for each, and the workflow that runs them.

    Crawlers make native Delta tables: Athena then reads the log itself, and so the newest version. What a
    crawler finds gone it only marks, because permissions hang on tables.
    """

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self.databases = {layer: make_database(self, settings, "serving", layer) for layer in self._missing()}
        self.role = self._role()
        secured = self._security(key)
        workflow = glue.CfnWorkflow(
            self, "workflow", name=f"{settings.prefix}-catalog", description="Looks for tables and columns"
        )
        crawlers = [self._crawler(layer, secured) for layer in DATABASES]
        trigger = glue.CfnTrigger(
            self,
            "trigger",
            name=f"{settings.prefix}-catalog",
            type="SCHEDULED",
            schedule=settings.analytics.crawl,
            start_on_creation=True,
            workflow_name=workflow.ref,
            actions=[glue.CfnTrigger.ActionProperty(crawler_name=str(each.name)) for each in crawlers],
        )
        for each in crawlers:
            trigger.add_resource_dependency(each)

    def _missing(self) -> list[str]:
        """Where one account stands for both, the jobs of EMR have their databases there already."""
        parts, account = self._settings.parts, self._settings.account
        if parts.emr and parts.orchestration and account("engineering") == account("serving"):
            return []
        return DATABASES

    def _security(self, key: kms.CfnKey) -> str:
        made = glue.CfnSecurityConfiguration(
            self,
            "security",
            name=f"{self._settings.prefix}-catalog",
            encryption_configuration=glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
                cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=key.attr_arn
                ),
                job_bookmarks_encryption=glue.CfnSecurityConfiguration.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=key.attr_arn
                ),
                s3_encryptions=[
                    glue.CfnSecurityConfiguration.S3EncryptionProperty(
                        s3_encryption_mode="SSE-KMS", kms_key_arn=key.attr_arn
                    )
                ],
            ),
        )
        return made.ref

    def _role(self) -> iam.CfnRole:
        own, region = self._settings.account("serving"), self._settings.region
        glued = f"arn:aws:glue:{region}:{own}"
        return make_role(
            self,
            self._settings,
            "serving-crawler",
            trust=[service("glue", own)],
            statements=[
                allow(
                    "Catalog",
                    [
                        "glue:BatchGetPartition", "glue:CreateTable", "glue:GetDatabase",
                        "glue:GetPartitions", "glue:GetTable", "glue:GetTables", "glue:UpdateTable",
                    ],
                    [
                        f"{glued}:catalog",
                        *(f"{glued}:database/{name}" for name in DATABASES),
                        *(f"{glued}:table/{name}/*" for name in DATABASES),
                    ],
                ),
                allow("Security", ["glue:GetSecurityConfiguration"], "*"),  # AWS has it for all only
                allow(
                    "Logs",
                    [
                        "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream",
                        "logs:PutLogEvents",
                    ],
                    f"arn:aws:logs:{region}:{own}:log-group:/aws-glue/*",
                ),
            ],
            description="Crawlers of the catalog",
        )  # fmt: skip

    def _crawler(self, layer: str, secured: str) -> glue.CfnCrawler:
        settings = self._settings
        tables = [
            f"{location(settings, layer)}/{table.name}/"
            for table in lake(settings.analytics.product)
            if table.layer == layer and table.kind == "table"
        ]
        crawler = _Crawler(
            self,
            f"crawler-{layer}",
            name=f"{settings.prefix}-{layer}",
            role=self.role.attr_arn,
            database_name=layer,
            targets=_Crawler.TargetsProperty(
                delta_targets=[
                    _Crawler.DeltaTargetProperty(
                        delta_tables=tables, create_native_delta_table=True, write_manifest=False
                    )
                ]
            ),
            schema_change_policy=_Crawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
            crawler_security_configuration=secured,
        )
        if layer in self.databases:
            crawler.add_resource_dependency(self.databases[layer])
        return crawler
