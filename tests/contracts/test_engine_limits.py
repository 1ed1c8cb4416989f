"""What the engine cannot do is refused when a contract is read, not when it runs."""

from __future__ import annotations

from tests.support import gold, silver, write_product

from medallion_pipelines.contracts import check_product


def test_source_fields_that_differ_by_case_alone_are_refused(tmp_path):
    write_product(
        tmp_path,
        silver("a", [{"name": "code", "logicalType": "string",
                      "customProperties": [{"property": "renamedFrom", "value": ["Code"]}]}]),
    )  # fmt: skip
    _, problems = check_product(tmp_path)
    assert [problem.message for problem in problems] == [
        "the source fields `code` and `Code` differ by case alone"
    ]


def test_the_name_of_a_tables_quarantine_is_taken(tmp_path):
    column = {"name": "id", "logicalType": "integer"}
    write_product(tmp_path, silver("a", [column]), silver("a_quarantine", [column]))
    _, problems = check_product(tmp_path)
    assert [problem.message for problem in problems] == ["`silver.a_quarantine` cannot be had"]


def test_a_separator_is_one_character(tmp_path):
    options = {"sep": "||", "quote": "''"}
    write_product(
        tmp_path, silver("a", [{"name": "id", "logicalType": "integer"}], kind="csv", options=options)
    )
    _, problems = check_product(tmp_path)
    assert [problem.message for problem in problems] == ["must be one character"] * 2


def test_what_only_silver_does_is_refused_in_gold(tmp_path):
    checked = [{"type": "foreignKey", "to": "b.id",
                "customProperties": [{"property": "enforcement", "value": "checked"}]}]  # fmt: skip
    column = {"name": "id", "logicalType": "integer"}
    inputs = [{"table": "silver.s", "grain": {"id": "id"}}]
    write_product(
        tmp_path,
        silver("s", [column], key=["id"]),
        gold("a", [{**column, "relationships": checked}], inputs, key=["id"],
             custom={"quarantineLimit": {"mustBeLessThan": 5}}),
        gold("b", [column], inputs, key=["id"]),
        a="SELECT id FROM {s}",
        b="SELECT id FROM {s}",
    )  # fmt: skip
    _, problems = check_product(tmp_path)
    assert sorted(problem.message for problem in problems) == [
        "`quarantineLimit` is for silver tables", "a foreign key is checked in silver only",
    ]  # fmt: skip


def test_the_name_of_a_parsed_view_is_taken(tmp_path):
    column = {"name": "id", "logicalType": "integer"}
    write_product(tmp_path, silver("a", [column]), silver("a_parsed", [column]))
    _, problems = check_product(tmp_path)
    assert [problem.message for problem in problems] == ["`silver.a_parsed` cannot be had"]


def test_inputs_of_one_name_are_refused(tmp_path):
    key = [{"name": "id", "logicalType": "integer"}]
    first = gold("a", key, [{"table": "silver.a"}], key=["id"])
    both = gold("b", key, [{"table": "silver.a"}, {"table": "gold.a"}], key=["id"])
    (tmp_path / "gold").mkdir()
    write_product(tmp_path, silver("a", key))
    write_product(tmp_path / "gold", first, both, a="SELECT 1", b="SELECT 1")
    for path in (tmp_path / "gold").glob("*.yaml"):
        path.write_text(path.read_text().replace("id: a\n", "id: gold-a\n", 1))
    _, problems = check_product(tmp_path)
    assert [problem.message for problem in problems] == ["another input is called `a`, too"]


def test_csv_needs_a_separator_that_is_no_quote_and_patterns_that_spark_knows(tmp_path):
    options = {"sep": "'", "quote": "'", "dateFormat": "bbbb"}
    write_product(
        tmp_path, silver("a", [{"name": "id", "logicalType": "integer"}], kind="csv", options=options)
    )
    _, problems = check_product(tmp_path)
    assert sorted(problem.message for problem in problems) == [
        "`bbbb` is not a pattern of Spark's", "`sep` and `quote` are the same character",
    ]  # fmt: skip
