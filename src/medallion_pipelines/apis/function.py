"""The function behind the APIs as a zip for AWS Lambda, with the tables that a product's contracts show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from medallion_pipelines.api_function.tables import document
from medallion_pipelines.zipped import write_zip

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.apis.published import Published

HANDLER = "medallion_pipelines.api_function.handler.handler"


def package(found: Published, target: Path) -> None:
    """Write the zip."""
    tables = document(shown.table for shown in found.tables)
    write_zip(
        target, ["api_function/*.py"], {"api_function/tables.json": json.dumps(tables, indent=2) + "\n"}
    )
