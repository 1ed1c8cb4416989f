"""Redshift Serverless: a warehouse of the marts, which reads gold in the lake by its manifests."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lakeformation as lf
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from medallion_platform.analytics.contracts import LakeTable, lake
from medallion_platform.analytics.lake_formation import principal
from medallion_platform.analytics.places import SPECTRUM
from medallion_platform.databases import location, make_database
from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key
from medallion_platform.network.edge import EdgeNetwork
from medallion_platform.parameters import asked
from medallion_platform.policies import Statement, allow
from medallion_platform.settings import Settings

_HIVE = "org.apache.hadoop.hive.ql.io"
_Permissions = lf.CfnPrincipalPermissions
_CONFIGURED = {"require_ssl": "true", "enable_user_activity_logging": "true"}


class Warehouse(Construct):
    """Namespace and workgroup. Nobody has a password: people and scripts come by IAM, and the administrator's
    is in Secrets Manager, where Redshift itself changes it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        network: EdgeNetwork,
        key: kms.CfnKey,
        location: lf.CfnResource,
    ) -> None:
        super().__init__(scope, id_)
        role = self._role(settings)
        self._spectrum(settings, role, location)
        namespace = redshift.CfnNamespace(
            self,
            "namespace",
            namespace_name=settings.prefix,
            db_name="lakehouse",
            admin_username="administrator",
            manage_admin_password=True,
            admin_password_secret_kms_key_id=key.ref,
            kms_key_id=key.ref,
            iam_roles=[role.attr_arn],
            default_iam_role_arn=role.attr_arn,
            log_exports=["connectionlog", "useractivitylog", "userlog"],
        )
        workgroup = redshift.CfnWorkgroup(
            self,
            "workgroup",
            workgroup_name=settings.prefix,
            namespace_name=settings.prefix,
            base_capacity=settings.analytics.redshift_rpu,
            max_capacity=settings.analytics.redshift_most_rpu,
            publicly_accessible=False,
            enhanced_vpc_routing=True,
            subnet_ids=network.network.subnet_ids("warehouse"),
            security_group_ids=[network.redshift.id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key=name, parameter_value=value)
                for name, value in _CONFIGURED.items()
            ],
        )
        workgroup.add_resource_dependency(namespace)
        CfnOutput(Stack.of(self), "Warehouse", value=settings.prefix)

    def _role(self, settings: Settings) -> iam.CfnRole:
        own, region = settings.account("serving"), settings.region
        glued = f"arn:aws:glue:{region}:{own}"
        statements: list[Statement] = [
            allow(
                "Catalog",
                [
                    "glue:GetDatabase", "glue:GetDatabases", "glue:GetPartition", "glue:GetPartitions",
                    "glue:GetTable", "glue:GetTables",
                ],
                [f"{glued}:catalog", f"{glued}:database/{SPECTRUM}", f"{glued}:table/{SPECTRUM}/*"],
            ),
            allow("Data", ["lakeformation:GetDataAccess"], "*"),
        ]  # fmt: skip
        if settings.parts.federation:
            login = asked(
                self,
                "WarehouseDatabaseLogin",
                "ARN of the secret by which Redshift reads the database",
                pattern="arn:aws:secretsmanager:.*",
            )
            statements += [
                allow("Login", ["secretsmanager:GetSecretValue"], login),
                platform_key(settings, settings.account("engineering"), ["kms:Decrypt"],
                             f"secretsmanager.{region}.amazonaws.com"),
            ]  # fmt: skip
        services = {"Service": ["redshift-serverless.amazonaws.com", "redshift.amazonaws.com"]}
        return make_role(
            self,
            settings,
            "serving-redshift",
            trust=[allow("Redshift", ["sts:AssumeRole"], None, to=services)],
            statements=statements,
            description="Redshift, as it reads the lake",
        )

    def _spectrum(self, settings: Settings, role: iam.CfnRole, registered: lf.CfnResource) -> None:
        """Gold as Spectrum can read it: by the list of files that Delta writes beside each table. Redshift
        reads all of it: whom it shows what, its own grants say; the catalog's are for others."""
        own = settings.account("serving")
        database = make_database(self, settings, "serving", "gold", SPECTRUM)
        for table in lake(settings.analytics.product):
            if table.layer == "gold" and table.kind == "table":
                made = self._table(settings, table)
                made.add_resource_dependency(database)
                granted = _Permissions(
                    self,
                    f"{table.name}-granted",
                    principal=principal(role.attr_arn),
                    resource=_Permissions.ResourceProperty(
                        table=_Permissions.TableResourceProperty(
                            catalog_id=own, database_name=SPECTRUM, name=table.name
                        )
                    ),
                    permissions=["DESCRIBE", "SELECT"],
                    permissions_with_grant_option=[],
                )
                granted.add_resource_dependency(made)
                granted.add_resource_dependency(registered)
        described = _Permissions(
            self,
            "database-granted",
            principal=principal(role.attr_arn),
            resource=_Permissions.ResourceProperty(
                database=_Permissions.DatabaseResourceProperty(catalog_id=own, name=SPECTRUM)
            ),
            permissions=["DESCRIBE"],
            permissions_with_grant_option=[],
        )
        described.add_resource_dependency(database)
        described.add_resource_dependency(registered)

    def _table(self, settings: Settings, table: LakeTable) -> glue.CfnTable:
        return glue.CfnTable(
            self,
            table.name,
            catalog_id=settings.account("serving"),
            database_name=SPECTRUM,
            table_input=glue.CfnTable.TableInputProperty(
                name=table.name,
                description=table.description,
                table_type="EXTERNAL_TABLE",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(name=field.name, type=field.glue_type)
                        for field in table.fields
                    ],
                    location=f"{location(settings, 'gold')}/{table.name}/_symlink_format_manifest/",
                    input_format=f"{_HIVE}.SymlinkTextInputFormat",
                    output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_HIVE}.parquet.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )
