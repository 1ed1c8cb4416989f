"""Who sees which tables, columns and rows, from the contracts' roles: tags, filters and grants.

They hang on tables, so they come after the crawlers' first run. A persona that sees all of a table has it
by its tags. One that does not see every column or row has it by a filter of its own instead.
"""

from __future__ import annotations

from aws_cdk import CfnResource
from aws_cdk import aws_glue as glue
from aws_cdk import aws_lakeformation as lf
from constructs import Construct

from medallion_platform.analytics.conditions import row_filter
from medallion_platform.analytics.contracts import LakeTable, Reader, lake, roles
from medallion_platform.analytics.dialects import view_query
from medallion_platform.analytics.lake_formation import READS, principal
from medallion_platform.analytics.personas import role_name
from medallion_platform.analytics.places import DATABASES
from medallion_platform.settings import Settings, SettingsError

_Permissions = lf.CfnPrincipalPermissions
_Tagged = lf.CfnTagAssociation
_Filter = lf.CfnDataCellsFilter


class Views(Construct):
    """The product's views, which read in the name of a role: who may read a view needs none of its tables."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        own, definer = settings.account("serving"), settings.role("serving-views")
        glued = f"arn:aws:glue:{settings.region}:{own}"
        granted = [
            _Permissions(
                self,
                f"definer-{layer}",
                principal=principal(definer),
                resource=_Permissions.ResourceProperty(
                    table=_Permissions.TableResourceProperty(
                        catalog_id=own, database_name=layer, table_wildcard={}
                    )
                ),
                permissions=["DESCRIBE", "SELECT"],
                permissions_with_grant_option=["DESCRIBE", "SELECT"],
            )
            for layer in DATABASES
        ]
        self.views: dict[str, glue.CfnTable] = {}
        for table in lake(settings.analytics.product):
            if table.kind == "view":
                made = self._view(table, own, definer, glued)
                for each in granted:
                    made.add_resource_dependency(each)
                self.views[table.name] = made

    def _view(self, table: LakeTable, own: str, definer: str, glued: str) -> glue.CfnTable:
        query = view_query(table, "athena", {layer: layer for layer in DATABASES})
        return glue.CfnTable(
            self,
            table.name,
            catalog_id=own,
            database_name=table.layer,
            table_input=glue.CfnTable.TableInputProperty(
                name=table.name,
                description=table.description,
                table_type="VIRTUAL_VIEW",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(name=field.name, type=field.glue_type)
                        for field in table.fields
                    ]
                ),
                view_definition=glue.CfnTable.ViewDefinitionProperty(
                    definer=definer,
                    is_protected=True,
                    representations=[
                        glue.CfnTable.ViewRepresentationProperty(
                            dialect="ATHENA",
                            dialect_version="3",
                            view_original_text=query,
                            view_expanded_text=query,
                        )
                    ],
                    sub_objects=[f"{glued}:table/{layer}/{name}" for layer, name in table.inputs],
                ),
            ),
        )


class TablePermissions(Construct):
    """Tags of tables and columns, filters, and what each persona is granted."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, views: Views) -> None:
        super().__init__(scope, id_)
        self._settings, self._own = settings, settings.account("serving")
        tables = lake(settings.analytics.product)
        for table in tables:
            tagged = self._tag(table)
            found = [self._filter(table, reader) for reader in table.readers if not reader.sees_all]
            if table.name in views.views and table.kind == "view":
                for made in (*tagged, *found):
                    made.add_resource_dependency(views.views[table.name])
        for persona in roles(tables):
            self._grant(persona, tables)

    def _tag(self, table: LakeTable) -> list[CfnResource]:
        """The table's own tags, and the classification of those columns that have another."""
        found = {
            "classification": table.classification,
            "domain": table.domain,
            **{reader.role: READS for reader in table.readers if reader.sees_all},
        }
        whole = _Tagged.ResourceProperty(
            table=_Tagged.TableResourceProperty(
                catalog_id=self._own, database_name=table.layer, name=table.name
            )
        )
        made = [_Tagged(self, f"{table.layer}-{table.name}", resource=whole, lf_tags=self._pairs(found))]
        for level in sorted({field.classification for field in table.fields} - {table.classification}):
            some = _Tagged.ResourceProperty(
                table_with_columns=_Tagged.TableWithColumnsResourceProperty(
                    catalog_id=self._own,
                    database_name=table.layer,
                    name=table.name,
                    column_names=[field.name for field in table.fields if field.classification == level],
                )
            )
            one = _Tagged(
                self,
                f"{table.layer}-{table.name}-{level}",
                resource=some,
                lf_tags=self._pairs({"classification": level}),
            )
            one.add_resource_dependency(made[0])
            made.append(one)
        return list(made)

    def _pairs(self, found: dict[str, str]) -> list[lf.CfnTagAssociation.LFTagPairProperty]:
        return [
            _Tagged.LFTagPairProperty(catalog_id=self._own, tag_key=key, tag_values=[value])
            for key, value in found.items()
        ]

    def _filter(self, table: LakeTable, reader: Reader) -> CfnResource:
        """Columns by name: one that comes later is for nobody here until its contract says of it."""
        if table.kind == "view":
            raise SettingsError(
                f"{table.layer}.{table.name}: a view has no filters, and {reader.role} is not to see all of "
                "it. Give that role a view of its own."
            )
        rows = _Filter.RowFilterProperty(all_rows_wildcard={})
        if reader.rows is not None:
            rows = _Filter.RowFilterProperty(filter_expression=row_filter(table, reader.role, reader.rows))
        named = {
            "database_name": table.layer,
            "name": reader.role,
            "table_catalog_id": self._own,
            "table_name": table.name,
        }
        id_ = f"{table.layer}-{table.name}-{reader.role}"
        made = _Filter(
            self,
            f"{id_}-filter",
            column_names=[field.name for field in table.fields if field.name not in reader.hidden],
            row_filter=rows,
            **named,
        )
        granted = _Permissions(
            self,
            f"{id_}-granted",
            principal=principal(self._settings.role(role_name(reader.role))),
            resource=_Permissions.ResourceProperty(
                data_cells_filter=_Permissions.DataCellsFilterResourceProperty(**named)
            ),
            permissions=["SELECT"],
            permissions_with_grant_option=[],
        )
        granted.add_resource_dependency(made)
        return made

    def _grant(self, persona: str, tables: tuple[LakeTable, ...]) -> None:
        read = [table for table in tables if any(reader.role == persona for reader in table.readers)]
        whole = [t for t in read if any(r.role == persona and r.sees_all for r in t.readers)]
        layers = sorted({table.layer for table in read})
        self._by_tags(persona, "DATABASE", {"layer": layers}, ["DESCRIBE"])
        if whole:
            found = {field.classification for table in whole for field in table.fields}
            expression = {
                persona: [READS],
                "layer": sorted({table.layer for table in whole}),
                "domain": sorted({table.domain for table in whole}),
                "classification": sorted(found | {table.classification for table in whole}),
            }
            self._by_tags(persona, "TABLE", expression, ["DESCRIBE", "SELECT"])

    def _by_tags(
        self, persona: str, kind: str, expression: dict[str, list[str]], permissions: list[str]
    ) -> None:
        _Permissions(
            self,
            f"{persona}-{kind.lower()}",
            principal=principal(self._settings.role(role_name(persona))),
            resource=_Permissions.ResourceProperty(
                lf_tag_policy=_Permissions.LFTagPolicyResourceProperty(
                    catalog_id=self._own,
                    resource_type=kind,
                    expression=[
                        _Permissions.LFTagProperty(tag_key=key, tag_values=values)
                        for key, values in expression.items()
                    ],
                )
            ),
            permissions=permissions,
            permissions_with_grant_option=[],
        )
