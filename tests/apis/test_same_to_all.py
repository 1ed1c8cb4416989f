"""Whatever contracts say, nobody sees more by the APIs, Redshift or QuickSight than by the masks and row
filters of Unity Catalog; and by one role alone as much. Lake Formation's filters are Redshift's."""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.apis.athena import LocalAthena
from tests.governance.scene import governed, role
from tests.support import column, gold, silver, write_product

from medallion_pipelines.api_function.athena import Athena
from medallion_pipelines.api_function.errors import RefusedError
from medallion_pipelines.api_function.pages import Pages
from medallion_pipelines.apis.published import published
from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.guarded import guards
from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.errors import UnknownNameError
from medallion_pipelines.governance.functions import groups, mask, row_filter

INFRA = Path(__file__).parents[2] / "infra"
COLUMNS = {"id": "string", "Region": "string", "number": "integer", "paid": "boolean", "note": "string"}
ROWS = [
    (f"{n}", region, number, paid, note)
    for n, (region, number, paid, note) in enumerate(
        (region, number, paid, note)
        for region in ("north's", "", "a_b", "axb", None)
        for number, paid in ((1, True), (-2, False), (2**60, None), (None, True))
        for note in ("x", None)
    )
]
TABLE = pa.table({name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)})
CONDITIONS = [
    "Region = 'north\\'s'", "region IN ('a_b', '')", "NOT region <> 'axb'", "region = ''", "REGION IS NULL",
    "number BETWEEN -2 AND 1", "NOT number > 1", "number IS NOT NULL AND paid", "NOT paid OR note = 'x'",
    "note = 'x' AND region = 'axb'", "region > 'a' AND number <> 1", "region LIKE 'a\\\\_b'",
    "lower(region) = 'axb'", "number + 1 > 0", "region <> 'a\\\\_b'",
]  # fmt: skip
MARKS = st.sampled_from(
    [{}] * 3
    + [{"classification": each} for each in ("public", "internal", "Confidential", "restricted")]
    + [{"tags": ["pii:email"]}, {"classification": "restricted", "tags": ["pii"]}]
)
CLEARED = st.sets(st.sampled_from(["confidential", "RESTRICTED", "pii:email", "pii"]), min_size=1)


@st.composite
def roles(draw: Any) -> list[dict[str, Any]]:
    made = []
    for name in draw(st.sets(st.sampled_from(["north", "Reader-1", "care", "engineer", "o_2"]), min_size=1)):
        access = draw(st.sampled_from(["read", "read", "read", "write", None]))
        custom: dict[str, Any] = {}
        if access == "read" and draw(st.booleans()):
            custom["clearance"] = sorted(draw(CLEARED))
        if access == "read" and draw(st.booleans()):
            custom["rows"] = draw(st.sampled_from(CONDITIONS))
        made.append(role(name, access, **custom))
    return made


