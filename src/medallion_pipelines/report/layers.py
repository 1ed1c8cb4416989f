"""Places for the nodes of a layered graph: order within each column, then heights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SWEEPS = 12


@dataclass(frozen=True)
class Place:
    """A node's upper edge and height."""

    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def arrange(
    column: Mapping[str, int],
    edges: Sequence[tuple[str, str]],
    size: Callable[[str], tuple[float, float]],
) -> dict[str, Place]:
    """A place for each node, and for each edge that passes a column: `>2 a` in column 2 for edges from a.

    `size` gives the height of a node and the room below it. Edges of one start share their way.
    """
    columns: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for key in sorted(column):
        columns[column[key]].append(key)
    steps: set[tuple[str, str]] = set()
    for start, end in edges:
        way = [start, *(f">{n} {start}" for n in range(column[start] + 1, column[end])), end]
        for n, passing in enumerate(way[1:-1], column[start] + 1):
            if passing not in columns[n]:
                columns[n].append(passing)
        steps |= set(pairwise(way))
    before: dict[str, list[str]] = {key: [] for keys in columns for key in keys}
    after: dict[str, list[str]] = {key: [] for keys in columns for key in keys}
    for start, end in sorted(steps):
        before[end].append(start)
        after[start].append(end)
    return _settled(_ordered(columns, before, after), before, after, size)


def _ordered(
    columns: list[list[str]], before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> list[list[str]]:
    """Each column ordered by its neighbours' mean positions, to and fro; the order with fewest crossings."""
    best, fewest = [list(keys) for keys in columns], _crossings(columns, after)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for n in range(len(columns)) if forward else reversed(range(len(columns))):
            neighbours = before if forward else after
            around = columns[n - 1] if forward and n else columns[n + 1] if n + 1 < len(columns) else []
            at = {key: float(index) for index, key in enumerate(around)}
            own = {key: float(index) for index, key in enumerate(columns[n])}
            columns[n].sort(key=lambda key: _mean([at[k] for k in neighbours[key] if k in at], own[key]))
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = [list(keys) for keys in columns], crossings
    return best


def _crossings(columns: Sequence[Sequence[str]], after: Mapping[str, list[str]]) -> int:
    count = 0
    for here, there in pairwise(columns):
        at = {key: index for index, key in enumerate(there)}
        ends = [at[end] for start in here for end in sorted(after[start], key=lambda k: at[k])]
        count += sum(a > b for n, a in enumerate(ends) for b in ends[n + 1 :])
    return count


def _settled(
    columns: Sequence[Sequence[str]],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
    size: Callable[[str], tuple[float, float]],
) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for keys in columns:
        y = 0.0
        for key in keys:
            height, room = size(key)
            places[key] = Place(y, height)
            y += height + room
    for sweep in range(_SWEEPS):
        for keys in columns if sweep % 2 else reversed(columns):
            wanted = [
                _mean([places[k].middle for k in (*before[key], *after[key])], places[key].middle)
                for key in keys
            ]
            for key, y in zip(keys, _apart(keys, wanted, size), strict=True):
                places[key] = replace(places[key], y=y)
    top = min((place.y for place in places.values()), default=0.0)
    return {key: replace(place, y=place.y - top) for key, place in places.items()}


def _apart(
    keys: Sequence[str], middles: Sequence[float], size: Callable[[str], tuple[float, float]]
) -> list[float]:
    """Upper edges as near to the wanted middles as nodes can be that keep their order and do not touch.

    Without the nodes' own heights this is a rising line nearest to given points (isotonic regression):
    neighbours that would fall are pooled at their mean.
    """
    offsets, offset = list[float](), 0.0
    for key in keys:
        offsets.append(offset)
        offset += sum(size(key))
    pools: list[tuple[float, int]] = []
    for key, middle, start in zip(keys, middles, offsets, strict=True):
        pool = (middle - size(key)[0] / 2 - start, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, count = pools.pop()
            pool = ((mean * count + pool[0] * pool[1]) / (count + pool[1]), count + pool[1])
        pools.append(pool)
    levels = [mean for mean, count in pools for _ in range(count)]
    return [level + start for level, start in zip(levels, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
