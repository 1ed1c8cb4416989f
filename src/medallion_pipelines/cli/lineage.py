"""`lineage`: what columns are made of, without Spark."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import JsonOption, ProductArgument
from medallion_pipelines.errors import UnknownNameError


def register(app: typer.Typer) -> None:
    app.command()(lineage)


def lineage(
    product: ProductArgument = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="LAYER.TABLE", show_default=False, help="Of this table only."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each column is made of.

    By the contracts' transformSourceObjects, source fields and SQL; what is not declared is named.
    """
    from medallion_pipelines.lineage import column_lineage

    screen.answer_in_json(as_json)
    loaded = places.load(product)
    if table is not None and table not in loaded.tables:
        raise UnknownNameError(f"{loaded.name} has no {table}. It has {', '.join(sorted(loaded.tables))}.")
    keys = sorted(loaded.tables) if table is None else [table]
    found = {key: column_lineage(loaded.tables, loaded.tables[key]) for key in keys}
    undeclared = sum(len(made_of.undeclared) for made_of in found.values())
    if as_json:
        screen.document({"product": loaded.name, "tables": {key: asdict(found[key]) for key in keys}})
    else:
        rows = []
        for key, made_of in found.items():
            for column in loaded.tables[key].columns:
                origins = made_of.origins.get(column.name)
                if origins is None:
                    rows.append([key, column.name, "undeclared", made_of.undeclared[column.name]])
                    continue
                how = ", ".join(sorted({origin.how.lower() for origin in origins})) or "no column"
                named = ", ".join(f"{origin.table}.{origin.column}" for origin in origins)
                rows.append([key, column.name, how, named])
        screen.table(["table", "column", "how", "made of"], rows)
    if undeclared:
        columns = "1 column is" if undeclared == 1 else f"{undeclared} columns are"
        screen.say(f"{columns} undeclared: add transformSourceObjects.", "yellow")
