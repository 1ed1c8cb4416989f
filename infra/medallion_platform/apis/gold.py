"""The APIs as a whole: what the contracts of a product show, to whom, by REST and by GraphQL."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_lakeformation as lf
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_pipelines.apis.published import published
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.shipped import product_folder
from medallion_platform.apis.function import ApiFunction
from medallion_platform.apis.graphql import GraphqlApi
from medallion_platform.apis.logs import ApiLogs
from medallion_platform.apis.rest import RestApi
from medallion_platform.apis.users import Users
from medallion_platform.settings import Settings

_Permissions = lf.CfnPrincipalPermissions


class GoldApis(Construct):
    """Nothing here describes a table: names, types and roles come from the contracts."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        found = published(load_product(product_folder(settings.apis.product)))
        names = [shown.table.name for shown in found.tables]
        roles = {role for shown in found.tables for role in shown.table.roles}
        function = ApiFunction(self, "function", settings, names, key).function
        if settings.parts.catalog:
            self._granted(settings, names, function)
        users = Users(self, "users", settings, roles)
        logs = ApiLogs(self, "logs", settings)
        RestApi(self, "rest", settings, function, users, logs, key)
        GraphqlApi(self, "graphql", settings, found, function, users, logs)

    def _granted(self, settings: Settings, names: list[str], function: lambda_.CfnFunction) -> None:
        """Where Lake Formation governs gold, the function reads what it shows, and whole: it shows callers
        what their roles see."""
        own, database = settings.account("serving"), settings.apis.database
        places = {
            "database": _Permissions.ResourceProperty(
                database=_Permissions.DatabaseResourceProperty(catalog_id=own, name=database)
            )
        }
        for name in names:
            places[name] = _Permissions.ResourceProperty(
                table=_Permissions.TableResourceProperty(
                    catalog_id=own, database_name=database, name=name.lower()
                )
            )
        for id_, place in places.items():
            granted = _Permissions(
                self,
                f"{id_}-granted",
                principal=_Permissions.DataLakePrincipalProperty(
                    data_lake_principal_identifier=settings.role("serving-apis")
                ),
                resource=place,
                permissions=["DESCRIBE"] if id_ == "database" else ["DESCRIBE", "SELECT"],
                permissions_with_grant_option=[],
            )
            granted.add_resource_dependency(function)  # and so of its role
