"""Functions as zips for AWS Lambda: modules of this package, and nothing that Lambda lacks."""

from __future__ import annotations

import zipfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PACKAGE = "medallion_pipelines"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip: the same contents make the same bytes


def write_zip(target: Path, patterns: Sequence[str], extra: Mapping[str, str]) -> None:
    """Write a zip of the modules that the patterns name, and of `extra` texts by their paths."""
    root = Path(str(files(_PACKAGE)))
    sources = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    contents = {
        "__init__.py": "",  # of the package itself nothing else comes along
        **{path.relative_to(root).as_posix(): path.read_text("utf-8") for path in sources},
        **extra,
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            entry = zipfile.ZipInfo(f"{_PACKAGE}/{name}", _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # Lambda's user must be able to read it
            archive.writestr(entry, text)
