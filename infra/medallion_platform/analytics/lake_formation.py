"""Lake Formation: who administers it, which files it hands out, and its tags."""

from __future__ import annotations

from aws_cdk import CfnResource
from aws_cdk import aws_lakeformation as lf
from constructs import Construct

from medallion_platform.analytics.catalog import Catalog
from medallion_platform.analytics.contracts import lake, roles
from medallion_platform.analytics.places import DATABASES
from medallion_platform.databases import LAYERS
from medallion_platform.identity.roles import make_role
from medallion_platform.parameters import asked
from medallion_platform.policies import allow
from medallion_platform.settings import Settings

READS = "reads"  # the value of a persona's tag, on tables that it reads whole
_Permissions = lf.CfnPrincipalPermissions


def principal(arn: str) -> lf.CfnPrincipalPermissions.DataLakePrincipalProperty:
    return _Permissions.DataLakePrincipalProperty(data_lake_principal_identifier=arn)


class LakeFormation(Construct):
    """Settings, locations and tags; what the catalog and views need. Personas get theirs by `permissions`.

    Nothing is for everybody: IAM alone opens no table, neither one that is there nor one that comes.
    """

    def __init__(self, scope: Construct, id_: str, settings: Settings, catalog: Catalog) -> None:
        super().__init__(scope, id_)
        self._settings, self._own = settings, settings.account("serving")
        deployer = asked(
            self,
            "LakeAdministrator",
            "ARN of the role that deploys these stacks: it administers Lake Formation",
            pattern="arn:aws:iam::.*:role/.*",
        )
        self.administered = lf.CfnDataLakeSettings(
            self,
            "settings",
            admins=[
                lf.CfnDataLakeSettings.DataLakePrincipalProperty(data_lake_principal_identifier=deployer)
            ],
            create_database_default_permissions=[],
            create_table_default_permissions=[],
            allow_external_data_filtering=False,
            parameters={"CROSS_ACCOUNT_VERSION": "4"},
        )
        self._locations(catalog)
        self._tags()
        self._databases(catalog)
        self._views()

    def _after(self, made: CfnResource) -> None:
        made.add_resource_dependency(self.administered)

    def _locations(self, catalog: Catalog) -> None:
        region = self._settings.region
        role = make_role(
            self,
            self._settings,
            "serving-lake-formation",
            trust=[
                allow(
                    "LakeFormation",
                    ["sts:AssumeRole"],
                    None,
                    to={"Service": "lakeformation.amazonaws.com"},
                    when={"ArnLike": {"aws:SourceArn": f"arn:aws:lakeformation:{region}:{self._own}:*"}},
                )
            ],
            description="What Lake Formation hands out",
        )
        self.locations: dict[str, lf.CfnResource] = {}
        for layer in DATABASES:
            arn = f"arn:aws:s3:::{self._settings.bucket(LAYERS[layer])}/{layer}"
            location = lf.CfnResource(
                self,
                f"location-{layer}",
                resource_arn=arn,
                use_service_linked_role=False,
                role_arn=role.attr_arn,
            )
            self._after(location)
            self.locations[layer] = location
            granted = _Permissions(
                self,
                f"crawler-{layer}-location",
                principal=principal(catalog.role.attr_arn),
                resource=_Permissions.ResourceProperty(
                    data_location=_Permissions.DataLocationResourceProperty(
                        catalog_id=self._own, resource_arn=arn
                    )
                ),
                permissions=["DATA_LOCATION_ACCESS"],
                permissions_with_grant_option=[],
            )
            granted.add_resource_dependency(location)

    def _tags(self) -> None:
        tables = lake(self._settings.analytics.product)
        values = {
            "classification": sorted(
                {field.classification for table in tables for field in table.fields}
                | {table.classification for table in tables}
            ),
            "domain": sorted({table.domain for table in tables}),
            "layer": DATABASES,
            **{persona: [READS] for persona in roles(tables)},
        }
        self.tags = {
            key: lf.CfnTag(self, f"tag-{key}", catalog_id=self._own, tag_key=key, tag_values=found)
            for key, found in values.items()
        }
        for tag in self.tags.values():
            self._after(tag)

    def _databases(self, catalog: Catalog) -> None:
        for layer in DATABASES:
            tagged = lf.CfnTagAssociation(
                self,
                f"layer-{layer}",
                resource=lf.CfnTagAssociation.ResourceProperty(
                    database=lf.CfnTagAssociation.DatabaseResourceProperty(catalog_id=self._own, name=layer)
                ),
                lf_tags=[
                    lf.CfnTagAssociation.LFTagPairProperty(
                        catalog_id=self._own, tag_key="layer", tag_values=[layer]
                    )
                ],
            )
            crawling = _Permissions(
                self,
                f"crawler-{layer}",
                principal=principal(catalog.role.attr_arn),
                resource=_Permissions.ResourceProperty(
                    database=_Permissions.DatabaseResourceProperty(catalog_id=self._own, name=layer)
                ),
                permissions=["ALTER", "CREATE_TABLE", "DESCRIBE"],
                permissions_with_grant_option=[],
            )
            for made in (tagged, crawling):
                self._after(made)
                made.add_resource_dependency(self.tags["layer"])
                if layer in catalog.databases:
                    made.add_resource_dependency(catalog.databases[layer])

    def _views(self) -> None:
        """The role in whose name views read their tables: who reads a view needs none of these."""
        own, region = self._own, self._settings.region
        glued = f"arn:aws:glue:{region}:{own}"
        trusted = ["glue.amazonaws.com", "lakeformation.amazonaws.com"]
        self.definer = make_role(
            self,
            self._settings,
            "serving-views",
            trust=[allow("Services", ["sts:AssumeRole"], None, to={"Service": trusted})],
            statements=[
                allow(
                    "Catalog",
                    ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables"],
                    [f"{glued}:catalog", *(f"{glued}:{each}" for each in _catalogued())],
                ),
                allow("Data", ["lakeformation:GetDataAccess"], "*"),
            ],
            description="In whose name views read",
        )


def _catalogued() -> list[str]:
    return [each for name in DATABASES for each in (f"database/{name}", f"table/{name}/*")]
