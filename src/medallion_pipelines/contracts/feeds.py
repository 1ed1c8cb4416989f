"""Which table's feed a file is in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .globs import as_regex, is_hidden

if TYPE_CHECKING:
    from .model import Product


def feed_of(product: Product, landing: str) -> Callable[[str], str | None]:
    """A function from a file's path to the bronze table that captures it, None where no feed takes it.

    Paths on S3 are compared whatever Spark calls the file system (`s3`, `s3a`).
    """
    feeds = []
    for table in product.tables.values():
        if table.source is None:
            continue
        path = table.source.path
        if "://" not in path and not path.startswith("/"):
            path = f"{landing.rstrip('/')}/{path}"
        # a pattern that names a folder takes what is below it
        feeds.append((re.compile(as_regex(_plain(path)) + r"(?:/.*)?", re.S), f"bronze.{table.name}"))

    def find(path: str) -> str | None:
        if is_hidden(path.rsplit("/", 1)[-1]):
            return None
        return next((feed for pattern, feed in feeds if pattern.fullmatch(_plain(path))), None)

    return find


def _plain(path: str) -> str:
    return re.sub(r"^s3[an]?://", "s3://", path)
