"""`restore`: bring a table back to how it was."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.cli.run import Progress, carry_out

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse
    from medallion_pipelines.results import RunResult


def register(app: typer.Typer) -> None:
    app.command()(restore)


def restore(
    table: Annotated[str, typer.Argument(metavar="LAYER.TABLE", help="The silver or gold table.")],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="VERSION|TIME", help="A Delta version, or a time: 2026-01-31T12:00 (UTC)."
        ),
    ],
    product: ProductArgument = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a table back to how it was.

    With a silver table go its quarantine and what it remembers of changes. The next run takes in again, from
    bronze, what came after.
    """
    given = {"warehouse": warehouse, "catalog": catalog, "environment": environment}
    wanted = _version_or_time(to)

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        progress.start(table)
        result = lake.restore(table, wanted, loaded)
        progress.finish(result.steps[0])
        return result

    carry_out(work, product, given, as_json)


def _version_or_time(text: str) -> int | datetime:
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a version, such as 12, nor a time, such as 2026-01-31T12:00:00Z.",
            param_hint="--to",
        ) from None
