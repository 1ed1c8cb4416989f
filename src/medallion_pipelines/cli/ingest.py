"""`ingest`: what AWS runs to fill the landing zone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import JsonOption, ProductArgument

ingest = typer.Typer(help="Fill the landing zone: what AWS runs for it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(ingest, name="ingest")


@ingest.command()
def function(
    product: ProductArgument = None,
    target: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip to write.")] = Path(
        "dist/landing-function.zip"
    ),
    as_json: JsonOption = False,
) -> None:
    """Package the landing function for AWS Lambda.

    It validates the events of a Kinesis stream or of files in S3 and routes them as the contracts say.
    """
    from medallion_pipelines.ingest.function import HANDLER, package

    screen.answer_in_json(as_json)
    found = package(places.load(product), target)
    if as_json:
        screen.document({"file": str(target), "handler": HANDLER, "routes": found})
        return
    screen.table(["event type", "table", "folder"], [
        [name, str(goal["table"]), str(goal["folder"])] for name, goal in found.items()
    ])  # fmt: skip
    screen.say(f"{target}: written; its handler is {HANDLER}.", "bold green")
