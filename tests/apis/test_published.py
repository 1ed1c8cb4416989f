"""What of a product is shown to whom: what contracts and governance say, or less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.apis.scene import INPUT, KEY, product
from tests.governance.scene import ANALYST, ENGINEER, governed, role
from tests.support import column, gold, silver, write_product

from medallion_pipelines.api_function.tables import Column, document, read
from medallion_pipelines.apis.published import Published, published
from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import GovernanceError, UnknownNameError
from medallion_pipelines.shipped import product_folder


def mart(
    name: str, columns: list[dict[str, Any]], *roles: dict[str, Any], key: Any = ("region",), **more: Any
) -> Any:
    return governed(gold(name, columns, INPUT, key=key, **more), *roles)


def shown(folder: Path, *contracts: dict[str, Any]) -> Published:
    return published(load_product(product(folder, *contracts)))


def test_a_table_is_shown_as_its_contract_has_it(shop: Published) -> None:
    [sales] = shop.tables
    assert (sales.table.name, sales.table.key) == ("sales", tuple(KEY))
    assert sales.table.roles == {
        "engineer": None,
        "analyst": None,
        "care": None,
        "north": """(("region" = 'north''s') AND ("amount_class" <> 3))""",
    }
    cleared = frozenset({"engineer", "care"})
    assert sales.table.column("email") == Column("email", "STRING", cleared, "***")
    assert sales.table.column("spent") == Column("spent", "DOUBLE", cleared, None)
    assert sales.table.column("paid") == Column("paid", "BOOLEAN")
    assert shop.left_out == {"gold.sales.items": "a ARRAY<STRING> is not shown"}


def test_the_function_reads_what_the_packager_writes(shop: Published) -> None:
    tables = {each.table.name: each.table for each in shop.tables}
    assert read(document(tables.values())) == tables


def test_the_flights_are_shown_but_for_their_views() -> None:
    flights = published(load_product(product_folder("flights")))
    assert len(flights.tables) == 9
    assert set(flights.left_out) == {"gold.network_planning", "gold.operations", "gold.public_on_time"}


LIMIT = column("limit", custom={"declassified": "a number of its own"})
WORDS = column("two-words", custom={"declassified": "its own"})


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        (mart("view", [column("region")], kind="view", key=()), "Athena does not read views"),
        (mart("Query", [column("region")]), "one of the schema's own"),
        (mart("sales_page", [column("region")]), "one of the schema's own"),
        (mart("by_rating", [column("rating", "number")], key=["rating"]), "rating (DOUBLE) cannot be"),
        (mart("by_limit", [LIMIT], key=["limit"]), "limit has the name of a parameter"),
        (mart("by_words", [WORDS], key=["two-words"]), "two-words (STRING) cannot be filtered"),
        (mart("kept", [column("region")], {"role": "nobody"}), "no role may read it"),
    ],
)  # fmt: skip
def test_what_cannot_be_paged_or_spelt_is_left_out_and_told(tmp_path: Path, contract: Any, why: str) -> None:
    found = shown(tmp_path, contract)
    assert [each.table.name for each in found.tables] == ["sales"]
    assert why in found.left_out[f"gold.{contract['name']}"]


def test_who_does_not_see_the_key_is_not_shown_the_table(tmp_path: Path) -> None:
    columns = [column("email", classification="confidential"), column("region")]
    found = shown(tmp_path, mart("people", columns, ENGINEER, ANALYST, key=["email"]))
    [people] = [each.table for each in found.tables if each.table.name == "people"]
    assert people.roles == {"engineer": None}
    assert "email, which the role does not see" in found.left_out["gold.people for analyst"]


def test_shares_and_roles_whose_names_are_lists_are_left_out(tmp_path: Path) -> None:
    partner = role("partner", recipient={"prod": "aws:eu-west-1:11111111-2222-3333-4444-555555555555"})
    found = shown(tmp_path, mart("shared", [column("region")], ANALYST, partner, role("a,b")))
    [shared] = [each.table for each in found.tables if each.table.name == "shared"]
    assert shared.roles == {"analyst": None}
    assert list(found.left_out) == ["gold.sales.items", "gold.shared for a,b"]


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ("region = 'a'", """("region" = 'a')"""),
        ("region IN ('a', \"b'c\")", """("region" IN ('a', 'b''c'))"""),
        ("number >= -5 OR number < 7", """(("number" >= -5) OR ("number" < 7))"""),
        ("NOT paid AND day IS NOT NULL", """((NOT ("paid" = TRUE)) AND (NOT ("day" IS NULL)))"""),
        ("REGION BETWEEN 'a' AND 'b'", """("region" BETWEEN 'a' AND 'b')"""),
        ("amount <> 3", """("amount" <> 3)"""),
        # what the engines may not agree on
        ("day = '2026-01-01'", None),
        ("number = '5'", None),
        ("region = 5", None),
        ("amount = 1.5", None),
        ("rating > 1", None),
        ("region LIKE 'a%'", None),
        ("lower(region) = 'a'", None),
        ("region <=> 'a'", None),
        ("region = region", None),
        ("number + 1 = 2", None),
        ("region = r'a'", None),
        ("region <> 'a\\\\b'", None),
        ("region <> 'a\\_b'", None),
        ("region.name = 'a'", None),
        ("current_user() = region", None),
    ],
)
def test_the_rows_of_a_role_are_the_same_to_athena_or_the_role_is_left_out(
    tmp_path: Path, condition: str, sql: str | None
) -> None:
    columns = [
        column("region"), column("day", "date"), column("number", "integer"), column("paid", "boolean"),
        column("amount", "number", physicalType="DECIMAL(10,2)"), column("rating", "number"),
    ]  # fmt: skip
    found = shown(tmp_path, mart("some", columns, ENGINEER, role("part", rows=condition)))
    [some] = [each.table for each in found.tables if each.table.name == "some"]
    if sql is None:
        assert some.roles == {"engineer": None}
        assert "may mean something else to Athena" in found.left_out["gold.some for part"]
    else:
        assert some.roles == {"engineer": None, "part": sql}


def test_contracts_that_show_too_much_are_not_shown_at_all(tmp_path: Path) -> None:
    telling = mart("telling", [column("region"), column("mail")], ENGINEER)
    folder = product(tmp_path, telling, telling="SELECT region, email AS mail FROM {raw}")
    with pytest.raises(GovernanceError, match=r"`mail` is made of silver\.raw\.email"):
        published(load_product(folder))


def test_a_product_with_nothing_to_show_is_told(tmp_path: Path) -> None:
    folder = write_product(tmp_path, governed(silver("raw", [column("id")])))
    with pytest.raises(UnknownNameError, match="it has none"):
        published(load_product(folder))
