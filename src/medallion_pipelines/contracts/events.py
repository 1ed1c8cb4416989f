"""Events that the landing function writes into a feed: the CloudEvents types in `events` of its `source`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .document import Node
    from .model import Product, Source
    from .table import Draft

_FOLDER = re.compile(r"((?:[A-Za-z0-9][\w. =-]*/)+)\*(?:\.json)?")
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")


def read_events(node: Node, source: Source) -> tuple[str, ...]:
    """The types of the events; problems where the feed could not read what is written into it."""
    if node.value is None:
        return ()
    types = [entry.value for entry in node.entries()]
    if not types or not all(isinstance(name, str) and name.strip() for name in types):
        node.problem("must be a list of event types", "Such as `[com.example.flight.departed]`.")
        return ()
    if source.format != "json" or not (source.multi_line or source.concatenated):
        node.problem(
            "needs `format: json` and `multiLine: true`",
            "The landing function writes each event as it came into a file of its own, over lines or not.",
        )
    if _FOLDER.fullmatch(source.path) is None:
        node.problem(
            f"cannot be written to `{source.path}`",
            "The path must be a folder of the landing zone and `*.json`, such as `flight_events/*.json`.",
        )
    return tuple(dict.fromkeys(types))


def check_event_version(root: Node) -> None:
    """An event says by which version of the contract it was written, so that must be one to compare with."""
    if _VERSION.fullmatch(root.text("version") or "") is None:
        root.at("version").problem(
            f"`{root.text('version')}` cannot be compared with the versions of events", "Such as `1.2.0`."
        )


def refuse_events_twice(drafts: Iterable[Draft]) -> None:
    """An event goes to one table."""
    owners: dict[str, Draft] = {}
    for draft in drafts:
        for name in draft.table.source.events if draft.table.source else ():
            owner = owners.setdefault(name, draft)
            if owner is not draft:
                draft.node.problem(
                    f"events `{name}` go to `{owner.table.key}` already", "Take them out of one `source`."
                )


def routes(product: Product) -> dict[str, dict[str, object]]:
    """Where events go, by type: the table, its folder in the landing zone, the newest version it takes."""
    found: dict[str, dict[str, object]] = {}
    for table in product.tables.values():
        for name in table.source.events if table.source else ():
            assert table.source is not None
            folder, version = _FOLDER.fullmatch(table.source.path), _VERSION.fullmatch(table.version or "")
            assert folder is not None and version is not None  # the contract was checked
            found[name] = {
                "table": table.key,
                "folder": folder[1].rstrip("/"),
                "version": [int(version[1]), int(version[2])],
            }
    return dict(sorted(found.items()))
