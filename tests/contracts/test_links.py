"""What refers to other tables of the product: foreign keys and the inputs of gold."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import pytest

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import ForeignKey, Input

FLIGHTS = "- {name: id, logicalType: integer, primaryKey: true}\n- {name: carrier, logicalType: string%s}\n"
AIRLINES = (
    "- {name: carrier, id: carrier_pk, logicalType: string, primaryKey: true}\n"
    "- {name: iata, physicalName: iata_code, logicalType: string, unique: true}\n"
    "- {name: title, logicalType: string}"
)


def pointing(folder, to, extra=""):
    folder.silver(FLIGHTS % f", relationships: [{{to: '{to}'{extra}}}]")
    folder.silver(AIRLINES, name="airlines", table="id: airlines_tbl")


@pytest.mark.parametrize(
    ("to", "column"),
    [
        ("airlines.carrier", "carrier"),
        ("silver.airlines.carrier", "carrier"),
        ("airlines.iata", "iata_code"),
        ("airlines.iata_code", "iata_code"),
        ("schema/airlines_tbl/properties/carrier_pk", "carrier"),
        ("/schema/airlines/properties/carrier", "carrier"),
        ("airlines.odcs.yaml#/schema/airlines_tbl/properties/carrier_pk", "carrier"),
        ("./airlines.odcs.yaml#/schema/airlines_tbl/properties/iata", "iata_code"),
    ],
)
def test_every_notation_of_odcs_finds_its_column(folder, to, column):
    pointing(folder, to)
    assert folder.table().foreign_keys == (ForeignKey(("carrier",), "airlines", (column,)),)


def test_a_foreign_key_may_be_checked(folder):
    pointing(folder, "airlines.carrier", ", type: foreignKey, customProperties: "
             "[{property: enforcement, value: checked}, {property: severity, value: warning}, "
             "{property: cardinality, value: many}]")  # fmt: skip
    assert folder.table().foreign_keys == (
        ForeignKey(("carrier",), "airlines", ("carrier",), True, "warning"),
    )


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("airline.carrier", "there is no table `silver.airline` in the product. Did you mean `airlines`?"),
        ("airlines.carier", "`silver.airlines` has no column `carier`. Did you mean `carrier`?"),
        ("airlines.title", "title of `silver.airlines` is not unique. Point to its primary key (carrier)."),
        ("airlines.address.zip", "must be `table.column` or `layer.table.column`. "
         "Fields within objects cannot be keys."),
        ("flights.id", "`carrier` is STRING, but `silver.flights.id` is BIGINT. Give both the same type."),
        ("schema/airline/properties/carrier", "there is no table `airline` in the product. "
         "Did you mean `airlines`?"),
        ("schema/airlines", "must be `schema/<table>/properties/<column>`. Fields within objects cannot be keys."),
        ("other.odcs.yaml#/schema/airlines/properties/carrier",
         "`other.odcs.yaml` is not a contract of this product. Give its path from this contract."),
        ("https://example.com/x.yaml#/schema/airlines/properties/carrier",
         "`https://example.com/x.yaml` is not a contract of this product. Give its path from this contract."),
        ("gold.marts.id", "`gold.marts` is of another layer. Point to a table of silver."),
    ],
)  # fmt: skip
def test_a_foreign_key_that_points_nowhere_is_refused(folder, to, said):
    pointing(folder, to)
    folder.gold("- {name: id, logicalType: string, primaryKey: true}",
                custom="- {property: inputs, value: [{table: silver.flights}]}")  # fmt: skip
    assert folder.said() == [f"schema[0].properties[1].relationships[0].to: {said}"]


@pytest.mark.parametrize(
    ("custom", "said"),
    [
        (
            "enforcement, value: strict",
            "value: `strict` is not supported. Write `checked` or `informational`.",
        ),
        ("severity, value: high", "value: `high` is not supported. Write `error` or `warning`."),
        (
            "enforcment, value: checked",
            "property: `enforcment` means nothing here. Did you mean `enforcement`?",
        ),
    ],
)
def test_how_a_foreign_key_is_enforced_must_be_known(folder, custom, said):
    pointing(folder, "airlines.carrier", f", customProperties: [{{property: {custom}}}]")
    assert folder.said() == [f"schema[0].properties[1].relationships[0].customProperties[0].{said}"]


WEATHER = "- {name: origin, logicalType: string, primaryKey: true}\n- {name: hour, logicalType: timestamp, primaryKey: true}"


def composite(folder, ends):
    folder.silver("- {name: from_, physicalName: origin, logicalType: string}\n- {name: hour, logicalType: timestamp}",
                  table=f"relationships: [{{{ends}}}]")  # fmt: skip
    folder.silver(WEATHER, name="weather")


def test_a_composite_key_is_pointed_to_from_the_table(folder):
    composite(folder, "from: [flights.hour, flights.from_], to: [weather.hour, weather.origin]")
    assert folder.table().foreign_keys == (ForeignKey(("hour", "origin"), "weather", ("hour", "origin")),)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("from: [flights.hour, flights.from_], to: [weather.hour]", ".to: names 1 columns for 2. "
         "List as many as point to them."),
        ("from: [flights.hour], to: [weather.hour]",
         ".to: hour of `silver.weather` is not unique. Point to its primary key (origin, hour)."),
        ("from: flights.hour, to: [weather.hour]", ".to: must be text, not a list"),
        ("from: [flights.hour, flights.from_], to: [weather.hour, flights.origin]",
         ".to: points to several tables. A foreign key points to one."),
        ("from: [weather.hour, weather.origin], to: [weather.hour, weather.origin]",
         ".from: is in `weather`, not in this contract's table. "
         "Declare it in the contract of the table that points."),
        ("to: weather.hour", ".from: `from` is missing"),
    ],
)  # fmt: skip
def test_a_composite_key_that_does_not_match_is_refused(folder, ends, said):
    composite(folder, ends)
    assert folder.said()[0] == f"schema[0].relationships[0]{said}"


CHECKED = ", relationships: [{to: %s, customProperties: [{property: enforcement, value: checked}]}]"


def test_checked_foreign_keys_may_not_go_round_in_a_circle(folder):
    for name, to in (("a", "b.id"), ("b", "c.id"), ("c", "a.id")):
        folder.silver(f"- {{name: id, logicalType: integer, primaryKey: true{CHECKED % to}}}", name=name)
    assert folder.said() == [
        "schema[0].properties[0].relationships[0]: checked foreign keys go round in a circle: "
        "silver.a -> silver.b -> silver.c -> silver.a. "
        "No table could be loaded first; make one of them `enforcement: informational`."
    ]


def test_integers_of_different_width_may_point_to_each_other(folder):
    folder.silver("- {name: p, logicalType: integer, relationships: [{to: planes.id}]}")
    folder.silver("- {name: id, logicalType: integer, physicalType: INT, primaryKey: true}", name="planes")
    assert folder.table().foreign_keys == (ForeignKey(("p",), "planes", ("id",)),)


MART = "- {name: carrier, logicalType: string, primaryKey: true}\n- {name: flights, logicalType: integer}"


def mart(folder, inputs, **more):
    pointing(folder, "airlines.carrier")
    folder.gold(MART, custom=f"- {{property: inputs, value: {inputs}}}", **more)


def test_a_gold_table_maps_its_inputs_to_its_grain(folder):
    mart(folder, "[{table: silver.flights, grain: {carrier: upper(carrier)}}, "
                 "{table: silver.airlines, lookup: {carrier: carrier, lower(carrier): title}}]")  # fmt: skip
    table = folder.table("gold.marts")
    assert table.inputs == (
        Input("silver", "flights", {"carrier": "upper(carrier)"}),
        Input("silver", "airlines", None, {"`carrier`": "carrier", "lower(carrier)": "title"}),
    )
    assert table.transform == folder.path / "gold/marts.sql"
    assert table.source is None
    assert table.columns[0].fields == ()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("silver.flights", "value: must be a list of tables. Such as `value: [{table: silver.flights}]`."),
        ("[silver.flights]", "value[0]: must be a mapping. Such as `{table: silver.flights}`."),
        ("[{tabel: silver.flights}]", "value[0].tabel: `tabel` is not a key of an input. Did you mean `table`?"),
        ("[{table: flights}]", "value[0].table: there is no table `flights` in the product. "
         "Did you mean `silver.flights`?"),
        ("[{table: silver.flight}]", "value[0].table: there is no table `silver.flight` in the product. "
         "Did you mean `silver.flights`?"),
        ("[{table: silver.flights}, {table: silver.flights}]",
         "value[1]: `silver.flights` is here twice. Name each input once."),
        ("[{table: silver.flights, grain: {flights: id}}]",
         "value[0].grain.flights: `flights` is not in the primary key. Known: `carrier`."),
        ("[{table: silver.flights, grain: {}}]",
         "value[0].grain: does not say where `carrier` comes from. "
         "Map every column of the primary key, or drop `grain` for a full refresh on each change."),
        ("[{table: silver.flights, grain: {carrier: carier}}]",
         "value[0].grain.carrier: there is no column `carier`. Did you mean `carrier`?"),
        ("[{table: silver.flights, grain: {carrier: max(carrier)}}]",
         "value[0].grain.carrier: holds an aggregate, `MAX(carrier)`. Use quality of `type: sql` for many rows."),
        ("[{table: silver.flights, grain: {carrier: carrier}, lookup: {carrier: carrier}}]",
         "value[0].lookup: stands beside `grain`. An input has one of them, or neither."),
        ("[{table: silver.airlines, lookup: {carrier: carrier}}]",
         "value[0].lookup: needs another input with a `grain`. A lookup is made from that input's rows."),
        ("[{table: silver.flights, grain: {carrier: carrier}}, {table: silver.airlines, lookup: {carrier: code}}]",
         "value[1].lookup.carrier: `silver.airlines` has no column `code`. "
         "Known: `carrier`, `iata_code`, `title`."),
        ("[{table: silver.flights, grain: {carrier: carrier}}, {table: silver.airlines, lookup: {code: carrier}}]",
         "value[1].lookup.code: there is no column `code`. Known: `id`, `carrier`."),
        ("[{table: silver.flights, grain: {carrier: carrier}}, {table: silver.airlines, lookup: [carrier]}]",
         "value[1].lookup: must map expressions to columns. Such as `lookup: {carrier: carrier_code}`."),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_followed_are_refused(folder, inputs, said):
    mart(folder, inputs)
    assert f"schema[0].customProperties[1].{said}" in folder.said()


def test_a_gold_table_needs_inputs_a_key_and_a_transform(folder):
    folder.gold("- {name: a, logicalType: string}", transform=None)
    assert folder.said() == [
        "marts.sql is not beside the contract. It holds the query that makes the table; or write marts.py.",
        "schema[0]: the custom property `inputs` is missing. "
        "List the tables it is made of: `value: [{table: silver.flights}]`.",
    ]
    pointing(folder, "airlines.carrier")
    folder.gold(
        "- {name: a, logicalType: string}", custom="- {property: inputs, value: [{table: silver.flights}]}"
    )
    assert folder.said() == [
        "schema[0]: a gold table needs a primary key: its grain. Add `primaryKey: true` to its columns."
    ]
    mart(folder, "[{table: silver.flights}]", transform=".py")
    assert folder.said() == ["marts.sql and marts.py are both beside the contract. Keep one of them."]


def test_gold_is_made_of_tables_only(folder):
    pointing(folder, "airlines.carrier")
    folder.gold(
        "- {name: carrier, logicalType: string, primaryKey: true, transformLogic: upper(x)}\n"
        "- {name: b, logicalType: string, customProperties: [{property: renamedFrom, value: c}]}",
        custom="- {property: inputs, value: [{table: silver.flights}]}\n"
        "- {property: source, value: {path: x, format: json}}\n- {property: sequenceBy, value: [b]}",
    )
    assert folder.said() == [
        "schema[0].customProperties[2].value: is for silver tables only. A gold table is made of tables: use `inputs`.",
        "schema[0].customProperties[3].value: is for silver tables with a primary key. "
        "It picks the newest of the rows of one key.",
        "schema[0].properties[0].transformLogic: is for silver tables only. "
        "Compute it in the transform beside the contract; describe it in `transformDescription`.",
        "schema[0].properties[1].customProperties[0].value: is for silver tables only. "
        "The transform beside the contract names its columns.",
    ]


def test_tables_made_of_each_other_are_refused(folder):
    for name, other in (("a", "b"), ("b", "a")):
        folder.gold(MART, name=name, custom=f"- {{property: inputs, value: [{{table: gold.{other}}}]}}")
    assert folder.said() == [
        "schema[0].customProperties[1].value: tables are made of each other: gold.a -> gold.b -> gold.a. "
        "One of them must come first."
    ]


def view(folder, properties="- {name: a, logicalType: string}", inputs="[{table: gold.marts}]", **more):
    mart(folder, "[{table: silver.flights}]")
    folder.gold(properties, name="shown", table="physicalType: view",
                custom=f"- {{property: inputs, value: {inputs}}}", **more)  # fmt: skip


def test_a_view_is_a_query_over_tables(folder):
    view(folder)
    table = folder.table("gold.shown")
    assert (table.kind, table.inputs, table.primary_key) == ("view", (Input("gold", "marts"),), ())


def test_a_view_promises_nothing_that_only_tables_can_keep(folder):
    view(folder, "- {name: a, logicalType: string, required: true, logicalTypeOptions: {maxLength: 3}}",
         "[{table: gold.marts, grain: {a: carrier}}]", transform=".py")  # fmt: skip
    hint = "A view stores and checks nothing: put it on the tables it reads, or make it a table."
    assert folder.said() == [
        "a view is made by SQL, not by Python. Write shown.sql.",
        "schema[0].customProperties[1].value[0].grain: has no meaning for a view. "
        "A view always shows its inputs as they are.",
        f"schema[0].properties[0].logicalTypeOptions: is not honoured on a view. {hint}",
        f"schema[0].properties[0].required: is not honoured on a view. {hint}",
    ]


def test_a_table_cannot_be_made_of_a_view(folder):
    view(folder)
    folder.gold(MART, name="again", custom="- {property: inputs, value: [{table: gold.shown}]}")
    assert folder.said() == [
        "schema[0].customProperties[1].value[0].table: `gold.shown` is a view, which records no changes. "
        "Read the tables under it."
    ]


def test_a_product_is_named_after_its_folder(folder):
    mart(folder, "[{table: silver.flights}]")
    product = load_product("product")
    assert (product.name, str(product.path)) == ("product", "product")
    assert sorted(product.tables) == ["gold.marts", "silver.airlines", "silver.flights"]
