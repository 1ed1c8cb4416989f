"""Arguments that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_ROWS = 20  # of a table, unless more are asked for

ProductArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PRODUCT", show_default=False, help="A product's folder, or the name of a shipped one."
    ),
]
LandingOption = Annotated[
    str | None,
    typer.Option("--landing", metavar="DIR", show_default=False, help="Where source files arrive."),
]
WarehouseOption = Annotated[
    str | None,
    typer.Option("--warehouse", metavar="DIR", show_default=False, help="Where local tables are kept."),
]
CatalogOption = Annotated[
    str | None, typer.Option("--catalog", metavar="NAME", show_default=False, help="The catalog to work in.")
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option(
        "--environment", metavar="NAME", show_default=False, help="Picks the contracts' `servers` entries."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, show_default=False, help=f"At most so many; a table shows {SHOWN_ROWS}."),
]
VariableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        show_default=False,
        help="A value of a variable of the file, or several; else MEDALLION_VAR_NAME or its default.",
    ),
]


def variables(var: Sequence[str] | None) -> dict[str, str]:
    """The values that options give."""
    values: dict[str, str] = {}
    for each in var or ():
        name, equals, value = each.partition("=")
        if not equals:
            raise typer.BadParameter(f"{each} has no `=`: write --var NAME=VALUE.", param_hint="--var")
        values[name] = value
    return values
