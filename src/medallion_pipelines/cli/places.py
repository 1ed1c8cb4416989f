"""The product and the lakehouse that a command line means."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from medallion_pipelines.cli import screen
from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.machine import NO_PYSPARK
from medallion_pipelines.settings import Settings
from medallion_pipelines.shipped import product_folder

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse


def folder(product: str | None) -> Path:
    """The folder of a product; wrong use if there is none."""
    try:
        return product_folder(product)
    except MedallionError as error:
        hint = f"Start one of your own: {screen.command('new NAME')}"
        raise typer.BadParameter(f"{error} {hint}", param_hint="PRODUCT") from None


def load(product: str | None) -> Product:
    """The product, its contracts compiled: whatever is wrong with them is said before Spark starts."""
    from medallion_pipelines.contracts import load_product

    return load_product(folder(product))


def require_spark() -> None:
    """Raises SetupError where there is no Spark to start."""
    if find_spec("pyspark") is None:
        raise SetupError(NO_PYSPARK)


def lakehouse(**given: str | None) -> Lakehouse:
    """The lakehouse of the environment and the options given, its Spark session started."""
    settings = Settings.from_environment(**given)
    require_spark()
    with screen.err().status("Starting Spark ..."):
        from medallion_pipelines.lakehouse import Lakehouse

        return Lakehouse(settings)
