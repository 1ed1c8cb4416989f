"""`validate` and `new`: contracts without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import JsonOption, ProductArgument


def register(app: typer.Typer) -> None:
    app.command()(validate)
    app.command()(new)


def validate(product: ProductArgument = None, as_json: JsonOption = False) -> None:
    """Say all that is wrong with a product's contracts."""
    from medallion_pipelines.contracts import check_product

    screen.answer_in_json(as_json)
    folder = places.folder(product)
    loaded, problems = check_product(folder)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        screen.document(
            {
                "product": loaded.name if loaded else folder.name,
                "folder": str(folder),
                "valid": not errors,
                "tables": sorted(loaded.tables) if loaded else [],
                "problems": [
                    {
                        "file": str(problem.file),
                        "line": problem.line,
                        "field": problem.field,
                        "severity": problem.severity,
                        "message": problem.message,
                        "hint": problem.hint,
                    }
                    for problem in problems
                ],
            }
        )
    else:
        for problem in problems:
            style = "red" if problem.severity == "error" else "yellow"
            screen.out().print(Text.assemble((f"{problem.severity}: ", style), str(problem)), soft_wrap=True)
    if errors:
        also = f" and {len(problems) - errors} warnings" if len(problems) > errors else ""
        screen.say(f"{folder}: {errors} error{'s' if errors != 1 else ''}{also}.", "bold red")
        raise typer.Exit(1)
    count = len(loaded.tables) if loaded else 0
    screen.say(f"{folder}: {count} contract{'s' if count != 1 else ''}, all valid.", "bold green")


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the product is about, such as sales.")],
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", show_default=False, help="Where to make it, if not here."),
    ] = None,
) -> None:
    """Write a small product that works.

    Contracts, sample data and tests, to change into your own.
    """
    from medallion_pipelines.scaffold import create

    folder = create(name, directory or Path())
    screen.say(f"{folder}: a product of your own. Its README.md says what is what.", "bold green")
    screen.suggest(
        [
            screen.command(f"validate {folder}"),
            screen.command(f"run {folder} --landing {folder / 'landing'}"),
            f"pytest {folder}",
        ]
    )
