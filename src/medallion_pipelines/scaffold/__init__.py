"""Writes a small product of one's own: contracts, sample data and a test that passes."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path

from medallion_pipelines.errors import MedallionError, SetupError

TEMPLATE = Path(__file__).parent / "template"
NAME = "__product__"  # in the template's texts and file names
LONGEST = 60


def create(name: str, directory: Path) -> Path:
    """Write a product to a new folder below `directory`, whole or not at all; the folder.

    Raises MedallionError where the name holds no letter or the folder is there already, SetupError
    where it cannot be written.
    """
    product = sanitised(name)
    folder = directory / product
    if folder.exists():
        raise MedallionError(f"{folder} is there already, and stays as it is. Choose another name.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{product}-", dir=directory) as scratch:
            _write(product, Path(scratch) / product)
            (Path(scratch) / product).rename(folder)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}). Choose another --directory."
        ) from error
    return folder


def sanitised(name: str) -> str:
    """A name for folder, tables and tests: lower-case letters, digits and `_`, a letter first."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    product = re.sub(r"^[0-9_]+", "", words)[:LONGEST].rstrip("_")
    if not product:
        raise MedallionError(
            f"{name!r} cannot name a product: it needs a letter, such as sales or orders_2025."
        )
    return product


def _write(product: str, folder: Path) -> None:
    for source in sorted(TEMPLATE.rglob("*")):
        if source.is_dir():
            continue
        target = folder / str(source.relative_to(TEMPLATE)).removesuffix(".tmpl").replace(NAME, product)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8").replace(NAME, product), encoding="utf-8")
