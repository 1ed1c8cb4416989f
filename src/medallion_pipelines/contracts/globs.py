"""Patterns of files, as Hadoop has them."""

from __future__ import annotations

import re

_GLOB = re.compile(r"\\(.)|(\*)|(\?)|\[(\^|!)?((?:\\.|[^\]\\])+)\]|(\{)|(\})|(,)|(.)", re.S)


def as_regex(glob: str) -> str:
    """A pattern of Hadoop's as a regular expression (for `re.S`)."""
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


def fixed_part(glob: str) -> str:
    """The folder above the first pattern; of a path without one, the folder that it is in."""
    parts = glob.split("/")
    first = next((at for at, part in enumerate(parts) if re.search(r"[*?\[{\\]", part)), len(parts) - 1)
    return "/".join(parts[:first]) or "/"


def is_hidden(name: str) -> bool:
    """Whether Spark passes over files of this name."""
    return name.startswith(".") or name.endswith("._COPYING_") or (name.startswith("_") and "=" not in name)
