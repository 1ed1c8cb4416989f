"""Whatever a contract holds, the checks answer with problems and never fall over."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import copy
import json
import random

import pytest

from medallion_pipelines.contracts import check_product

FULL = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "version": "1", "status": "active", "domain": "d",
    "team": {"name": "t", "members": [{"username": "u", "role": "owner"}]},
    "roles": [{"role": "r", "access": "read"}],
    "servers": [{"server": "dev", "type": "databricks", "catalog": "c", "schema": "s"}],
    "slaProperties": [
        {"property": "freshness", "value": 4, "unit": "h", "element": "flights.at"},
        {"property": "retention", "value": 3, "unit": "d"},
    ],
    "schema": [{
        "name": "flights",
        "customProperties": [
            {"property": "layer", "value": "silver"},
            {"property": "source", "value": {"path": "x", "format": "csv", "multiLine": True, "options": {"sep": ";"}}},
            {"property": "sequenceBy", "value": ["at"]},
            {"property": "clusterBy", "value": ["id"]},
            {"property": "quarantineLimit", "value": {"mustBeLessThan": 5, "unit": "percent"}},
        ],
        "relationships": [{"from": ["flights.parent"], "to": ["flights.id"]}],
        "quality": [
            {"metric": "rowCount", "mustBeBetween": [1, 5]},
            {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["id", "at"]}},
            {"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 0},
            {"type": "custom", "engine": "medallion", "implementation": "id > parent"},
        ],
        "properties": [
            {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1,
             "logicalTypeOptions": {"minimum": 1, "maximum": 9, "multipleOf": 2, "format": "u8"}},
            {"name": "parent", "logicalType": "integer", "relationships": [
                {"to": "flights.id", "customProperties": [{"property": "enforcement", "value": "informational"}]}]},
            {"name": "at", "logicalType": "timestamp", "physicalType": "TIMESTAMP_NTZ",
             "logicalTypeOptions": {"format": "yyyy", "minimum": "2020-01-01"}},
            {"name": "code", "logicalType": "string", "physicalType": "VARCHAR(3)",
             "logicalTypeOptions": {"pattern": "^a", "minLength": 1, "maxLength": 3, "format": "email"},
             "customProperties": [{"property": "renamedFrom", "value": ["kode"]}],
             "quality": [{"metric": "invalidValues", "arguments": {"validValues": ["a"], "pattern": "a"}, "mustBe": 0},
                         {"metric": "missingValues", "arguments": {"missingValues": [None, ""]}, "mustBeLessThan": 9},
                         {"metric": "nullValues", "mustBeLessThan": 1, "unit": "percent", "severity": "warning"}]},
            {"name": "made", "logicalType": "string", "transformLogic": "upper(code)"},
            {"name": "clock", "logicalType": "time", "logicalTypeOptions": {"minimum": "10:00"}},
            {"name": "tree", "logicalType": "object", "logicalTypeOptions": {"required": ["leaf"]}, "properties": [
                {"name": "leaf", "logicalType": "array", "logicalTypeOptions": {"minItems": 1},
                 "items": {"logicalType": "number", "logicalTypeOptions": {"minimum": 0.5}}}]},
            {"name": "bag", "logicalType": "object", "physicalType": "MAP<STRING, INT>",
             "logicalTypeOptions": {"maxProperties": 3}},
        ],
    }],
}  # fmt: skip
STRANGE = [None, True, False, 0, -1, 1.5, 10**30, "", " ", "x", "a`b'\\${x}", [], [None], [[]], {}, {"x": None},
           {"property": "layer"}, ["x", "x"], "SELECT 1", "*", "((((", "{object}", "🦆"]  # fmt: skip


def places(value, path=()):
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def test_the_full_contract_is_sound(folder):
    folder.write("x.odcs.yaml", json.dumps(FULL))
    assert folder.problems() == []


@pytest.mark.parametrize("seed", range(6))
def test_any_value_in_any_place_is_answered(folder, seed):
    choose = random.Random(seed)
    everywhere = [path for path in places(FULL) if path]
    for path in choose.sample(everywhere, len(everywhere) // 3):
        contract = copy.deepcopy(FULL)
        within = contract
        for step in path[:-1]:
            within = within[step]
        if choose.random() < 0.2:
            del within[path[-1]]
        else:
            within[path[-1]] = choose.choice(STRANGE)
        folder.write("x.odcs.yaml", json.dumps(contract))
        product, problems = check_product(folder.path)
        assert (product is None) == bool(problems)
        assert all(problem.line >= 0 and problem.message for problem in problems)
