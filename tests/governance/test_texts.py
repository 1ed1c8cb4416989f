"""Tags, names and statements from texts that anybody may have written; the matrix; governance.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.governance.scene import contracts, governed, role, shop, wanted
from tests.support import column, silver

from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import ContractError
from medallion_pipelines.governance.matrix import matrix
from medallion_pipelines.governance.places import Places, read_places
from medallion_pipelines.governance.tags import tags
from medallion_pipelines.shipped import product_folder

DOC = Path(__file__).parents[2] / "docs" / "governance.md"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["flights", " pii "], {"flights": "", "pii": ""}),
        (["pii:email", "pii=phone", "pii"], {"pii": "email phone"}),
        (["a.b-c,d/e"], {"a_b_c_d_e": ""}),
        (["product", "domain:x", ""], {"product": "shop"}),
        (["x" * 300], {"x" * 127: ""}),
    ],
)
def test_a_contracts_tags_become_keys_and_values(texts, expected):
    assert tags(texts, product="shop", domain=None) == {"product": "shop"} | expected


def test_functions_of_columns_that_could_be_taken_for_each_other_have_names_of_their_own(tmp_path):
    secret = {"classification": "restricted"}
    one = governed(silver("a", [column("b__c", **secret), column("ü ä".replace(" ", "_"), **secret)]))
    two = governed(silver("a__b", [column("c", **secret)]))

    names = [name.rpartition(".")[2] for name in wanted(shop(tmp_path, one, two)).functions]

    assert len(set(names)) == 3
    assert all(name.isascii() and name.startswith("mask_silver__a") for name in names)


def test_a_column_that_nobody_is_cleared_for_is_shown_to_nobody(tmp_path):
    contract = governed(
        silver("a", [column("x", classification="secret"), column("n", "integer", classification="secret")]),
        role("analyst"),
    )

    functions = wanted(shop(tmp_path, contract)).functions.values()

    assert [(one.returns, one.body) for one in functions] == [
        ("STRING", "'***'"), ("BIGINT", "CAST(NULL AS BIGINT)"),
    ]  # fmt: skip


def test_the_matrix_says_who_reads_what(tmp_path):
    text = matrix(load_product(shop(tmp_path, *contracts())))

    assert text == (
        "| table | Partner | analyst | board | care | engineer | north |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| gold.board |  |  | read |  |  |  |\n"
        "| gold.sales | shared (prod) | read |  |  | write |  |\n"
        "| silver.orders |  | read |  |  | write | read (rows: region = 'north') |\n"
        "| silver.people |  | read (masked: email, address) |  | read (masked: address) | write |  |\n"
        "\n"
        "| guarded column | is | seen by | masked for |\n"
        "| --- | --- | --- | --- |\n"
        "| silver.people.email | classified confidential | engineer, care | analyst |\n"
        "| silver.people.address | classified restricted | engineer | analyst, care |\n"
    )


def test_the_matrix_in_the_documentation_is_that_of_the_contracts():
    written = DOC.read_text("utf-8").split("<!-- medallion governance matrix -->\n")[1]

    assert written == matrix(load_product(product_folder("flights"))), "medallion governance matrix writes it"


def test_places_are_read_for_their_target_only(tmp_path):
    assert read_places(tmp_path, "prod") == Places()
    (tmp_path / "governance.yaml").write_text(
        "targets:\n  prod:\n    volumes: [{name: bronze.landing}]\n    external_locations:\n"
        "      - {name: zone, url: s3://bucket/, credential: key}\n"
    )

    assert read_places(tmp_path, "dev") == Places()
    assert read_places(tmp_path, "prod") == Places(
        {"bronze.landing": None}, {"zone": ("s3://bucket", "key", "read and write")}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target: {}", "1: target: `target` is not a key of `governance.yaml`. Did you mean `targets`?"),
        ("targets: {prod: {volumes: [{name: landing}]}}",
         "1: targets.prod.volumes[0].name: `landing` does not fit. Write `schema.volume`."),
        ("targets: {prod: {external_locations: [{name: a, url: bucket, credential: c}]}}",
         "1: targets.prod.external_locations[0].url: `bucket` does not fit. Such as `s3://bucket/prefix`."),
        ("targets:\n  prod:\n    external_locations:\n      - {name: a, url: s3://b, read_only: maybe}",
         "4: targets.prod.external_locations[0].read_only: must be true or false"),
        ("- 1", "1: is a list, not a mapping. A contract starts with `apiVersion: v3.1.0`."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_places_is_said_with_its_line(tmp_path, text, said):
    (tmp_path / "governance.yaml").write_text(text)

    with pytest.raises(ContractError) as refused:
        read_places(tmp_path, "prod")

    assert str(refused.value).splitlines()[0] == f"{tmp_path / 'governance.yaml'}:{said}"