@dataclass
class Sight:
    """What somebody sees of a table: the values of columns, by the key of their row."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, key: str, cells: dict[str, Any]) -> None:
        self.rows.setdefault(key, {}).update(cells)

    def __le__(self, other: Sight) -> bool:
        return all(
            key in other.rows and cells.items() <= other.rows[key].items() for key, cells in self.rows.items()
        )


@cache
def athena() -> LocalAthena:
    made = LocalAthena()
    made._duck = database()
    return made


@cache
def unity_catalog() -> duckdb.DuckDBPyConnection:
    return database()


def database() -> duckdb.DuckDBPyConnection:
    duck = duckdb.connect()
    duck.register("rows", TABLE)
    for schema in ("gold", "datamart_next"):
        duck.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.mart AS SELECT * FROM rows")
    return duck


def by_unity_catalog(product: Product, table: Table, own: set[str]) -> Sight:
    """The functions that `medallion governance apply` makes, run."""
    seen = Sight()
    if not any(each.access for each in groups(table) if each.name in own):
        return seen
    duck, marked = unity_catalog(), guards(product, table)
    told = ", ".join(f"'{name}'" for name in sorted(own))
    duck.execute(f"CREATE OR REPLACE MACRO is_account_group_member(name) AS name IN ({told})")
    # whether a mask shows the value: it is asked about a value that is no mask
    open_ = {}
    for name in COLUMNS:
        body = ""
        if name in marked:
            body = mask("g", "p", "c.gold.mart", table, name, marked[name]).body
            body = re.sub(r"THEN value ELSE .* END", "THEN TRUE ELSE FALSE END", body)
            body = body if body.endswith("END") else "FALSE"
        open_[name] = bool(duck.execute(f"SELECT {body or 'TRUE'}").fetchall()[0][0])
    where = row_filter("g", "p", "c.gold.mart", table)
    condition = sqlglot.transpile(where[0].body, read="databricks", write="duckdb")[0] if where else "TRUE"
    for row in duck.execute(f"SELECT * FROM gold.mart WHERE {condition}").fetchall():
        cells = dict(zip(COLUMNS, row, strict=True))
        seen.add(row[0], {name.lower(): value for name, value in cells.items() if open_[name]})
    return seen


def by_rest(tables: Any, own: set[str]) -> Sight:
    seen = Sight()
    try:
        found = Pages(tables, Athena(athena(), "apis"), "gold").page("mart", own, [], "500", None)
    except RefusedError:
        return seen
    columns = tables["mart"].columns
    hidden = tables["mart"].seen_by(own).masked
    types = {"STRING": str, "BIGINT": int, "BOOLEAN": bool}
    for row in found["rows"]:
        assert all(row[c.name] == c.hidden for c in columns if c.name in hidden)
        cells = {
            c.name.lower(): None if row[c.name] is None else types[c.type](row[c.name])
            for c in columns
            if c.name not in hidden
        }
        seen.add(row["id"], cells)
    return seen


def by_redshift(duck: duckdb.DuckDBPyConnection, statements: list[str], own: set[str]) -> Sight:
    seen = Sight()
    for each in statements:
        match = re.fullmatch(r'GRANT SELECT(?: \((.*)\))? ON (\S+) TO ROLE "(.*)"', each)
        if match and match[3] in own:
            query = duck.execute(f"SELECT {match[1] or '*'} FROM {match[2]}")
            names = [told[0].lower() for told in query.description or ()]
            for row in query.fetchall():
                cells = dict(zip(names, row, strict=True))
                if "id" in cells:
                    seen.add(cells["id"], cells)
    return seen


def by_quicksight(mart: Any, rules: dict[str, dict[str, list[str]]], own: set[str]) -> Sight:
    seen = Sight()
    readers = [reader for reader in mart.readers if reader.role in own]
    columns = [f.name for f in mart.fields if any(f.name not in reader.hidden for reader in readers)]
    for row in ROWS:
        cells = dict(zip(map(str.lower, COLUMNS), row, strict=True))
        for reader in readers:
            # no value is every value
            if all(not any(v) or cells[name] in v for name, v in rules[reader.role].items()):
                seen.add(row[0], {name: cells[name] for name in columns})
    return seen


@pytest.fixture
def infra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(INFRA), *sys.path])


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(marks=st.lists(MARKS, min_size=4, max_size=4), given_roles=roles(), others=st.sets(st.integers(0, 4)))
def test_nobody_sees_more_than_the_contracts_give(
    infra: None, marks: list[Any], given_roles: list[Any], others: set[int]
) -> None:
    from medallion_platform.analytics import contracts, datamarts
    from medallion_platform.analytics.conditions import row_filter as filtered
    from medallion_platform.analytics.conditions import values
    from medallion_platform.settings import SettingsError

    names = list(COLUMNS)
    said = [column("id"), *(column(n, COLUMNS[n], **m) for n, m in zip(names[1:], marks, strict=True))]
    plain = [column(name, type_) for name, type_ in COLUMNS.items()]
    mart = governed(gold("mart", said, [{"table": "silver.raw"}], key=["id"]), *given_roles)
    with tempfile.TemporaryDirectory() as folder:
        sql = f"SELECT {', '.join(names)} FROM {{raw}}"
        path = write_product(Path(folder), governed(silver("raw", plain, key=["id"])), mart, mart=sql)
        product = load_product(path)
        table = product.tables["gold.mart"]
        try:
            shown = published(product)
        except UnknownNameError:
            shown = None
        contracts.lake.cache_clear()
        [lake] = [each for each in contracts.lake(str(path)) if each.name == "mart"]
        try:
            statements = datamarts.marts(str(path))
        except SettingsError:
            statements = []
    tables = {each.table.name: each.table for each in shown.tables} if shown else {}
    rules = {}
    for reader in lake.readers:
        try:
            rules[reader.role] = values(lake, reader.role, reader.rows) if reader.rows else {}
            assert reader.rows is None or filtered(lake, reader.role, reader.rows)
        except SettingsError:
            rules = {}
            break

    redshift = database()
    for each in statements:
        if each.startswith("CREATE VIEW"):
            redshift.execute(each)
    everybody = [each["role"] for each in given_roles]
    people = [{name} for name in everybody] + [set(everybody), {each.upper() for each in everybody}, set()]
    people.append({name for place, name in enumerate(everybody) if place in others})
    for own in people:
        right = by_unity_catalog(product, table, own)
        alone = len(own) == 1 and own <= set(everybody)
        if tables:
            seen = by_rest(tables, own)
            assert seen <= right, own
            assert seen == right or not (alone and own <= set(tables["mart"].roles)), own
        if statements:
            seen = by_redshift(redshift, statements, own)
            assert seen <= right, own
            assert seen == right or not alone, own
        if rules:
            assert by_quicksight(lake, rules, own) <= right, own


def test_the_comparison_tells_who_sees_more() -> None:
    some, more = Sight({"1": {"a": 1}}), Sight({"1": {"a": 1, "b": 2}, "2": {}})
    assert some <= more and not more <= some and not Sight({"1": {"a": 2}}) <= more
