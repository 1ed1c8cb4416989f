"""`api`: gold tables by REST and GraphQL, as the contracts say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import JsonOption, ProductArgument
from medallion_pipelines.errors import SetupError

if TYPE_CHECKING:
    from medallion_pipelines.apis.published import Published

api = typer.Typer(help="Gold tables by REST and GraphQL, from the contracts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(api, name="api")


@api.command()
def openapi(product: ProductArgument = None) -> None:
    """Print the REST API as an OpenAPI document."""
    from medallion_pipelines.apis.openapi import openapi as described

    screen.write_lines([json.dumps(described(_published(product)), indent=2) + "\n"])


@api.command()
def graphql(product: ProductArgument = None) -> None:
    """Print the GraphQL API as a schema for AWS AppSync."""
    from medallion_pipelines.apis.graphql import schema

    screen.write_lines([schema(_published(product))])


@api.command()
def function(
    product: ProductArgument = None,
    target: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip to write.")] = Path(
        "dist/api-function.zip"
    ),
    as_json: JsonOption = False,
) -> None:
    """Package the function behind both APIs for AWS Lambda.

    It tells which tables are shown to which roles, and what is left out.
    """
    from medallion_pipelines.apis.function import HANDLER, package

    screen.answer_in_json(as_json)
    found = _published(product)
    try:
        package(found, target)
    except OSError as error:
        raise SetupError(f"{target} cannot be written ({error.strerror}). Name another with --to.") from None
    tables = {shown.table.name: sorted(shown.table.roles) for shown in found.tables}
    if as_json:
        screen.document(
            {"file": str(target), "handler": HANDLER, "tables": tables, "left_out": dict(found.left_out)}
        )
        return
    screen.table(["table", "read by"], [[name, ", ".join(roles)] for name, roles in tables.items()])
    for name, why in found.left_out.items():
        screen.say(f"left out: {name}: {why}", "yellow")
    screen.say(f"{target}: written; its handler is {HANDLER}.", "bold green")


def _published(product: str | None) -> Published:
    from medallion_pipelines.apis.published import published

    return published(places.load(product))
