"""What ODCS itself does not allow, in words that help."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import pytest

KEY = "- {name: id, logicalType: integer, primaryKey: true}"


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("- {name: a, logicaltype: string}",
         ["12: schema[0].properties[0].logicalType: `logicalType` is missing. One of string, integer, number, "
          "boolean, date, timestamp, time, object, array",
          "12: schema[0].properties[0].logicaltype: `logicaltype` is not an ODCS v3.1.0 key. "
          "Did you mean `logicalType`?"]),
        ("- {name: a, logicalType: strng}",
         ["12: schema[0].properties[0].logicalType: `strng` is not allowed. Did you mean `string`?"]),
        ("- {name: a, logicalType: datetime}",
         ["12: schema[0].properties[0].logicalType: `datetime` is not allowed. Did you mean `timestamp`?"]),
        ("- name: a\n  logicalType: string\n  required: yes",
         ["14: schema[0].properties[0].required: must be true or false, not `yes`. Write `true`."]),
        ("- {name: 5, logicalType: string}",
         ["12: schema[0].properties[0].name: must be text, not `5`. Put it in quotes."]),
        ("- {name: a, logicalType: string, tags: x}",
         ["12: schema[0].properties[0].tags: must be a list, not `x`. Start each entry with `- `."]),
        ("- {name: a, logicalType: string, logicalTypeOptions: {maxLenght: 3}}",
         ["12: schema[0].properties[0].logicalTypeOptions.maxLenght: `maxLenght` is not an ODCS v3.1.0 key. "
          "Did you mean `maxLength`?"]),
        ("- {name: a, logicalType: string, logicalTypeOptions: {minimum: 3}}",
         ["12: schema[0].properties[0].logicalTypeOptions.minimum: `minimum` is not an ODCS v3.1.0 key. "
          "Known: `minLength`, `maxLength`, `pattern`, `format`."]),
        ("- {name: a, logicalType: string, logicalTypeOptions: {maxLength: -3}}",
         ["12: schema[0].properties[0].logicalTypeOptions.maxLength: must be at least 0"]),
        ("- {name: a, logicalType: string, items: {logicalType: string}}",
         ["12: schema[0].properties[0].items: does not fit `logicalType: string`"]),
        ("- {name: a, logicalType: integer, logicalTypeOptions: {format: i31}}",
         ["12: schema[0].properties[0].logicalTypeOptions.format: `i31` is not allowed. Known: `i8`, "
          "`i16`, `i32`, `i64`, `i128`, `u8`, `u16`, `u32`, `u64`, `u128`."]),
        ("- {name: a, logicalType: string, quality: [{metric: nullvalues, mustBe: 0}]}",
         ["12: schema[0].properties[0].quality[0].metric: `nullvalues` is not allowed. "
          "Did you mean `nullValues`?"]),
        ("- {name: a, logicalType: string, quality: [{metric: nullValues}]}",
         ["12: schema[0].properties[0].quality[0]: has no operator to compare with. Give exactly one of mustBe, "
          "mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, "
          "mustBeBetween, mustNotBeBetween."]),
        ("- {name: a, logicalType: string, quality: [{metric: nullValues, mustBeLesThan: 5}]}",
         ["12: schema[0].properties[0].quality[0]: has no operator to compare with. Give exactly one of mustBe, "
          "mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, "
          "mustBeBetween, mustNotBeBetween.",
          "12: schema[0].properties[0].quality[0].mustBeLesThan: `mustBeLesThan` is not an ODCS v3.1.0 key. "
          "Did you mean `mustBeLessThan`?"]),
        ("- {name: a, logicalType: string, quality: [{metric: nullValues, mustBe: 0, mustBeLessThan: 5}]}",
         ["12: schema[0].properties[0].quality[0]: has mustBe and mustBeLessThan. Give exactly one of mustBe, "
          "mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, "
          "mustBeBetween, mustNotBeBetween."]),
        ("- {name: a, logicalType: string, quality: [{metric: nullValues, mustBeLessThan: many}]}",
         ["12: schema[0].properties[0].quality[0].mustBeLessThan: must be a number, not `many`"]),
        ("- {name: a, logicalType: string, quality: [{metric: nullValues, mustBeBetween: [1]}]}",
         ["12: schema[0].properties[0].quality[0].mustBeBetween: must have at least 2 entries"]),
        ("- {name: a, logicalType: string, relationships: [{from: flights.a, to: flights.a}]}",
         ["12: schema[0].properties[0].relationships[0].from: `from` is not allowed on a property. "
          "The property itself is what it points from.",
          "12: schema[0].properties[0].relationships[0].to: a of `silver.flights` is not unique. "
          "Give the table a primary key."]),
        ("- {name: a, logicalType: string, relationships: [{to: 'air lines.x'}]}",
         ["12: schema[0].properties[0].relationships[0].to: `air lines.x` is not of the form that ODCS wants. "
          "Write `table.column`."]),
    ],
)  # fmt: skip
def test_what_odcs_does_not_allow_is_answered_in_words(folder, properties, said):
    folder.silver(properties)
    assert [text.removeprefix("flights.odcs.yaml:").rstrip(".") for text in folder.problems()] == [
        text.rstrip(".") for text in said
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("apiVersion: v3.1.0", "apiVersion: v3.2.0",
         "1: apiVersion: `v3.2.0` is not supported. Write `apiVersion: v3.1.0`."),
        ("apiVersion: v3.1.0", "apiVersion: v2.2.2",
         "1: apiVersion: `v2.2.2` is not supported. Write `apiVersion: v3.1.0`."),
        ("apiVersion: v3.1.0\n", "", "1: apiVersion: `apiVersion` is missing"),
        ("kind: DataContract", "kind: DataProduct",
         "2: kind: `DataProduct` is not allowed. Known: `DataContract`."),
        ("version: 1.0.0", "version: 1.0", "4: version: must be text, not `1.0`. Put it in quotes."),
        ("status: active\n", "", "1: status: `status` is missing. Write `status: active`, say."),
        ("status: active", "statsu: active\nstatus: active",
         "5: statsu: `statsu` is not an ODCS v3.1.0 key. Did you mean `status`?"),
        ("  - name: flights\n", "  - physicalName: flights\n", "7: schema[0].name: `name` is missing"),
    ],
)  # fmt: skip
def test_the_head_of_a_contract_is_checked(folder, before, after, said):
    folder.silver(KEY)
    path = folder.path / "flights.odcs.yaml"
    path.write_text(path.read_text().replace(before, after))
    assert folder.problems() == [f"flights.odcs.yaml:{said}"]


@pytest.mark.parametrize("key", ["enum", "semanticType", "deprecated", "synonyms"])
def test_what_came_after_v3_1_is_refused_with_another_way(folder, key):
    value = {"enum": "[{value: a}]", "semanticType": "measure", "deprecated": "true", "synonyms": "[]"}[key]
    folder.silver(f"- {{name: a, logicalType: string, {key}: {value}}}")
    [problem] = folder.said()
    assert problem.startswith(
        f"schema[0].properties[0].{key}: `{key}` came with ODCS v3.2; contracts here are v3.1. "
    )
    assert len(problem.split(". ")[1]) > 10


@pytest.mark.parametrize(("type_", "extra"), [("map", ", map: {key: {logicalType: string}, value: {logicalType: string}}"),
                                              ("vector", "")])  # fmt: skip
def test_types_that_came_after_v3_1_are_refused(folder, type_, extra):
    folder.silver(f"- {{name: a, logicalType: {type_}{extra}}}")
    assert any(f"`{type_}` came with ODCS v3.2" in said for said in folder.said())


def test_descriptive_keys_are_fine_everywhere(folder):
    folder.silver(
        """
        - name: id
          id: id_prop
          businessName: Identifier
          logicalType: integer
          primaryKey: true
          criticalDataElement: true
          encryptedName: id_encrypted
          classification: restricted
          tags: [pii]
          transformSourceObjects: [a, b]
          transformDescription: As delivered.
          examples: [1, 2]
          authoritativeDefinitions: [{url: https://example.com, type: businessDefinition}]
          customProperties: [{property: stewardNote, value: {any: [thing]}}]
        """,
        table="""
        id: flights_tbl
        physicalName: flights
        physicalType: table
        logicalType: object
        businessName: Flights
        description: One flight.
        dataGranularityDescription: One row per flight.
        tags: [ops, core]
        authoritativeDefinitions: [{url: https://example.com, type: businessDefinition}]
        quality: [{type: text, description: Looked at once a year.}]
        """,
        root="""
        name: Flights
        domain: aviation
        tenant: example
        dataProduct: flights
        tags: [core, contract]
        description: {purpose: p, usage: u, limitations: l}
        support: [{channel: help, url: https://example.com}]
        price: {priceAmount: 1, priceCurrency: EUR, priceUnit: month}
        team: {name: data, members: [{username: a@example.com, role: Owner}]}
        authoritativeDefinitions: [{url: https://example.com, type: businessDefinition}]
        contractCreatedTs: 2024-01-01T00:00:00Z
        customProperties: [{property: costCentre, value: 12}]
        """,
    )
    table = folder.table()
    assert (table.description, table.domain, table.version) == ("One flight.", "aviation", "1.0.0")
    assert table.tags == ("core", "contract", "ops")
    assert table.owner == "a@example.com"
    [column] = table.columns
    assert (column.classification, column.tags) == ("restricted", ("pii",))


@pytest.mark.parametrize(
    ("root", "owner"),
    [
        ("customProperties: [{property: owner, value: us}]\nteam: {name: data}", "us"),
        ("team: {name: data, members: [{username: a, role: owner, dateOut: 2020-01-01}, {username: b, role: owner}]}",
         "b"),
        ("team: {name: data, members: [{username: a, role: steward}]}", "data"),
        ("team: [{username: a, role: owner}]", "a"),
        ("", None),
    ],
)  # fmt: skip
def test_the_owner_is_who_the_contract_says(folder, root, owner):
    folder.silver(KEY, root=root)
    assert folder.table().owner == owner
