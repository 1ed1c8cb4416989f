"""The function that answers both APIs, and the Athena workgroup that it reads by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_pipelines.apis.function import HANDLER
from medallion_platform.functions import make_function
from medallion_platform.identity.roles import make_role
from medallion_platform.log_groups import make_log_group
from medallion_platform.policies import Statement, allow
from medallion_platform.settings import Settings


class ApiFunction(Construct):
    """Its zip is what `medallion api function` makes, put into the serving account's bucket of artifacts.

    It is in no VPC: it calls Athena alone, which reads the zone on its behalf.
    """

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, tables: Sequence[str], key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        name = f"{settings.prefix}-apis"
        self._workgroup(settings, name)
        log = make_log_group(self, "log", settings, f"/aws/lambda/{name}", key.attr_arn)
        role = make_role(
            self,
            settings,
            "serving-apis",
            trust=[allow("Lambda", ["sts:AssumeRole"], None, to={"Service": "lambda.amazonaws.com"})],
            statements=list(_needs(settings, name, tables)),
            description="The function behind the APIs: reads gold tables by Athena, and nothing else",
        )
        self.function = make_function(
            self,
            settings,
            "serving",
            name,
            HANDLER,
            zipped="ApiFunctionZip",
            default="api-function.zip",
            role=role.attr_arn,
            key=key,
            variables={"WORKGROUP": name, "DATABASE": settings.apis.database},
            seconds=29,  # as long as API Gateway waits
            at_once=settings.apis.requests_at_once,
        )
        self.function.add_resource_dependency(log)

    def _workgroup(self, settings: Settings, name: str) -> None:
        """Athena keeps results itself, encrypted, for a day: no bucket is there to be written to."""
        athena.CfnWorkGroup(
            self,
            "workgroup",
            name=name,
            description="Queries of the APIs",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=settings.apis.gigabytes_per_query * 10**9,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                managed_query_results_configuration=athena.CfnWorkGroup.ManagedQueryResultsConfigurationProperty(
                    enabled=True
                ),
            ),
        )


def _needs(settings: Settings, name: str, tables: Sequence[str]) -> Iterator[Statement]:
    own, region, database = settings.account("serving"), settings.region, settings.apis.database
    yield allow(
        "Queries",
        [
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
        ],
        f"arn:aws:athena:{region}:{own}:workgroup/{name}",
    )
    catalog = f"arn:aws:glue:{region}:{own}"
    yield allow(
        "Catalog",
        ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"],
        [
            f"{catalog}:catalog",
            f"{catalog}:database/{database}",
            *(f"{catalog}:table/{database}/{table}" for table in tables),
        ],
    )
    yield allow(
        "Environment",
        ["kms:Decrypt"],
        f"arn:aws:kms:{region}:{own}:key/*",
        when={
            "StringEquals": {"kms:ViaService": f"lambda.{region}.amazonaws.com"},
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{settings.prefix}-serving-platform"},
        },
    )
    yield allow(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        f"arn:aws:logs:{region}:{own}:log-group:/aws/lambda/{name}:*",
    )
    if settings.parts.catalog:  # which data, Lake Formation says: `gold.py`
        yield allow("Data", ["lakeformation:GetDataAccess"], "*")
    # AWS has no resources for traces
    yield allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")
