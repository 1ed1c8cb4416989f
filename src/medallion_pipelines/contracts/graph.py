"""Cycles among tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def find_cycle(edges: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """A way round, its first name repeated at the end; empty where there is none."""
    done: set[str] = set()
    for start in sorted(edges):
        way: list[str] = []
        pending = [(start, 0)]
        while pending:
            name, depth = pending.pop()
            del way[depth:]
            if name in way:
                return (*way[way.index(name) :], name)
            if name in done:
                continue
            way.append(name)
            following = [each for each in edges.get(name, ()) if each not in done]
            if not following:
                done.add(name)
            pending += [(each, depth + 1) for each in following]
    return ()
