"""YAML that is none, that explodes, or that means something else than it seems to."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from medallion_pipelines.contracts import check_product, load_product
from medallion_pipelines.errors import ContractError

KEY = "- {name: id, logicalType: integer, primaryKey: true}"


def test_a_minimal_contract_is_a_table(folder):
    folder.silver(KEY)
    table = folder.table()
    assert (table.key, table.kind, table.primary_key) == ("silver.flights", "table", ("id",))
    assert table.source is not None
    assert (table.source.path, table.source.format) == ("flights/*.json", "json")
    assert table.path == Path("product/flights.odcs.yaml")
    [column] = table.columns
    assert (column.name, column.type, column.required, column.fields) == ("id", "BIGINT", True, ("id",))


def test_every_problem_of_every_file_is_raised_at_once(folder):
    folder.silver(
        "- {name: a, logicalType: text}\n- {name: b, logicalType: date, physicalType: INT}", name="one"
    )
    folder.silver("- {nam: c, logicalType: string}", name="two")
    folder.write("three.odcs.yaml", "a: [")
    with pytest.raises(ContractError) as caught:
        load_product(folder.path)
    assert [(problem.file.name, problem.line, problem.field) for problem in caught.value.problems] == [
        ("one.odcs.yaml", 12, "schema[0].properties[0].logicalType"),
        ("one.odcs.yaml", 13, "schema[0].properties[1].physicalType"),
        ("three.odcs.yaml", 2, ""),
        ("two.odcs.yaml", 12, "schema[0].properties[0].nam"),
        ("two.odcs.yaml", 12, "schema[0].properties[0].name"),
    ]
    assert str(caught.value).splitlines()[0] == (
        "product/one.odcs.yaml:12: schema[0].properties[0].logicalType: `text` is not allowed. "
        "Did you mean `string`?"
    )


def test_paths_are_shown_as_the_user_gave_them(folder):
    folder.write("deep/er/bad.odcs.yaml", "")
    for given in ("product", "./product", str(folder.path.absolute())):
        _, [problem] = check_product(given)
        assert str(problem).startswith(f"{Path(given) / 'deep/er/bad.odcs.yaml'}:1: is empty")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: is empty, not a mapping. A contract starts with `apiVersion: v3.1.0`."),
        ("# nothing\n", "1: is empty, not a mapping. A contract starts with `apiVersion: v3.1.0`."),
        ("- a\n", "1: is a list, not a mapping. A contract starts with `apiVersion: v3.1.0`."),
        ("hello\n", "1: is a single value, not a mapping. A contract starts with `apiVersion: v3.1.0`."),
        ("a: 1\nb: 2\na: 3\n", "3: the key `a` is here twice (first on line 1). Remove one of them."),
        ("a: 1\n---\nb: 2\n", "2: a second YAML document starts here. Put each contract into a file of its own."),
        ("a: &x [1]\nb:\n  <<: *x\n", "3: merge keys (`<<`) are not part of YAML 1.2. Write the keys out."),
        ("a: *x\n", "1: `*x` refers to nothing above it. An alias cannot contain itself."),
        ("a: &x [1, *x]\n", "1: `*x` refers to nothing above it. An alias cannot contain itself."),
        ("a: !!python/object/apply:os.system [x]\n",
         "1: the tag `tag:yaml.org,2002:python/object/apply:os.system` is not allowed. Write plain YAML."),
        ("a: !secret x\n", "1: the tag `!secret` is not allowed. Write plain YAML."),
        ("a: 007\n", "1: `007` is a number to some and text to others. Write '007' or drop the zero."),
        ("a: .inf\n", "1: `.inf` is not a number that a contract can hold. Write '.inf' for the text."),
        ("a: 1e999\n", "1: `1e999` is not a number that a contract can hold. Write '1e999' for the text."),
        ("? [a]\n: b\n", "1: a key must be text"),
        ("a: \x00\n", "1: holds a character that YAML does not allow. Is it a text file?"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_contract_is_answered_with_its_line(folder, text, said):
    folder.write("x.odcs.yaml", text)
    assert folder.problems() == [f"x.odcs.yaml:{said}"]


def test_a_tab_is_answered_with_spaces(folder):
    folder.write("x.odcs.yaml", "a:\n\tb: 1\n")
    [problem] = folder.problems()
    assert problem.startswith("x.odcs.yaml:2: is not valid YAML: ")
    assert problem.endswith("Indent with spaces, not tabs.")


def test_a_file_that_is_not_utf_8_is_answered_with_its_line(folder):
    (folder.path / "x.odcs.yaml").write_bytes(b"a: 1\nb: \xff\xfe\n")
    assert folder.problems() == ["x.odcs.yaml:2: is not UTF-8 text. Save the file as UTF-8."]


def test_a_binary_file_is_refused(folder):
    (folder.path / "x.odcs.yaml").write_bytes(os.urandom(100_000))
    [problem] = folder.problems()
    assert "is not UTF-8 text" in problem or "does not allow" in problem


def test_a_byte_order_mark_is_no_problem(folder):
    folder.silver(KEY)
    path = folder.path / "flights.odcs.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert folder.table().name == "flights"


def test_a_file_of_ten_megabytes_is_refused_unread(folder):
    folder.write("x.odcs.yaml", "a: b\n" * 2_000_000)
    started = time.perf_counter()
    assert folder.problems() == ["x.odcs.yaml: is larger than 2 MB. A contract describes one table."]
    assert time.perf_counter() - started < 1


def test_a_folder_named_like_a_contract_is_a_problem(folder):
    (folder.path / "x.odcs.yaml").mkdir()
    assert folder.problems() == ["x.odcs.yaml: is not a file. A contract is a YAML file; rename the folder."]


def test_aliases_that_multiply_are_stopped(folder):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    folder.write("x.odcs.yaml", "\n".join(lines))
    assert folder.problems() == [
        "x.odcs.yaml:5: holds more than 100,000 values. Aliases count for all that they repeat."
    ]


def test_an_alias_is_what_it_refers_to(folder):
    folder.silver(
        "- {name: id, logicalType: integer, logicalTypeOptions: &limits {minimum: 1}}\n"
        "- {name: other, logicalType: integer, logicalTypeOptions: *limits}"
    )
    assert [rule.name for rule in folder.table().rules] == ["id_minimum", "other_minimum"]


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 100_000, "- " * 50_000 + "x"])
def test_deep_nesting_is_stopped(folder, text):
    folder.write("x.odcs.yaml", text)
    [problem] = folder.problems()
    assert problem.startswith("x.odcs.yaml:1: is nested deeper than 64 levels")


@pytest.mark.parametrize(
    "text",
    ["2013-01-01", "2013-01-01T10:00:00Z", "no", "NO", "on", "y", "1_000", "12:30", "0b1", "1e", "'7'"],
)
def test_text_stays_text(folder, text):
    folder.silver(f"- {{name: id, logicalType: string, description: {text}}}")
    assert folder.table().columns[0].description == text.strip("'")


def test_a_key_may_look_like_a_number_or_a_boolean(folder):
    folder.silver(KEY, root="customProperties: [{property: mine, value: {1: a, true: b, no: c, null: d}}]")
    assert folder.table().name == "flights"


def test_unicode_names_and_texts_are_kept(folder):
    folder.silver("- {name: größe_📏, logicalType: number, description: Größe 📏}", name="flights")
    [column] = folder.table().columns
    assert (column.name, column.description) == ("größe_📏", "Größe 📏")


def test_folders_without_contracts_and_missing_ones_are_problems(folder, tmp_path):
    assert folder.problems() == ["product: holds no contracts. Their names end in .odcs.yaml."]
    (tmp_path / "file").touch()
    for given, said in (("nowhere", "does not exist"), ("file", "is a file")):
        product, [problem] = check_product(given)
        assert product is None
        assert str(problem) == f"{given}: {said}. Name the folder that holds the *.odcs.yaml files."


def test_a_contract_that_would_be_overlooked_is_a_problem(folder):
    folder.silver(KEY)
    folder.write("planes.odcs.yml", "")
    assert folder.problems() == ["planes.odcs.yml: would be ignored. End its name in .odcs.yaml."]


def test_hidden_folders_are_not_searched(folder):
    folder.silver(KEY)
    folder.write(".git/x.odcs.yaml", "a: [")
    assert folder.problems() == []


def test_a_product_is_checked_without_a_session_or_an_sql_parser(folder):
    import subprocess
    import sys

    folder.silver(KEY)
    code = (
        "import sys; from medallion_pipelines.contracts import load_product; load_product('product');"
        "print(sorted({'pyspark', 'sqlglot', 'pydantic'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert found.stdout.strip() == "[]"
