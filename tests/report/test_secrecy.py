"""What the contracts keep from view."""

from __future__ import annotations

import pytest
from tests.support import column, gold, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.report.secrecy import Secrecy


def secrecy(folder, *contracts, **sql):
    product = load_product(write_product(folder, *contracts, **sql))
    return Secrecy(product), product.tables


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, None),
        ({"classification": "public"}, None),
        ({"classification": " Internal "}, None),
        ({"tags": ["time", "pilot"]}, None),
        ({"classification": "restricted"}, "email (classified restricted)"),
        ({"classification": "whatever"}, "email (classified whatever)"),
        ({"tags": ["pii"]}, "email (tagged pii)"),
        ({"classification": "public", "tags": ["PII:email"]}, "email (tagged PII:email)"),
        ({"tags": ["Personal-Data"]}, "email (tagged Personal-Data)"),
    ],
)
def test_a_column_is_hidden_by_classification_or_tag(tmp_path, more, why):
    hidden, tables = secrecy(tmp_path, silver("people", [column("id"), column("email", **more)]))
    assert hidden.why(tables["silver.people"]) == why
    assert list(hidden.columns(tables["silver.people"])) == (["email"] if why else [])


def test_a_field_within_a_column_hides_it(tmp_path):
    street = column("street", classification="restricted")
    home = column("home", "object", properties=[street])
    address = column("address", "object", properties=[column("homes", "array", items=home)])
    hidden, tables = secrecy(tmp_path, silver("people", [column("id"), address]))
    assert (
        hidden.why(tables["silver.people"])
        == "address (in it address.homes.home.street is classified restricted)"
    )


def test_a_table_that_is_tagged_hides_all_columns(tmp_path):
    hidden, tables = secrecy(tmp_path, silver("people", [column("id"), column("email")], tags=["pii"]))
    assert hidden.why(tables["silver.people"]) == "the table is tagged pii"
    assert list(hidden.columns(tables["silver.people"])) == ["id", "email"]


def test_what_points_to_a_hidden_column_is_hidden(tmp_path):
    hidden, tables = secrecy(
        tmp_path,
        silver("people", [column("email", classification="confidential")], key=["email"]),
        silver(
            "orders",
            [column("id"), column("buyer", relationships=[{"type": "foreignKey", "to": "people.email"}])],
        ),
    )
    assert hidden.why(tables["silver.orders"]) == "buyer (classified confidential)"


def test_a_mart_hides_what_its_inputs_hide_under_that_name(tmp_path):
    mart = gold("mart", [column("EMAIL"), column("n", "integer")], [{"table": "gold.middle"}], key=["n"])
    middle = gold(
        "middle", [column("email"), column("n", "integer")], [{"table": "silver.people"}], key=["n"]
    )
    people = silver("people", [column("email", tags=["pii"]), column("n", "integer")])
    hidden, tables = secrecy(
        tmp_path, people, middle, mart, middle="SELECT email, n FROM {people}", mart="SELECT * FROM {middle}"
    )
    assert hidden.columns(tables["gold.mart"]) == {"EMAIL": "tagged pii"}
    assert hidden.why(tables["gold.mart"]) is None
    assert hidden.why_error(tables["gold.mart"]) == "email (tagged pii)"
