"""The landing function as a zip for AWS Lambda, with the routes that a product's contracts make."""

from __future__ import annotations

import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.events import routes
from medallion_pipelines.errors import UnknownNameError

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product

HANDLER = "medallion_pipelines.landing_function.handler.handler"
_PACKAGE = "medallion_pipelines"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip: the same contracts make the same bytes


def package(product: Product, target: Path) -> dict[str, dict[str, object]]:
    """Write the zip; returns the routes in it. Raises UnknownNameError where no contract takes events."""
    found = routes(product)
    if not found:
        raise UnknownNameError(
            f"No contract of {product.name} takes events. List their types in a silver table's `source`: "
            "`events: [com.example.flight.departed]`."
        )
    root = Path(str(files(_PACKAGE)))
    shared = (root / name for name in ("aggregated.py", "jsontext.py"))
    sources = [*shared, *sorted((root / "landing_function").glob("*.py"))]
    contents = {
        # of the package itself nothing else comes along
        f"{_PACKAGE}/__init__.py": "",
        **{f"{_PACKAGE}/{path.relative_to(root).as_posix()}": path.read_text("utf-8") for path in sources},
        f"{_PACKAGE}/landing_function/routes.json": json.dumps(found, indent=2) + "\n",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # Lambda's user must be able to read it
            archive.writestr(entry, text)
    return found
