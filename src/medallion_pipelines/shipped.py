"""Products by name: those that ship with the package, and folders. No Spark needed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from medallion_pipelines.errors import UnknownNameError

DEFAULT = "flights"


def shipped_products() -> dict[str, Path]:
    """The products that come with the package, by name."""
    root = Path(str(files("medallion_pipelines"))) / "products"
    return {path.name: path for path in sorted(root.iterdir()) if any(path.rglob("*.odcs.yaml"))}


def product_folder(product: str | Path | None) -> Path:
    """The folder of a product: a folder as it is, else a shipped one by name, flights for None.

    Raises UnknownNameError where there is none.
    """
    shipped = shipped_products()
    name = DEFAULT if product is None else str(product)
    path = Path(name).expanduser()
    if product is not None and path.is_dir():
        return path
    if name in shipped:
        return shipped[name]
    raise UnknownNameError(
        f"There is no product {name}: it is neither a folder nor one of those that ship with the package"
        f" ({', '.join(shipped)})."
    )
