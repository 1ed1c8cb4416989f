"""What `medallion governance check` finds, with file and line, and what it lets pass."""

from __future__ import annotations

import json

import pytest
from tests.governance.scene import contracts, governed, role, shop
from tests.support import column, gold, silver, write_product
from typer.testing import CliRunner

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.contracts import load_product
from medallion_pipelines.governance.check import check
from medallion_pipelines.governance.lineage import origins

EMAIL = column("email", classification="restricted")
PEOPLE = governed(silver("people", [column("id", "integer"), EMAIL, column("country")], key=["id"]))
READERS = (role("engineer", "write"), role("analyst"))


def found(folder, *given, **sql):
    """(severity, file, the line's text, message and hint) of each problem."""
    product = load_product(write_product(folder, *given, **sql))
    return [
        (p.severity, p.file.name, p.file.read_text().splitlines()[p.line - 1].strip(" -"),
         f"{p.message}. {p.hint}") for p in check(product)
    ]  # fmt: skip


def mart(columns, *, key=("id",), kind="table", roles=READERS, inputs=("silver.people",), **more):
    given = [{"table": name} for name in inputs]
    return governed(
        gold("mart", columns, given, key=key if kind == "table" else (), kind=kind, **more), *roles
    )


def test_the_shop_and_the_shipped_product_are_sound(tmp_path):
    from medallion_pipelines.shipped import product_folder

    assert [problem.severity for problem in check(load_product(shop(tmp_path)))] == ["warning"]
    assert check(load_product(product_folder("flights"))) == []


def test_a_grant_to_everybody_and_a_table_without_owner_are_found(tmp_path):
    contract = governed(silver("a", [column("id")]), role("analyst"), role("Account Users"), team={})

    assert found(tmp_path, contract) == [
        ("error", "a.odcs.yaml", "apiVersion: v3.1.0",
         "the table has no owner. Add a team with a member in the role `owner`, or `owner`."),
        ("error", "a.odcs.yaml", "role: Account Users",
         "`Account Users` is everybody in the account. Name the group that needs it."),
    ]  # fmt: skip


def test_personal_data_that_is_classified_as_open_is_found(tmp_path):
    contract = governed(silver("a", [column("id"), column("phone", classification="internal", tags=["pii"])]))

    assert found(tmp_path, contract) == [
        ("error", "a.odcs.yaml", "classification: internal",
         "`phone` is tagged pii, yet classified internal. Classify it, `restricted` say, or drop the tag.")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "leaks"),
    [
        ("SELECT id, email AS contact FROM {people}", True),
        ("SELECT p.id, max(upper(p.`EMAIL`)) contact FROM {people} p GROUP BY 1", True),
        (
            "WITH a AS (SELECT * FROM {people}) SELECT id, CASE WHEN id > 1 THEN email END AS contact FROM a",
            True,
        ),
        ("SELECT id, country AS contact FROM {people} UNION ALL SELECT id, email FROM {people}", True),
        ("SELECT id, sha2(email, 256) AS contact FROM {people}", True),
        ("SELECT id, (SELECT max(email) FROM {people}) AS contact FROM {people}", True),
        ("SELECT id, country AS contact FROM {people}", False),
        ("SELECT id, count(email) AS contact FROM {people} GROUP BY id", False),
        ("SELECT id, email IS NULL AS contact FROM {people}", False),
        ("SELECT id, count(DISTINCT email) AS contact FROM {people} WHERE email <> '' GROUP BY id", False),
    ],
)
@pytest.mark.parametrize("kind", ["table", "view"])
def test_a_mart_or_view_that_shows_a_guarded_column_is_found_by_its_sql(tmp_path, sql, leaks, kind):
    problems = found(
        tmp_path, PEOPLE, mart([column("id", "integer"), column("contact")], kind=kind), mart=sql
    )

    errors = [problem[1:] for problem in problems if problem[0] == "error"]
    leak = (
        "mart.odcs.yaml", "name: contact",
        "`contact` is made of silver.people.email (classified restricted), and is open to all its readers. "
        "Classify it `restricted`, leave it out, or say `declassified` and why.",
    )  # fmt: skip
    view = (
        "mart.odcs.yaml", "name: contact",
        "a view cannot mask `contact` (classified restricted), and analyst may read it. "
        "Make it a table, leave the column out, or give the roles `clearance`.",
    )  # fmt: skip
    assert errors == (
        [leak, view][: 2 if kind == "view" else 1] if leaks and kind == "view" else [leak] * leaks
    )


