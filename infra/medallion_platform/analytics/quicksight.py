"""QuickSight: marts as data sets whose rows and columns are the contracts', and a dashboard per persona."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_lakeformation as lf
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from medallion_platform.analytics.conditions import values
from medallion_platform.analytics.contracts import Field, LakeTable, lake, roles
from medallion_platform.analytics.lake_formation import principal
from medallion_platform.analytics.personas import query_needs
from medallion_platform.analytics.places import workgroup
from medallion_platform.identity.roles import make_role
from medallion_platform.policies import allow
from medallion_platform.settings import Settings, SettingsError

ASKING = "quicksight"  # its workgroup, and the end of its role's name
_RULES = "GroupName"  # the column by which QuickSight knows whom a rule is for
_KINDS = {"boolean": "BOOLEAN", "date": "DATETIME", "string": "STRING", "timestamp": "DATETIME",
          "double": "DECIMAL", "float": "DECIMAL"}  # fmt: skip
_USE_BOARD = ["quicksight:DescribeDashboard", "quicksight:ListDashboardVersions", "quicksight:QueryDashboard"]
_Set = quicksight.CfnDataSet
_Board = quicksight.CfnDashboard
_Permissions = lf.CfnPrincipalPermissions


class Dashboards(Construct):
    """People are in groups that are called like the contracts' roles. These, and the account's subscription,
    are there before: CloudFormation makes neither.

    QuickSight asks as one role, which reads whole marts. Whom it shows what, its own rules say: each data set
    has one of rows, which names every group that sees any, and one for the columns that not all of these see.
    """

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        self._settings, self._own = settings, settings.account("serving")
        tables = [t for t in lake(settings.analytics.product) if t.layer == "gold" and t.readers]
        personas = roles(tuple(tables))
        self._source = self._data_source()
        self._sets = {table.name: self._data_set(table) for table in tables}
        for persona in personas:
            self._dashboard(persona, [t for t in tables if any(r.role == persona for r in t.readers)])

    def _group_arn(self, name: str) -> str:
        namespace = self._settings.analytics.quicksight_namespace
        return f"arn:aws:quicksight:{self._settings.region}:{self._own}:group/{namespace}/{name}"

    def _data_source(self) -> quicksight.CfnDataSource:
        settings = self._settings
        role = make_role(
            self,
            settings,
            f"serving-{ASKING}",
            trust=[
                allow(
                    "QuickSight",
                    ["sts:AssumeRole"],
                    None,
                    to={"Service": "quicksight.amazonaws.com"},
                    when={"StringEquals": {"aws:SourceAccount": self._own}},
                )
            ],
            statements=query_needs(settings, ASKING, ["gold"]),
            description="QuickSight, as it reads marts",
        )
        _Permissions(
            self,
            "gold-granted",
            principal=principal(role.attr_arn),
            resource=_Permissions.ResourceProperty(
                table=_Permissions.TableResourceProperty(
                    catalog_id=self._own, database_name="gold", table_wildcard={}
                )
            ),
            permissions=["DESCRIBE", "SELECT"],
            permissions_with_grant_option=[],
        )
        return quicksight.CfnDataSource(
            self,
            "source",
            aws_account_id=self._own,
            data_source_id=f"{settings.prefix}-gold",
            name=f"{settings.prefix} gold",
            type="ATHENA",
            data_source_parameters=quicksight.CfnDataSource.DataSourceParametersProperty(
                athena_parameters=quicksight.CfnDataSource.AthenaParametersProperty(
                    work_group=workgroup(settings, ASKING), role_arn=role.attr_arn
                )
            ),
            ssl_properties=quicksight.CfnDataSource.SslPropertiesProperty(disable_ssl=False),
        )

    def _data_set(self, table: LakeTable) -> quicksight.CfnDataSet:
        prefix = self._settings.prefix
        rules = self._rules(table)
        seen = table.seen_by_somebody
        guarded = {name for reader in table.readers for name in reader.hidden}
        shown_to = {
            field.name: [self._group_arn(r.role) for r in table.readers if field.name not in r.hidden]
            for field in seen
            if field.name in guarded
        }
        return _Set(
            self,
            f"set-{table.name}",
            aws_account_id=self._own,
            data_set_id=f"{prefix}-{table.name}",
            name=table.name,
            import_mode="DIRECT_QUERY",  # what Athena says now; nothing is kept in QuickSight
            physical_table_map={
                "mart": _Set.PhysicalTableProperty(
                    relational_table=_Set.RelationalTableProperty(
                        data_source_arn=self._source.attr_arn,
                        catalog="AwsDataCatalog",
                        schema=table.layer,
                        name=table.name,
                        input_columns=[_input(field.name, _kind(field)) for field in seen],
                    )
                )
            },
            row_level_permission_data_set=_Set.RowLevelPermissionDataSetProperty(
                arn=rules.attr_arn,
                permission_policy="GRANT_ACCESS",
                format_version="VERSION_1",
                status="ENABLED",
            ),
            column_level_permission_rules=[
                _Set.ColumnLevelPermissionRuleProperty(column_names=[name], principals=groups)
                for name, groups in sorted(shown_to.items())
            ]
            or None,
        )

    def _rules(self, table: LakeTable) -> quicksight.CfnDataSet:
        """Who sees which rows, as a query of constants: no value for a column is every value, and who is not
        named sees none."""
        said = {r.role: values(table, r.role, r.rows) if r.rows else {} for r in table.readers}
        texts = [field.name for field in table.seen_by_somebody if field.type == "STRING"]
        columns = sorted({name for found in said.values() for name in found}) or texts[:1]
        if not set(columns) <= set(texts):
            raise SettingsError(
                f"{table.layer}.{table.name}: QuickSight filters rows by columns that somebody sees, and "
                f"nobody sees all of {', '.join(columns)}."
            )
        rows = [
            [_text(role), *(_text(",".join(found[name])) if name in found else "CAST(NULL AS VARCHAR)"
                            for name in columns)]
            for role, found in said.items()
        ]  # fmt: skip
        listed = ", ".join(f"({', '.join(row)})" for row in rows)
        named = ", ".join(f'"{name}"' for name in (_RULES, *columns))
        return _Set(
            self,
            f"rules-{table.name}",
            aws_account_id=self._own,
            data_set_id=f"{self._settings.prefix}-{table.name}-rules",
            name=f"{table.name}: who sees which rows",
            import_mode="DIRECT_QUERY",
            physical_table_map={
                "rules": _Set.PhysicalTableProperty(
                    custom_sql=_Set.CustomSqlProperty(
                        data_source_arn=self._source.attr_arn,
                        name="rules",
                        sql_query=f"SELECT * FROM (VALUES {listed}) AS rules ({named})",
                        columns=[_input(name, "STRING") for name in (_RULES, *columns)],
                    )
                )
            },
        )

    def _dashboard(self, persona: str, tables: list[LakeTable]) -> None:
        """A sheet per mart that the persona reads: a chart, and the columns that it sees."""
        _Board(
            self,
            f"dashboard-{persona}",
            aws_account_id=self._own,
            dashboard_id=f"{self._settings.prefix}-{persona}",
            name=persona,
            permissions=[
                _Board.ResourcePermissionProperty(principal=self._group_arn(persona), actions=_USE_BOARD)
            ],
            dashboard_publish_options=_Board.DashboardPublishOptionsProperty(
                export_to_csv_option=_Board.ExportToCSVOptionProperty(availability_status="DISABLED")
            ),
            definition=_Board.DashboardVersionDefinitionProperty(
                data_set_identifier_declarations=[
                    _Board.DataSetIdentifierDeclarationProperty(
                        identifier=table.name, data_set_arn=self._sets[table.name].attr_arn
                    )
                    for table in tables
                ],
                sheets=[_sheet(table, persona) for table in tables],
            ),
        )


def _sheet(table: LakeTable, persona: str) -> quicksight.CfnDashboard.SheetDefinitionProperty:
    hidden = next(reader.hidden for reader in table.readers if reader.role == persona)
    seen = [field for field in table.fields if field.name not in hidden]
    visuals = [_Board.VisualProperty(table_visual=_rows(table, seen))]
    category = next((field for field in seen if field.type == "STRING"), None)
    counts = [
        f for f in seen if f.type == "BIGINT" and f.name not in ("year", "month", "quarter", *table.keys)
    ]
    if category is not None and counts:
        visuals.insert(0, _Board.VisualProperty(bar_chart_visual=_chart(table, category, counts[0])))
    return _Board.SheetDefinitionProperty(
        sheet_id=table.name, name=table.name, description=table.description[:1024] or None, visuals=visuals
    )


def _rows(table: LakeTable, seen: list[Field]) -> quicksight.CfnDashboard.TableVisualProperty:
    fields: list[Any] = [
        _Board.UnaggregatedFieldProperty(field_id=f"row.{field.name}", column=_column(table, field))
        for field in seen
    ]
    wells = _Board.TableFieldWellsProperty(
        table_unaggregated_field_wells=_Board.TableUnaggregatedFieldWellsProperty(values=fields)
    )
    return _Board.TableVisualProperty(
        visual_id=f"{table.name}-rows",
        chart_configuration=_Board.TableConfigurationProperty(field_wells=wells),
    )


def _chart(table: LakeTable, category: Field, count: Field) -> quicksight.CfnDashboard.BarChartVisualProperty:
    wells = _Board.BarChartAggregatedFieldWellsProperty(
        category=[
            _Board.DimensionFieldProperty(
                categorical_dimension_field=_Board.CategoricalDimensionFieldProperty(
                    field_id=f"by.{category.name}", column=_column(table, category)
                )
            )
        ],
        values=[
            _Board.MeasureFieldProperty(
                numerical_measure_field=_Board.NumericalMeasureFieldProperty(
                    field_id=f"sum.{count.name}",
                    column=_column(table, count),
                    aggregation_function=_Board.NumericalAggregationFunctionProperty(
                        simple_numerical_aggregation="SUM"
                    ),
                )
            )
        ],
    )
    return _Board.BarChartVisualProperty(
        visual_id=f"{table.name}-chart",
        chart_configuration=_Board.BarChartConfigurationProperty(
            field_wells=_Board.BarChartFieldWellsProperty(bar_chart_aggregated_field_wells=wells)
        ),
    )


def _column(table: LakeTable, field: Field) -> quicksight.CfnDashboard.ColumnIdentifierProperty:
    return _Board.ColumnIdentifierProperty(data_set_identifier=table.name, column_name=field.name)


def _kind(field: Field) -> str:
    return "DECIMAL" if field.type.startswith("DECIMAL") else _KINDS.get(field.glue_type, "INTEGER")


def _input(name: str, kind: str) -> quicksight.CfnDataSet.InputColumnProperty:
    return _Set.InputColumnProperty(name=name, type=kind)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
