"""Which table's feed a file is in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Product

_GLOB = re.compile(r"\\(.)|(\*)|(\?)|\[(\^|!)?((?:\\.|[^\]\\])+)\]|(\{)|(\})|(,)|(.)", re.S)


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
        feeds.append((re.compile(_as_regex(_plain(path)) + r"(?:/.*)?", re.S), f"bronze.{table.name}"))

    def find(path: str) -> str | None:
        if path.rsplit("/", 1)[-1].startswith(("_", ".")):
            return None  # hidden from Spark
        return next((feed for pattern, feed in feeds if pattern.fullmatch(_plain(path))), None)

    return find


def _plain(path: str) -> str:
    return re.sub(r"^s3[an]?://", "s3://", path)


def _as_regex(glob: str) -> str:
    """A pattern of Hadoop's as a regular expression."""
    depth, parts = 0, []
    for found in _GLOB.finditer(glob):
        escaped, star, one, negated, chosen, opened, closed, comma, plain = found.groups()
        if star or one:
            parts.append("[^/]*" if star else "[^/]")
        elif chosen is not None:
            parts.append(f"[{'^' if negated else ''}{chosen}]")
        elif opened or (closed and depth):
            depth += 1 if opened else -1
            parts.append("(?:" if opened else ")")
        elif comma and depth:
            parts.append("|")
        else:
            parts.append(re.escape(escaped or closed or comma or plain))
    return "".join(parts)
