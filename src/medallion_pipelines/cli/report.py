"""`report`: what the pipeline did, as a page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.errors import SetupError

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse
    from medallion_pipelines.settings import Settings

FILE = "report.html"


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    product: ProductArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", show_default=False, help="Where to, if not beside the warehouse."
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
) -> None:
    """Write one HTML page that shows what the pipeline did.

    Lineage, records and rules by table, samples of the quarantine, drift, freshness, a plot per mart. It
    needs nothing but a browser; columns that a contract classifies or tags as personal are not shown.
    """
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    write(lake, loaded, out or beside(lake.settings))


def write(lake: Lakehouse, product: Product, path: Path) -> None:
    """Write the page and print its path."""
    make(lake, product, path)
    name(path)


def make(lake: Lakehouse, product: Product, path: Path) -> None:
    """Write the page."""
    with screen.err().status("Reading the tables for the report ..."):
        page = lake.report(product)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{path} cannot be written ({error.strerror}). Name another with --out.") from None


def name(path: Path) -> None:
    """Print where the page is."""
    screen.say("The report, for a browser:")
    screen.write_lines([f"{path.absolute()}\n"])


def beside(settings: Settings) -> Path:
    """The page's file: next to a local warehouse, else in the working folder."""
    return Path(FILE) if settings.warehouse is None else Path(settings.warehouse).parent / FILE
