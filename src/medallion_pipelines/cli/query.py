"""`sql` and `status`: what the tables hold and how they stand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    SHOWN_ROWS,
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LimitOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.errors import MedallionError

if TYPE_CHECKING:
    from medallion_pipelines.results import TableStatus


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Spark SQL; - reads it from stdin.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    limit: LimitOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Query the tables.

    They are in the schemas bronze, silver, gold and ops: `sql "SELECT count(*) FROM silver.flights"`.
    """
    from medallion_pipelines.cli import rows

    text = sys.stdin.read() if query == "-" else query
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog)
    from pyspark.errors import PySparkException

    try:
        frame = lake.sql(text.strip().rstrip(";"))
        if form is Format.table:
            more = rows.as_table(frame, limit or SHOWN_ROWS)
            if more and limit is None:
                screen.say(f"The first {SHOWN_ROWS} rows; --limit shows more, --format csv all of them.")
        else:
            wanted = frame if limit is None else frame.limit(limit)
            (rows.as_csv if form is Format.csv else rows.as_json)(wanted)
    except PySparkException as error:
        raise MedallionError(screen.brief(str(error))) from error


def status(
    product: ProductArgument = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how each table stands.

    Its last run, rows, quarantine, and its age against what the contract promises.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    tables = lake.status(loaded)
    if as_json:
        screen.document({"product": loaded.name, "tables": [asdict(table) for table in tables]})
        return
    headings = ["table", "last status", "last run", "rows", "quarantined", "age", "promised", "fresh"]
    screen.table(headings, [_cells(table) for table in tables], numeric=range(3, 7))
    for table in tables:
        for said in filter(None, (table.error, table.unreadable)):
            screen.complain(f"{table.table}: {screen.brief(said)}")


def _cells(table: TableStatus) -> list[Text | str]:
    fresh = "" if table.fresh is None else Text("yes", "green") if table.fresh else Text("no", "bold red")
    return [
        table.table,
        table.status or "never run",
        table.last_run or "",
        "" if table.rows is None else f"{table.rows:,}",
        "" if table.quarantined is None else f"{table.quarantined:,}",
        _span(table.age_seconds),
        _span(table.freshness_seconds),
        fresh,
    ]


def _span(seconds: int | None) -> str:
    """`3 days, 0:00:00` of timedelta, shorter."""
    if seconds is None:
        return ""
    span = timedelta(seconds=seconds)
    if span.days:
        return f"{span.days} d {span.seconds // 3600} h"
    return f"{span.seconds // 3600} h {span.seconds % 3600 // 60} min"
