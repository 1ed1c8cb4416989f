"""`erase`: a person's records, everywhere and for good."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli import places, report, screen
from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LandingOption,
    ProductArgument,
    WarehouseOption,
)

if TYPE_CHECKING:
    from medallion_pipelines.results import ErasureResult


def register(app: typer.Typer) -> None:
    app.command()(erase)


def erase(
    product: ProductArgument = None,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            metavar="TABLE.COLUMN=VALUE",
            show_default=False,
            help="Whose records: a unique column of a silver table, and its value.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Instead: what has come back of all that were erased before.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person.

    Their records and all that point to them go from landing zone, bronze, silver, quarantine, gold and ops,
    in all versions, and are kept out from then on. It cannot be undone. Needs a secret in
    MEDALLION_ERASURE_KEY.
    """
    screen.answer_in_json(as_json)
    if (subject is None) != again:
        raise typer.BadParameter("Name one person with --subject, or all erased before with --again.")
    loaded = places.load(product)
    lake = places.lakehouse(landing=landing, warehouse=warehouse, catalog=catalog, environment=environment)
    with screen.err().status("Searching ..." if dry_run else "Erasing ..."):
        result = lake.erase(subject, loaded, dry_run=dry_run)
    if as_json:
        screen.document({**asdict(result), "complete": result.complete})
    else:
        _table(result)
    if dry_run:
        screen.say("Nothing was changed.", "bold")
        return
    page = report.beside(lake.settings)
    if page.exists():  # it shows samples
        (report.make if as_json else report.write)(lake, loaded, page)
    _remarks(result, local=lake.settings.warehouse is not None)
    if not result.complete:
        raise typer.Exit(1)


def _table(result: ErasureResult) -> None:
    headings = ["place", "found", "may hold", "remaining"]
    rows = [
        [
            place,
            *(f"{counts.get(place, 0):,}" for counts in (result.found, result.may_hold, result.remaining)),
        ]
        for place in result.found
    ]
    screen.table(headings, rows, numeric=range(1, 4))
    for url, records in result.files.items():
        screen.say(f"{url}: {records:,} records")


def _remarks(result: ErasureResult, *, local: bool) -> None:
    for url in result.files_left:
        screen.say(
            f"left: {url} holds such records, or cannot be read to tell, and is not rewritten from here: "
            "do it yourself.",
            "yellow",
        )
    if result.may_hold:
        screen.say("note: records that may hold the value are too malformed to tell, and stay.", "yellow")
    screen.say(
        "note: replicas, backups, exports and Spark's logs are not reached; see docs/operations.md.", "yellow"
    )
    if not local:
        screen.say(
            "note: the Delta logs keep statistics of the files that were, until their retention ends.",
            "yellow",
        )
    took = f"{result.product}: erasure {result.token} took {result.seconds:.1f} s."
    if result.complete:
        screen.say(f"{took} A search finds nothing any more.", "bold green")
    else:
        screen.say(f"{took} Not complete: something remains.", "bold red")
