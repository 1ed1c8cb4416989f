"""Column lineage: what a column is made of, by contracts and SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support import column, gold, silver, write_product
from typer.testing import CliRunner

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.contracts import load_product
from medallion_pipelines.lineage import ColumnLineage, Origin, column_lineage
from medallion_pipelines.shipped import product_folder

BOOKINGS = silver(
    "bookings",
    [
        column("id", "integer"),
        column("route"),
        column("fare", "number", custom={"renamedFrom": ["price"]}),
        column("paid_in"),
        column("vat", "number", transformLogic="fare * rate"),
        column("file", transformLogic="_metadata.file_name"),
        column("total", "number", transformLogic="cost.net + 1", transformSourceObjects=["cost.net"]),
    ],
    key=["id"],
)
ROUTES = silver("routes", [column("route"), column("name")], key=["route"])
INPUTS = [{"table": "silver.bookings"}, {"table": "silver.routes"}]


def of_mart(folder: Path, sql: str | None, **columns: list[str]) -> ColumnLineage:
    """The lineage of a mart with these columns, each with its transformSourceObjects."""
    made = [
        column(name, **({"transformSourceObjects": sources} if sources else {}))
        for name, sources in columns.items()
    ]
    mart = gold("mart", made, INPUTS, key=[next(iter(columns))])
    write_product(folder, BOOKINGS, ROUTES, mart, **({"mart": sql} if sql else {}))
    if sql is None:
        (folder / "mart.py").write_text("def transform(bookings, routes): return bookings\n", "utf-8")
    tables = load_product(folder).tables
    return column_lineage(tables, tables["gold.mart"])


def test_a_silver_column_is_made_of_the_fields_it_is_read_from(tmp_path):
    tables = load_product(write_product(tmp_path, BOOKINGS)).tables

    made_of = column_lineage(tables, tables["silver.bookings"])

    bronze = "bronze.bookings"
    assert made_of.undeclared == {}
    assert made_of.origins == {
        "id": (Origin(bronze, "id", "IDENTITY"),),
        "route": (Origin(bronze, "route", "IDENTITY"),),
        "fare": (Origin(bronze, "fare", "IDENTITY"), Origin(bronze, "price", "IDENTITY")),
        "paid_in": (Origin(bronze, "paid_in", "IDENTITY"),),
        "vat": tuple(Origin(bronze, name, "TRANSFORMATION") for name in ("fare", "price", "rate")),
        "file": (),
        "total": (Origin(bronze, "cost.net", "TRANSFORMATION"),),
    }


def test_a_mart_follows_its_sql_through_joins_subqueries_and_aggregates(tmp_path):
    sql = """
      WITH paid AS (SELECT route, fare * 2 AS twice FROM {bookings} WHERE paid_in <> 'x')
      SELECT p.route, r.name AS `Name`, SUM(p.twice) AS income, COUNT(*) AS bookings,
        UPPER(r.name) AS upper_name
      FROM paid AS p LEFT JOIN {routes} AS r ON r.route = p.route
      GROUP BY p.route, r.name
    """

    made_of = of_mart(tmp_path, sql, route=[], Name=[], income=[], bookings=[], upper_name=[])

    assert made_of == ColumnLineage(
        {
            "route": (Origin("silver.bookings", "route", "IDENTITY"),),
            "Name": (Origin("silver.routes", "name", "IDENTITY"),),
            "income": (Origin("silver.bookings", "fare", "AGGREGATION"),),
            "bookings": (),
            "upper_name": (Origin("silver.routes", "name", "TRANSFORMATION"),),
        }
    )


def test_a_star_and_a_union_are_followed(tmp_path):
    sql = "SELECT * FROM (SELECT route, name FROM {routes} UNION ALL SELECT route, 'none' FROM {bookings})"

    made_of = of_mart(tmp_path, sql, route=[], name=[])

    assert {
        name: {(each.table, each.column) for each in origins} for name, origins in made_of.origins.items()
    } == {
        "route": {("silver.bookings", "route"), ("silver.routes", "route")},
        "name": {("silver.routes", "name")},
    }


def test_what_is_declared_counts_before_the_sql(tmp_path):
    made_of = of_mart(
        tmp_path, "SELECT route, name FROM {routes}", route=["silver.bookings.ROUTE", "routes.name"], name=[]
    )

    assert made_of.origins == {
        "route": (
            Origin("silver.bookings", "route", "TRANSFORMATION"),
            Origin("silver.routes", "name", "TRANSFORMATION"),
        ),
        "name": (Origin("silver.routes", "name", "IDENTITY"),),
    }


def test_of_python_only_what_is_declared_is_known_and_the_rest_is_named(tmp_path):
    made_of = of_mart(
        tmp_path, None, route=["bookings.route"], rows=["bookings"], name=["routes.nam"], other=[]
    )

    assert made_of.origins == {
        "route": (Origin("silver.bookings", "route", "TRANSFORMATION"),),
        "rows": (),
    }
    assert made_of.undeclared == {
        "name": "transformSourceObjects name `routes.nam`, which no input has",
        "other": "the transform is Python: declare transformSourceObjects",
    }


DEEP = f"SELECT {'(' * 600}route{')' * 600} AS a FROM {{routes}}"


@pytest.mark.parametrize("sql", ["SELECT nothing AS a FROM {routes}", "SELECT FROM FROM", DEEP])
def test_sql_that_cannot_be_followed_is_reported_and_fails_nothing(tmp_path, sql):
    made_of = of_mart(tmp_path, sql, a=[])

    assert made_of.origins == {}
    assert made_of.undeclared["a"].startswith("the SQL cannot be followed: ")


@pytest.mark.parametrize(
    ("expression", "known"),
    [("struct(*)", False), ("to_json(struct(*))", False), ("count(*)", True)],
)
def test_an_expression_that_takes_all_columns_is_undeclared_rather_than_made_of_none(
    tmp_path, expression, known
):
    sql = f"SELECT {expression} AS a FROM {{routes}} r WHERE EXISTS (SELECT * FROM {{bookings}})"
    made_of = of_mart(tmp_path, sql, a=[])
    assert made_of.origins == ({"a": ()} if known else {})
    assert list(made_of.undeclared) == ([] if known else ["a"])


def test_so_is_a_silver_column(tmp_path):
    columns = [
        column("id", "integer"),
        column("whole", transformLogic="to_json(struct(*))"),
        column("told", transformLogic="to_json(struct(*))", transformSourceObjects=["id"]),
    ]
    tables = load_product(write_product(tmp_path, silver("s", columns, key=["id"]))).tables
    made_of = column_lineage(tables, tables["silver.s"])
    assert set(made_of.undeclared) == {"whole"}
    assert made_of.origins["told"] == (Origin("bronze.s", "id", "TRANSFORMATION"),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT r.route, o.name FROM {routes} r JOIN other.silver.names o ON o.route = r.route",
        "WITH routes AS (SELECT * FROM other.silver.routes) "
        "SELECT b.route, r.name FROM {bookings} b JOIN routes r ON r.route = b.route",
    ],
)
def test_a_column_of_a_table_beside_the_inputs_is_undeclared_and_not_made_of_nothing(tmp_path, sql):
    made_of = of_mart(tmp_path, sql, route=[], name=[])

    assert list(made_of.origins) == ["route"]
    assert made_of.undeclared["name"].startswith("the SQL cannot be followed: nobody knows what ")


def test_the_shipped_product_has_the_lineage_of_every_column():
    tables = load_product(product_folder("flights")).tables

    assert {
        key: dict(made_of.undeclared)
        for key in tables
        if (made_of := column_lineage(tables, tables[key])).undeclared
    } == {}
    utilisation = column_lineage(tables, tables["gold.aircraft_utilisation_monthly"]).origins
    assert utilisation["total_seat_miles"] == (
        Origin("gold.dim_aircraft", "seats", "TRANSFORMATION"),
        Origin("gold.fact_flight", "distance_miles", "TRANSFORMATION"),
        Origin("gold.fact_flight", "is_cancelled", "TRANSFORMATION"),
    )


def test_the_command_shows_it_and_names_what_is_undeclared(tmp_path):
    of_mart(tmp_path, None, route=["bookings.route"], other=[])

    for function in (screen.out, screen.err):
        function.cache_clear()
    shown = CliRunner().invoke(app, ["lineage", str(tmp_path), "--table", "gold.mart"])
    document = json.loads(CliRunner().invoke(app, ["lineage", str(tmp_path), "--json"]).stdout)

    assert [line.split(maxsplit=3) for line in shown.stdout.splitlines()[1:]] == [
        ["gold.mart", "route", "transformation", "silver.bookings.route"],
        ["gold.mart", "other", "undeclared", "the transform is Python: declare transformSourceObjects"],
    ]
    assert shown.stderr.strip() == "1 column is undeclared: add transformSourceObjects."
    assert sorted(document["tables"]) == ["gold.mart", "silver.bookings", "silver.routes"]