def test_a_view_of_a_mart_of_a_guarded_column_is_found_however_far(tmp_path):
    middle = mart([column("id", "integer"), column("contact", classification="restricted")])
    view = governed(gold("far", [column("who")], [{"table": "gold.mart"}], kind="view"), role("analyst"))

    problems = found(
        tmp_path, PEOPLE, middle, view,
        mart="SELECT id, email AS contact FROM {people}", far="SELECT contact AS who FROM {mart}",
    )  # fmt: skip

    assert [problem[3].split(".")[0] for problem in problems if problem[1] == "far.odcs.yaml"] == [
        "`who` is made of silver", "`who` is made of gold",
        "a view cannot mask `who` (classified restricted), and analyst may read it",
    ]  # fmt: skip


def test_a_view_is_fine_for_those_who_are_cleared(tmp_path):
    columns = [column("contact", classification="restricted")]
    sql = "SELECT email AS contact FROM {people}"

    assert (
        found(
            tmp_path,
            PEOPLE,
            mart(columns, kind="view", roles=[role("care", clearance=["Restricted"])]),
            mart=sql,
        )
        == []
    )


def test_another_classification_than_that_of_what_it_shows_is_found(tmp_path):
    milder = mart([column("id", "integer"), column("contact", classification="confidential")])

    problems = found(tmp_path, PEOPLE, milder, mart="SELECT id, email AS contact FROM {people}")

    assert problems[1][3].startswith(
        "`contact` is made of silver.people.email (classified restricted), and is classified confidential."
    )


def test_what_is_declassified_with_a_reason_passes(tmp_path):
    columns = [
        column("id", "integer"),
        column("domain", custom={"declassified": "Providers are no persons."}),
    ]

    problems = found(
        tmp_path, PEOPLE, mart(columns), mart="SELECT id, split(email, '@')[1] AS domain FROM {people}"
    )

    assert [problem[0] for problem in problems] == ["warning"]


def test_a_computed_column_of_silver_that_shows_a_guarded_one_is_found(tmp_path):
    contract = governed(silver("people", [EMAIL, column("domain", transformLogic="split(email, '@')[1]")]))

    (problem,) = found(tmp_path, contract)

    assert problem[2:] == (
        "name: domain",
        "`domain` is made of silver.people.email (classified restricted), and is open to all its readers. "
        "Classify it `restricted`, leave it out, or say `declassified` and why.",
    )


def test_a_python_mart_says_what_it_is_made_of_or_is_found(tmp_path):
    columns = [
        column("id", "integer", transformSourceObjects=["silver.people.id"]),
        column("contact", transformSourceObjects=["people.EMAIL"]),
        column("all", transformSourceObjects=["silver.people"]),
        column("riddle"),
        column("wrong", transformSourceObjects=["silver.people.nope"]),
    ]
    (tmp_path / "mart.py").write_text("def transform(people): ...")

    problems = [problem for problem in found(tmp_path, PEOPLE, mart(columns)) if problem[0] == "error"]

    unknown = (
        "nobody can tell whether `{}` shows guarded columns of what it is made of. "
        "List what it is made of in `transformSourceObjects`, or say `declassified` and why."
    )
    assert [(line, message) for _, _, line, message in problems if "riddle" in line or "wrong" in line] == [
        ("name: riddle", unknown.format("riddle")), ("name: wrong", unknown.format("wrong")),
    ]  # fmt: skip
    assert [line for _, _, line, message in problems if "is made of silver.people.email" in message] == [
        "name: contact", "name: all",
    ]  # fmt: skip


def test_a_python_mart_of_what_anybody_may_see_needs_no_word(tmp_path):
    people = governed(silver("people", [column("id", "integer"), column("country")], key=["id"]))
    (tmp_path / "mart.py").write_text("def transform(people): ...")

    assert found(tmp_path, people, mart([column("id", "integer"), column("anything")])) == []


def test_sharing_what_would_be_masked_or_filtered_is_found(tmp_path):
    partner = role("partner", recipient={"prod": "aws:us-east-1:x"})
    people = governed(silver("people", [column("id"), EMAIL]), partner)
    orders = governed(silver("orders", [column("region")]), partner, role("north", rows="region = 'n'"))

    problems = [(file, line, said.split(".")[0]) for _, file, line, said in found(tmp_path, people, orders)]
    assert problems == [
        ("orders.odcs.yaml", "role: partner",
         "`partner` is another metastore, and a table with a row filter cannot be shared"),
        ("people.odcs.yaml", "role: partner",
         "`partner` is another metastore, where nothing is masked: it would see email"),
    ]  # fmt: skip


