"""The landing function as a zip for AWS Lambda, with the routes that a product's contracts make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.events import routes
from medallion_pipelines.errors import UnknownNameError
from medallion_pipelines.zipped import write_zip

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.contracts.model import Product

HANDLER = "medallion_pipelines.landing_function.handler.handler"


def package(product: Product, target: Path) -> dict[str, dict[str, object]]:
    """Write the zip; returns the routes in it. Raises UnknownNameError where no contract takes events."""
    found = routes(product)
    if not found:
        raise UnknownNameError(
            f"No contract of {product.name} takes events. List their types in a silver table's `source`: "
            "`events: [com.example.flight.departed]`."
        )
    modules = ["aggregated.py", "jsontext.py", "landing_function/*.py"]
    write_zip(target, modules, {"landing_function/routes.json": json.dumps(found, indent=2) + "\n"})
    return found
