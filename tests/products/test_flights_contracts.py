"""The contracts of the flights product, as documents."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft201909Validator

from medallion_pipelines.contracts import check_product
from medallion_pipelines.contracts.guarded import OPEN
from medallion_pipelines.report.secrecy import Secrecy

from . import flights, oracle

SCHEMA = json.loads((resources.files("open_data_contract_standard") / "schema.json").read_text("utf-8"))
SILVER = flights.contracts("silver")
GOLD = flights.contracts("gold")
ALL = {
    f"{layer}.{name}": each
    for layer, found in (("silver", SILVER), ("gold", GOLD))
    for name, each in found.items()
}
VIEWS = ["network_planning", "operations", "public_on_time"]


def properties(contract: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = contract["schema"][0]["properties"]
    return found


def primary_key(contract: dict[str, Any]) -> list[str]:
    keys = [each for each in properties(contract) if each.get("primaryKey")]
    return [each["name"] for each in sorted(keys, key=lambda each: each["primaryKeyPosition"])]


@pytest.mark.parametrize("name", ALL)
def test_a_contract_is_valid_odcs(name: str) -> None:
    assert [error.message for error in Draft201909Validator(SCHEMA).iter_errors(ALL[name])] == []
    assert ALL[name]["apiVersion"] == "v3.1.0"


def test_the_product_compiles_without_problems() -> None:
    product, problems = check_product(flights.PRODUCT)
    assert problems == []
    assert product is not None
    assert set(product.tables) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_contract_describes_one_object_named_as_its_file_and_layer(name: str) -> None:
    (table,) = ALL[name]["schema"]
    assert f"{flights.custom(ALL[name], 'layer')}.{table['name']}" == name


@pytest.mark.parametrize("name", ALL)
def test_every_column_is_described_and_classified(name: str) -> None:
    for column in properties(ALL[name]):
        assert column["description"].endswith("."), column["name"]
        assert column["classification"] in (*OPEN, "confidential", "restricted"), column["name"]


@pytest.mark.parametrize("name", GOLD)
def test_a_gold_contract_has_one_transform_beside_it(name: str) -> None:
    beside = {path.suffix for path in (flights.PRODUCT / "gold").glob(f"{name}.*")} - {".yaml"}
    assert beside in ({".sql"}, {".py"})


@pytest.mark.parametrize("name", [name for name in GOLD if name not in VIEWS])
def test_a_gold_tables_primary_key_is_the_grain_mapped_from_its_inputs(name: str) -> None:
    key = primary_key(GOLD[name])
    assert key == oracle.KEYS[name]
    grains = [each["grain"] for each in flights.custom(GOLD[name], "inputs") if "grain" in each]
    assert grains
    assert all(list(grain) == key for grain in grains)


def test_the_persona_tables_are_views() -> None:
    assert [name for name, each in GOLD.items() if each["schema"][0]["physicalType"] == "view"] == VIEWS


def test_the_public_view_shows_public_columns_only() -> None:
    assert {each["classification"] for each in properties(GOLD["public_on_time"])} == {"public"}


def test_what_tells_who_a_passenger_is_stays_in_one_table() -> None:
    guarded = {
        (name, column["name"], column["classification"], *column["tags"])
        for name, contract in ALL.items()
        for column in properties(contract)
        if column["classification"] not in OPEN
    }
    assert guarded == {
        ("silver.passengers", "name", "confidential", "pii"),
        ("silver.passengers", "email", "confidential", "pii"),
        ("silver.passengers", "passport_number", "restricted", "pii"),
    }
    product, _ = check_product(flights.PRODUCT)
    assert product is not None
    hidden = [key for key, table in product.tables.items() if Secrecy(product).why(table)]
    assert hidden == ["silver.passengers"]


def test_each_persona_view_has_a_reader_of_its_own() -> None:
    readers = [{role["role"] for role in GOLD[view]["roles"]} - {"flights_engineer"} for view in VIEWS]
    assert readers == [{"flights_network_planning"}, {"flights_operations"}, {"flights_public"}]
