"""`rebuild`, `backfill`, `recapture`: tables made anew, or from what came before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LandingOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.cli.run import Progress, carry_out

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse
    from medallion_pipelines.results import RunResult


def register(app: typer.Typer) -> None:
    for command in (rebuild, backfill, recapture):
        app.command()(command)


def rebuild(
    table: Annotated[
        str,
        typer.Argument(metavar="LAYER[.TABLE]", help="The table to make anew; silver or gold: all of it."),
    ],
    product: ProductArgument = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE|TIME", help="Only what came in from then on: 2026-01-31 (UTC)."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE|TIME", help="Only what came in up to the end of this day (UTC)."),
    ] = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a table anew, or all of a layer.

    A silver one with its quarantine from all of bronze, a gold one from its inputs. Readers see the rows as
    they were until the new ones are there. With --from or --to only what is made of records that bronze
    took in then, or of what changed in a mart's inputs then.
    """
    given = {"landing": landing, "warehouse": warehouse, "catalog": catalog, "environment": environment}

    begin, end = moment_of(since, "--from"), moment_of(until, "--to", day_ends=True)

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        return lake.rebuild(
            table, loaded, since=begin, until=end, on_start=progress.start, on_finish=progress.finish
        )

    carry_out(work, product, given, as_json)


def backfill(
    table: Annotated[
        str, typer.Argument(metavar="silver.TABLE", help="The table whose feed they belong to.")
    ],
    path: Annotated[str, typer.Argument(help="A folder, file or pattern; relative to the landing zone.")],
    product: ProductArgument = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take old files into a table.

    Files of an archive, in the format of the table's feed: each is taken once, in any order, as if it had
    been in the landing zone. Marts follow at the next run.
    """
    given = {"landing": landing, "warehouse": warehouse, "catalog": catalog, "environment": environment}

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        return lake.backfill(table, path, loaded, on_start=progress.start, on_finish=progress.finish)

    carry_out(work, product, given, as_json)


def recapture(
    table: Annotated[str, typer.Argument(metavar="silver.TABLE", help="The table whose bronze is lost.")],
    product: ProductArgument = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a table anew whose bronze table is lost.

    Its rows and its quarantine go, and all that the landing zone still has is captured once more. Refused
    while the bronze table is there: that is what `rebuild` is for.
    """
    given = {"landing": landing, "warehouse": warehouse, "catalog": catalog, "environment": environment}

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        return lake.recapture(table, loaded, on_start=progress.start, on_finish=progress.finish)

    carry_out(work, product, given, as_json)


def moment_of(text: str | None, option: str, *, day_ends: bool = False) -> datetime | None:
    """What an option names: a time, or the first moment of a day; with `day_ends` that of the day after."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return begins + timedelta(days=1) if day_ends else begins
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is neither a day, such as 2026-01-31, nor a time, such as 2026-01-31T12:00:00Z.",
                param_hint=option,
            ) from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    except OverflowError:
        return None  # the last day there is
