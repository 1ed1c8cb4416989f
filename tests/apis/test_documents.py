"""OpenAPI and GraphQL say what the function does."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import graphql
import jsonschema
import pytest
from tests.apis.athena import LocalAthena
from tests.apis.test_handler import ask, body, rest
from typer.testing import CliRunner

from medallion_pipelines.apis.graphql import APPSYNC, schema
from medallion_pipelines.apis.openapi import openapi
from medallion_pipelines.apis.published import Published, published
from medallion_pipelines.cli.app import app
from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import SetupError
from medallion_pipelines.shipped import product_folder

__all__ = ["ask"]


@pytest.fixture(scope="module")
def flights() -> Published:
    return published(load_product(product_folder("flights")))


def resolved(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of an answer of 200, with what it refers to."""
    content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return {**content, "components": document["components"]}


def test_the_openapi_document_has_each_table(shop: Published, flights: Published) -> None:
    """That it is valid is tested in infra/, where a validator is at hand."""
    for found in (shop, flights):
        document = openapi(found)
        assert set(document["paths"]) == {"/gold", *(f"/gold/{each.table.name}" for each in found.tables)}


@pytest.mark.parametrize("groups", ["care", "analyst", "north"])
def test_answers_are_as_the_openapi_document_says(shop: Published, ask: Any, groups: str) -> None:
    document = openapi(shop)
    answer = body(ask(rest(groups=groups)))
    assert answer["rows"]
    jsonschema.validate(answer, resolved(document, "/gold/sales"), jsonschema.Draft202012Validator)
    problem = body(ask(rest(groups="visitor")))
    jsonschema.validate(problem, document["components"]["schemas"]["problem"])
    answer["rows"][0]["paid"] = None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer, resolved(document, "/gold/sales"), jsonschema.Draft202012Validator)


def test_each_parameter_of_the_document_is_taken(shop: Published, ask: Any) -> None:
    parameters = openapi(shop)["paths"]["/gold/sales"]["get"]["parameters"]
    values = {"region": "a", "day": "2026-01-01", "number": "1", "limit": "5"}
    names = [each["name"] for each in parameters]
    assert len(names) == 2 + 3 * 3
    for name in names:
        if name != "after":
            assert (
                ask(rest(**{name.replace(".", "__"): values[name.partition(".")[0]]}))["statusCode"] == 200
            ), name


def test_the_schema_is_valid_graphql(shop: Published, flights: Published) -> None:
    for found in (shop, flights):
        built = graphql.build_schema(APPSYNC + schema(found))
        assert graphql.validate_schema(built) == []
        assert set(built.query_type.fields) == {each.table.name for each in found.tables}


def test_only_the_platform_publishes_and_people_subscribe(shop: Published) -> None:
    built = graphql.build_schema(APPSYNC + schema(shop))
    assert list(built.mutation_type.fields) == ["published"]
    assert directives(built.mutation_type.fields["published"]) == {"aws_iam"}
    assert directives(built.subscription_type.fields["onPublished"]) == {
        "aws_subscribe",
        "aws_cognito_user_pools",
    }
    assert directives(built.type_map["Published"]) == {"aws_iam", "aws_cognito_user_pools"}
    assert directives(built.query_type.fields["sales"]) == set()  # the user pool is the API's default


def directives(of: Any) -> set[str]:
    return {each.name.value for each in of.ast_node.directives or ()}


@pytest.mark.parametrize("groups", ["care", "analyst", "north"])
def test_graphql_answers_fit_the_schema(shop: Published, athena: LocalAthena, ask: Any, groups: str) -> None:
    """Executed by graphql-core, with the function as the resolver of each query."""
    built = graphql.build_schema(APPSYNC + schema(shop))

    def resolve(_source: Any, info: Any, **arguments: Any) -> Any:
        event = {
            "arguments": arguments,
            "identity": {"groups": [groups]},
            "info": {"fieldName": info.field_name, "parentTypeName": info.parent_type.name},
        }
        return ask(event)

    built.query_type.fields["sales"].resolve = resolve
    asked = """query ($after: String) { sales(where: {day: {from: "2026-01-02"}}, limit: 3, after: $after)
      { rows { region day number at amount amount_class rating email paid spent } next } }"""
    first = graphql.graphql_sync(built, asked)
    assert first.errors is None
    assert len(first.data["sales"]["rows"]) == 3
    second = graphql.graphql_sync(built, asked, variable_values={"after": first.data["sales"]["next"]})
    assert second.errors is None
    assert second.data["sales"]["rows"] != first.data["sales"]["rows"]


def told(*arguments: str) -> str:
    """What a command prints on the flights."""
    answer = CliRunner().invoke(app, ["api", *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_commands_print_the_documents(flights: Published) -> None:
    assert json.loads(told("openapi")) == openapi(flights)
    assert told("graphql") == schema(flights)


def test_the_command_that_packages_tells_what_is_left_out(flights: Published, tmp_path: Path) -> None:
    said = json.loads(told("function", "--to", str(tmp_path / "f.zip"), "--json"))
    assert said["left_out"] == flights.left_out
    assert said["tables"]["fact_flight"] == ["flights_analyst", "flights_engineer"]
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        assert said["handler"].rpartition(".")[0].replace(".", "/") + ".py" in archive.namelist()


def test_a_zip_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "function.zip"
    answer = CliRunner().invoke(app, ["api", "function", "flights", "--to", str(target)])
    assert isinstance(answer.exception, SetupError)
    assert f"{target} cannot be written" in str(answer.exception)
