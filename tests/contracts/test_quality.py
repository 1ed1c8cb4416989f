"""Quality items: which become rules of rows, which checks of many."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import pytest

from medallion_pipelines.contracts.model import Check, Rule

KEY = "- {name: id, logicalType: integer, primaryKey: true}\n"


def on_property(folder, quality, type_="string"):
    folder.silver(KEY + f"- {{name: a, logicalType: {type_}, quality: [{{{quality}}}]}}")
    return folder.table()


def on_table(folder, quality):
    folder.silver(
        KEY + "- {name: a, logicalType: string}\n- {name: b, logicalType: object, physicalType: VARIANT}",
        table=f"quality: [{{{quality}}}]",
    )
    return folder.table()


@pytest.mark.parametrize(
    ("quality", "type_", "rule"),
    [
        ("metric: nullValues, mustBe: 0", "string",
         Rule("a_null_values", "`a` IS NOT NULL", "must not be null", "a")),
        ("type: library, metric: nullValues, mustBeLessThan: 1, unit: rows", "string",
         Rule("a_null_values", "`a` IS NOT NULL", "must not be null", "a")),
        ("metric: nullValues, mustBeLessOrEqualTo: 0, unit: percent, severity: warning", "string",
         Rule("a_null_values", "`a` IS NOT NULL", "must not be null", "a", "warning")),
        ("metric: missingValues, mustBe: 0, arguments: {missingValues: [null, '', 'N/A']}", "string",
         Rule("a_missing_values", "`a` IS NOT NULL AND `a` NOT IN ('', 'N/A')",
              "must not be one of null, '', N/A", "a")),
        ("metric: missingValues, mustBe: 0, arguments: {missingValues: ['-']}", "string",
         Rule("a_missing_values", "`a` NOT IN ('-')", "must not be one of -", "a")),
        ("metric: missingValues, mustBe: 0, arguments: {missingValues: [-1, 9.0]}", "integer",
         Rule("a_missing_values", "`a` NOT IN (-1, 9)", "must not be one of -1, 9.0", "a")),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [NO, SE, 'true']}", "string",
         Rule("a_invalid_values", "`a` IN ('NO', 'SE', 'true')", "must be one of NO, SE, true", "a")),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [2013-01-01]}", "date",
         Rule("a_invalid_values", "`a` IN (DATE'2013-01-01')", "must be one of 2013-01-01", "a")),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [true]}", "boolean",
         Rule("a_invalid_values", "`a` IN (TRUE)", "must be one of True", "a")),
        (r"metric: invalidValues, mustBe: 0, arguments: {pattern: '^\d+$'}", "string",
         Rule("a_invalid_values", r"`a` RLIKE '^\\d+$'", r"must match ^\d+$", "a")),
        ("metric: invalidValues, mustBe: 0, arguments: {pattern: x, validValues: [x, y]}", "string",
         Rule("a_invalid_values", "`a` IN ('x', 'y') AND `a` RLIKE 'x'", "must be one of x, y and match x", "a")),
        ("name: known_carrier, description: \"The code\\n is known.\", metric: nullValues, mustBe: 0", "string",
         Rule("known_carrier", "`a` IS NOT NULL", "The code is known.", "a")),
        ("id: by-id, metric: nullValues, mustBe: 0", "string",
         Rule("by-id", "`a` IS NOT NULL", "must not be null", "a")),
        ("type: custom, engine: medallion, implementation: a <> upper(a)", "string",
         Rule("a_custom", "a <> upper(a)", "must meet a <> upper(a)", "a")),
    ],
)  # fmt: skip
def test_a_metric_that_allows_none_is_a_rule_of_rows(folder, quality, type_, rule):
    table = on_property(folder, quality, type_)
    assert table.rules == (rule,)
    assert table.checks == ()


@pytest.mark.parametrize(
    ("quality", "check"),
    [
        ("metric: nullValues, mustBeLessThan: 1, unit: percent",
         Check("a_null_values", "{value} < 1", "null values must be less than 1 percent",
               metric="count_if(NOT (`a` IS NOT NULL))", column="a", unit="percent")),
        ("metric: missingValues, mustBeLessOrEqualTo: 100, arguments: {missingValues: ['']}, severity: warning",
         Check("a_missing_values", "{value} <= 100", "missing values must be at most 100",
               metric="count_if(NOT (`a` NOT IN ('')))", column="a", severity="warning")),
        ("metric: invalidValues, mustBeBetween: [0, 5], arguments: {validValues: [x]}",
         Check("a_invalid_values", "{value} BETWEEN 0 AND 5", "invalid values must be between 0 and 5",
               metric="count_if(NOT (`a` IN ('x')))", column="a")),
        ("metric: duplicateValues, mustBeLessThan: 10",
         Check("a_duplicate_values", "{value} < 10", "duplicate values must be less than 10",
               metric="count(`a`) - count(DISTINCT `a`)", column="a", scope="table")),
        ("metric: duplicateValues, mustBe: 0, severity: warning",
         Check("a_duplicate_values", "{value} = 0", "duplicate values must be 0",
               metric="count(`a`) - count(DISTINCT `a`)", column="a", scope="table", severity="warning")),
        ("type: sql, query: 'SELECT count(*) FROM {object} WHERE {property} IS NULL;', mustBe: 0",
         Check("a_sql", "{value} = 0", "the result of the query must be 0",
               query="SELECT count(*) FROM {object} WHERE `a` IS NULL", column="a", scope="table")),
        ("type: sql, query: 'SELECT max(${column}) FROM ${table}', mustNotBe: 3",
         Check("a_sql", "{value} <> 3", "the result of the query must not be 3",
               query="SELECT max(`a`) FROM {object}", column="a", scope="table")),
    ],
)  # fmt: skip
def test_a_metric_with_room_is_a_check_of_many_rows(folder, quality, check):
    table = on_property(folder, quality)
    assert table.checks == (check,)
    assert table.rules == ()


@pytest.mark.parametrize(
    ("quality", "check"),
    [
        ("metric: rowCount, mustBeBetween: [100, 120]",
         Check("row_count", "{value} BETWEEN 100 AND 120", "the number of rows must be between 100 and 120",
               metric="count(*)", scope="table")),
        ("metric: duplicateValues, mustBe: 0, arguments: {properties: [id, a]}",
         Check("duplicate_values", "{value} = 0", "duplicate values must be 0",
               metric="count(`id`, `a`) - count(DISTINCT `id`, `a`)", scope="table")),
        ("type: sql, name: s, query: 'WITH c AS (SELECT a FROM {object}) SELECT count(*) FROM c', mustBe: 0",
         Check("s", "{value} = 0", "the result of the query must be 0",
               query="WITH c AS (SELECT a FROM {object}) SELECT count(*) FROM c", scope="table")),
    ],
)  # fmt: skip
def test_checks_of_the_table(folder, quality, check):
    assert on_table(folder, quality).checks == (check,)


@pytest.mark.parametrize(
    ("operator", "condition"),
    [
        ("mustBe: 5", "{value} = 5"),
        ("mustNotBe: 5", "{value} <> 5"),
        ("mustBeGreaterThan: 5", "{value} > 5"),
        ("mustBeGreaterOrEqualTo: 5.5", "{value} >= 5.5"),
        ("mustBeLessThan: 1e3", "{value} < 1000"),
        ("mustBeLessOrEqualTo: 5", "{value} <= 5"),
        ("mustBeBetween: [1, 5]", "{value} BETWEEN 1 AND 5"),
        ("mustNotBeBetween: [1, 5]", "{value} NOT BETWEEN 1 AND 5"),
    ],
)
def test_every_operator_is_supported(folder, operator, condition):
    assert on_table(folder, f"metric: rowCount, {operator}").checks[0].condition == condition


def test_no_duplicates_at_all_make_a_column_unique(folder):
    table = on_property(folder, "metric: duplicateValues, mustBe: 0")
    assert table.columns[1].unique
    assert (table.rules, table.checks) == ((), ())
    folder.silver("- {name: a, logicalType: string, unique: true}")
    assert folder.table().columns[0].unique
    assert (
        on_table(folder, "metric: duplicateValues, mustBe: 0, arguments: {properties: [a]}").columns[1].unique
    )


def test_a_custom_rule_sees_the_whole_row(folder):
    table = on_table(folder, "type: custom, engine: medallion, name: r, implementation: 'length(a) > id'")
    assert table.rules == (Rule("r", "length(a) > id", "must meet length(a) > id"),)


def test_text_is_only_read(folder):
    table = on_table(folder, "type: text, description: Fine.")
    assert (table.rules, table.checks) == ((), ())


def test_rules_without_names_get_stable_ones(folder):
    folder.silver(
        "- {name: a, logicalType: string, logicalTypeOptions: {pattern: x}, quality: ["
        "{metric: nullValues, mustBe: 0}, {metric: nullValues, mustBe: 0}]}"
    )
    assert [rule.name for rule in folder.table().rules] == ["a_pattern", "a_null_values", "a_null_values_2"]


ZERO = "metric: nullValues, mustBe: 0"


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        (f"{ZERO}, severity: critical",
         "severity: `critical` is not supported. Write `error` or `warning`; `error` perhaps?"),
        (f"{ZERO}, severity: info",
         "severity: `info` is not supported. Write `error` or `warning`; `warning` perhaps?"),
        (f"{ZERO}, unit: permille",
         "unit: `permille` is not supported for nullValues. Write `rows` or `percent`."),
        (f"{ZERO}, scheduler: cron, schedule: 0 20 * * *",
         "schedule: is not honoured: checks run with each run of the table. Drop it and schedule the run."),
        (f"{ZERO}, arguments: {{values: [a]}}",
         "arguments.values: `values` is not an argument of nullValues. It takes none."),
        ("metric: nullValues, mustBe: none", "mustBe: must be a number. "
         "For a yes or no, let the query count and compare with 0."),
        ("metric: nullValues, mustBeLessThan: 0",
         "mustBeLessThan: can never be met by a number of rows. Compare with 0 or more."),
        ("metric: nullValues, mustBeGreaterThan: 100, unit: percent",
         "mustBeGreaterThan: can never be met by a number of rows. Compare with 0 or more."),
        ("metric: nullValues, mustBeBetween: [5, 1]",
         "mustBeBetween: the smaller number comes first. Write [1, 5]."),
        ("metric: missingValues, mustBe: 0",
         "arguments.missingValues: must list what counts as missing. Such as `missingValues: [null, '', 'N/A']`."),
        ("metric: invalidValues, mustBe: 0",
         "arguments: invalidValues needs to know what is valid. Give `validValues`, `pattern` or both."),
        ("metric: invalidValues, mustBe: 0, arguments: {validValue: [a]}",
         "arguments: invalidValues needs to know what is valid. Give `validValues`, `pattern` or both."),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [1]}",
         "arguments.validValues[0]: `1` is no value of a STRING column. Put it in quotes."),
        ("metric: invalidValues, mustBe: 0, arguments: {pattern: '(a'}",
         "arguments.pattern: is not a regular expression: missing ), unterminated subpattern at position 0. "
         "Put a backslash before special characters."),
        ("metric: rowCount, mustBe: 0",
         "metric: `rowCount` is measured on the table. Move it to the `quality` of the table."),
        ("metric: duplicateValues, mustBe: 0, arguments: {properties: [id]}",
         "arguments.properties: is for the table's quality only. The property itself is what is counted here."),
        ("mustBe: 0", "metric: `metric` is missing. Or give a `type` other than library."),
        ("type: custom, engine: soda, implementation: x",
         "engine: the engine `soda` is not run here. "
         "Write `engine: medallion` with an SQL condition, or describe it with `type: text`."),
        ("type: custom, engine: medallion, implementation: {a: b}",
         "implementation: must be an SQL condition over one row. Such as `implementation: arrival >= departure`."),
        ("type: custom, engine: medallion, implementation: b > 1",
         "implementation: there is no column `b`. Known: `id`, `a`."),
        ("type: custom, engine: medallion, implementation: count(a) > 1",
         "implementation: holds an aggregate, `COUNT(a)`. Use quality of `type: sql` for many rows."),
        ("type: custom, engine: medallion, implementation: 'a in (select 1)'",
         "implementation: holds a subquery. An expression sees one row; compare tables with `relationships`."),
        ("type: custom, engine: medallion, implementation: id + 1",
         "implementation: is not a condition. Write something that is true or false, such as `a <= b`."),
        ("type: custom, engine: medallion, implementation: a >",
         "implementation: is not valid SQL"),
        ("type: sql, query: 'SELECT 1', mustBe: 0", "query: does not read `{object}`. "
         "It may read `{object}`, this contract's table, and nothing else."),
        ("type: sql, query: 'SELECT count(*) FROM {object} JOIN silver.planes', mustBe: 0",
         "query: reads `silver.planes`. It may read `{object}`, this contract's table, and nothing else."),
        ("type: sql, query: 'DELETE FROM {object}', mustBe: 0",
         "query: must be a single SELECT. It only looks, and returns one number."),
        ("type: sql, query: 'SELECT count(*) FROM {object}; DROP TABLE x', mustBe: 0",
         "query: must be one SQL expression. Remove the `;`."),
        ("type: sql, query: 'SELECT * FROM {object}', mustBe: 0",
         "query: must return one number. Select one expression, such as `count(*)`."),
        ("type: sql, query: 'SELECT count(*) FROM {table_name}', mustBe: 0",
         "query: `{table_name}` stands for nothing. ODCS has `{object}` and `{property}`."),
        ("type: sql, query: 'SELECT count(*) FROM {object}', mustBe: 0, unit: percent",
         "unit: is not for `type: sql`. Let the query compute the percentage."),
        ("type: sql, query: 'SELECT count(*) FROM {object}', mustBe: true",
         "mustBe: must be a number. For a yes or no, let the query count and compare with 0."),
        (f"{ZERO}, name: required", "name: `required` is a name of the pipeline's own. Choose another."),
    ],
)  # fmt: skip
def test_quality_that_cannot_be_honoured_is_refused(folder, quality, said):
    folder.silver(KEY + f"- {{name: a, logicalType: string, quality: [{{{quality}}}]}}")
    assert folder.said()[0].startswith(f"schema[0].properties[1].quality[0].{said}")


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ("metric: nullValues, mustBe: 0",
         "metric: `nullValues` is measured on a property. Move it to the `quality` of the property."),
        ("metric: rowCount, mustBe: 5, unit: percent", "unit: `percent` is not supported for rowCount. Drop it."),
        ("metric: duplicateValues, mustBe: 0", "arguments.properties: must list the properties that are unique "
         "together. Such as `arguments: {properties: [tenant, order]}`."),
        ("metric: duplicateValues, mustBe: 0, arguments: {properties: [idd]}",
         "arguments.properties[0]: there is no property `idd`. Did you mean `id`?"),
        ("type: sql, query: 'SELECT count({property}) FROM {object}', mustBe: 0",
         "query: `{property}` stands for a column, and this is the table's quality. "
         "Move it to the property, or name the column."),
    ],
)  # fmt: skip
def test_quality_of_the_table_that_cannot_be_honoured_is_refused(folder, quality, said):
    folder.silver(KEY, table=f"quality: [{{{quality}}}]")
    assert folder.said() == [f"schema[0].quality[0].{said}"]


def test_two_rules_of_one_name_are_a_problem(folder):
    folder.silver(
        "- {name: a, logicalType: string, quality: [{name: r, metric: nullValues, mustBe: 0}]}\n"
        "- {name: b, logicalType: string, quality: [{name: r, metric: nullValues, mustBe: 0}]}"
    )
    assert folder.said() == [
        "schema[0].properties[1].quality[0].name: another rule of this table is named `r`. Name each rule once."
    ]


def test_a_query_may_hold_braces_that_are_no_placeholders(folder):
    query = "SELECT count(*) FROM {object} WHERE a RLIKE '[0-9]{4}'"
    assert on_table(folder, f'type: sql, query: "{query}", mustBe: 0').checks[0].query == query