def test_a_refresh_that_databricks_would_refuse_is_warned_of(tmp_path):
    problems = found(tmp_path, PEOPLE, mart([column("id", "integer")]), mart="SELECT id FROM {people}")

    assert [(problem[0], problem[2]) for problem in problems] == [("warning", "name: mart")]
    assert "silver.people, which has masks or a row filter" in problems[0][3]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, to_json(struct(p.*)) AS contact FROM {people} AS p",
        "SELECT id, p AS contact FROM {people} AS p",
        "SELECT id, contact FROM {people} AS p(id, contact, country)",
        "SELECT id, (SELECT p.email) AS contact FROM {people} AS p",
        "SELECT id, contact FROM {people} LATERAL VIEW explode(array(email)) t AS contact",
        "SELECT id, contact FROM {people} UNPIVOT (contact FOR k IN (email, country))",
        "SELECT id, nope( AS contact FROM {people}",
    ],
)
def test_sql_that_is_hard_to_follow_is_not_taken_for_harmless(tmp_path, sql):
    columns = [column("id", "integer"), column("contact")]

    problems = found(tmp_path, PEOPLE, mart(columns), mart=sql)

    assert [problem for problem in problems if problem[0] == "error" and problem[2] == "name: contact"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN shop_prod.silver.people o ON o.id = p.id",
        "WITH people AS (SELECT * FROM shop_prod.silver.people) "
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN people o ON o.id = p.id",
        "WITH people AS (SELECT * FROM people) "
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN people o ON o.id = p.id",
        "WITH people AS (SELECT 1) "
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN shop_prod.silver.people o ON o.id = p.id",
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN shop_prod.x.input__plain o ON o.id = p.id",
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN IDENTIFIER('silver.people') o ON o.id = p.id",
        "SELECT p.id, o.email AS contact FROM {plain} p JOIN delta.`/silver/people` o ON o.id = p.id",
        "SELECT p.id, o.email AS contact FROM {plain} p, table_changes('silver.people', 1) o",
    ],
)
def test_sql_that_reads_past_its_inputs_is_found(tmp_path, sql):
    plain = governed(silver("plain", [column("id", "integer")], key=["id"]))
    columns = [column("id", "integer"), column("contact")]

    problems = found(tmp_path, PEOPLE, plain, mart(columns, inputs=["silver.plain"]), mart=sql)

    assert problems[-1][2] == "name: contact"
    assert problems[-1][3].startswith("nobody can tell whether `contact` shows guarded columns")


def test_what_the_sql_does_not_tell_the_contract_may_declare(tmp_path):
    sql = "SELECT id, p AS contact, p AS place FROM {people} AS p"
    columns = [
        column("id", "integer"),
        column("contact", transformSourceObjects=["people.email"]),
        column("place", transformSourceObjects=["people.country"]),
    ]

    problems = found(tmp_path, PEOPLE, mart(columns), mart=sql)

    assert [(line, said[:47]) for severity, _, line, said in problems if severity == "error"] == [
        ("name: contact", "`contact` is made of silver.people.email (class")
    ]


def test_lineage_of_the_flights_names_the_columns(tmp_path):
    from medallion_pipelines.shipped import product_folder

    product = load_product(product_folder("flights"))
    made = origins(product, product.tables["gold.passenger_load_by_route_monthly"])

    assert made["revenue_usd"] == {("silver.bookings", "fare_usd")}
    assert made["dest"] == {("gold.fact_flight", "dest")}
    assert made["flown_flights"] == frozenset()


def test_the_command_names_file_and_line_and_fails(tmp_path):
    for function in (screen.out, screen.err):
        function.cache_clear()
    folder = shop(tmp_path, *contracts(), governed(silver("x", [column("id")]), role("users")))

    done = CliRunner().invoke(app, ["governance", "check", str(folder), "--json"])

    (problem,) = [one for one in json.loads(done.stdout)["problems"] if one["severity"] == "error"]
    assert done.exit_code == 1
    assert problem == {
        "file": str(folder / "x.odcs.yaml"), "line": problem["line"], "field": "roles[0].role",
        "severity": "error", "message": "`users` is everybody in the account",
        "hint": "Name the group that needs it.",
    }  # fmt: skip
    assert (folder / "x.odcs.yaml").read_text().splitlines()[problem["line"] - 1] == "- role: users"
