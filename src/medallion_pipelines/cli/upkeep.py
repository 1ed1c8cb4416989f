"""`quality` and `maintain`: what is done from time to time to tables that runs keep up to date."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    ProductArgument,
    WarehouseOption,
)

if TYPE_CHECKING:
    from medallion_pipelines.results import UpkeepResult


def register(app: typer.Typer) -> None:
    app.command()(quality)
    app.command()(maintain)


def quality(
    product: ProductArgument = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check what the contracts promise.

    That each table is as new as its contract says and its last run went well. Notes it in ops.table_status;
    exit code 1 where a promise is broken.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    tables = lake.quality(loaded)
    broken = [table for table in tables if table.broken]
    if as_json:
        found = [{**asdict(table), "broken": table.broken} for table in tables]
        screen.document({"product": loaded.name, "kept": not broken, "tables": found})
    for table in broken:
        screen.complain(f"{table.table}: {table.broken}.")
    if broken:
        raise typer.Exit(1)
    screen.say(f"{loaded.name}: every table keeps what its contract promises.", "bold green")


def maintain(
    product: ProductArgument = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look after the tables' files.

    Joins small files (OPTIMIZE), deletes those that no version needs which the contract's retention keeps
    (VACUUM, at least a week), gathers statistics (ANALYZE). No row changes.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    results = lake.maintain(loaded, on_finish=_finished)
    failed = [result for result in results if result.error]
    if as_json:
        found = [asdict(result) for result in results]
        screen.document({"product": loaded.name, "succeeded": not failed, "tables": found})
    for note in dict.fromkeys(note for result in results for note in result.notes if "ANALYZE" in note):
        screen.say(f"note: {note}", "yellow")
    for result in failed:
        screen.complain(f"{result.table}: {result.error}")
    if failed:
        raise typer.Exit(1)
    screen.say(f"{loaded.name}: looked after {len(results)} tables.", "bold green")


def _finished(result: UpkeepResult) -> None:
    files = f"  {result.files_removed} files into {result.files_added}" if result.files_removed else ""
    screen.say(f"{'failed' if result.error else 'done':<6}  {result.table}{files}  {result.seconds:.1f} s")
    for note in result.notes:
        if "ANALYZE" not in note:
            screen.say(f"note: {result.table}: {note}", "yellow")
