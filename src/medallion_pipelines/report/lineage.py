"""The lineage picture: where each table, feed and edge goes.

Columns from left to right, as graphs of this kind are mostly drawn (Sugiyama's way): an edge that skips
columns passes through a place of its own in each, a column's order follows its neighbours until edges cross
little, and then heights settle where the edges run straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medallion_pipelines.report.layers import Place, arrange
from medallion_pipelines.report.standing import LEFT_OUT, Standing, standing
from medallion_pipelines.report.words import number, plural

if TYPE_CHECKING:
    from medallion_pipelines.report.model import Report, TableReport

WIDTH, HEIGHT, GAP = 148, 52, 36  # of a node; between columns
TOP = 34  # for the columns' headings
_ROW = 14  # between nodes
_PASS = 4  # an edge that passes by
_CHARACTERS = 19  # that fit a node's width


@dataclass(frozen=True)
class Node:
    """A table or feed, and its box."""

    key: str
    layer: str
    lines: tuple[str, ...]
    note: str
    standing: Standing
    x: float
    y: float
    view: bool = False


@dataclass(frozen=True)
class Edge:
    """A way that rows go (flow), or a foreign key (key), as an SVG path."""

    start: str
    end: str
    kind: Literal["flow", "key"]
    path: str


@dataclass(frozen=True)
class Heading:
    """The name of a layer, over its columns."""

    text: str
    layer: str
    x: float
    width: float


@dataclass(frozen=True)
class Picture:
    """All of it."""

    width: float
    height: float
    headings: tuple[Heading, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def draw(report: Report) -> Picture:
    """The picture of a product's tables."""
    tables = {table.key: table for table in report.tables}
    column = {table.key: _column(table, tables) for table in report.tables}
    flows = [(start, table.key) for table in report.tables for start in table.made_of if start in tables]
    for table in report.layer("bronze"):
        column[_feed(table.key)] = 0
        flows.append((_feed(table.key), table.key))
    places = arrange(column, flows, _height)
    ways = [Edge(start, end, "flow", _way(places, column, start, end)) for start, end in flows]
    keys = [(table.key, to) for table in report.tables for to in table.points_to if to in tables]
    ways += [Edge(start, end, "key", _link(places, column, start, end)) for start, end in keys]
    height = max((place.y + place.height for place in places.values()), default=0)
    nodes = [_node(table, places[table.key], column[table.key]) for table in report.tables]
    nodes += [_source(table, places[_feed(table.key)]) for table in report.layer("bronze")]
    last = max(column.values(), default=0)
    return Picture(_x(last) + WIDTH + 2, TOP + height + 2, tuple(_headings(last)), tuple(nodes), tuple(ways))


def _feed(bronze: str) -> str:
    return f"source.{bronze}"


def _column(table: TableReport, tables: dict[str, TableReport]) -> int:
    """Feeds 0, bronze 1, silver 2; gold one right of what it is made of."""
    if table.layer != "gold":
        return 1 if table.layer == "bronze" else 2
    return 1 + max((_column(tables[key], tables) for key in table.made_of if key in tables), default=2)


def _height(key: str) -> tuple[float, float]:
    """The height of a node and the room below it; edges that pass by are no keys of tables."""
    return (_PASS, _ROW) if key.startswith(">") else (HEIGHT, _ROW)


def _headings(last: int) -> list[Heading]:
    named = [("Sources", "source"), ("Bronze", "bronze"), ("Silver", "silver"), ("Gold", "gold")]
    return [
        Heading(text, layer, _x(n), _x(last if layer == "gold" else n) + WIDTH - _x(n))
        for n, (text, layer) in enumerate(named)
        if n <= last
    ]


def _x(column: int) -> float:
    return 1 + column * (WIDTH + GAP)


def _node(table: TableReport, place: Place, column: int) -> Node:
    if table.kind == "view":
        note = "view"
    else:
        note = "no rows yet" if table.rows is None else plural(table.rows, "record" if column == 1 else "row")
    lines = _lines(table.key.split(".", 1)[1])
    view = table.kind == "view"
    return Node(table.key, table.layer, lines, note, standing(table), _x(column), TOP + place.y, view)


def _source(table: TableReport, place: Place) -> Node:
    feed = table.feed
    assert feed is not None
    files = sum(feed.files.values())
    left_out = sum(feed.files.get(status, 0) for status in LEFT_OUT)
    note = f"{plural(files, 'file')}, {feed.format}" if files else f"no files yet, {feed.format}"
    if left_out:
        note = f"{number(left_out)} of {plural(files, 'file')} left out"
    state = Standing("warn", "files left out") if left_out else Standing("good" if files else "never", note)
    lines = _lines(feed.path, "/")
    return Node(_feed(table.key), "source", lines, note, state, _x(0), TOP + place.y)


def _lines(name: str, between: str = "_") -> tuple[str, ...]:
    """A name on at most two lines, broken after a separator where that is possible."""
    if len(name) <= _CHARACTERS:
        return (name,)
    cut = name.rfind(between, 0, _CHARACTERS) + 1 or _CHARACTERS
    rest = name[cut:]
    return name[:cut], rest if len(rest) <= _CHARACTERS else f"{rest[: _CHARACTERS - 1]}…"


def _way(places: dict[str, Place], column: dict[str, int], start: str, end: str) -> str:
    """From the right of one node to the left of another, through the places kept for it between them."""
    x, y = _x(column[start]) + WIDTH, TOP + places[start].middle
    path = f"M{x:g} {y:.1f}"
    for between in range(column[start] + 1, column[end]):
        there = TOP + places[f">{between} {start}"].middle
        path += _curve(x, y, _x(between), there) + f"H{_x(between) + WIDTH:g}"
        x, y = _x(between) + WIDTH, there
    return path + _curve(x, y, _x(column[end]), TOP + places[end].middle)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (x + to_x) / 2
    return f"C{half:g} {y:.1f} {half:g} {to_y:.1f} {to_x:g} {to_y:.1f}"


def _link(places: dict[str, Place], column: dict[str, int], start: str, end: str) -> str:
    """Between the near sides of two nodes; within a column, round the outside."""
    y, to_y = TOP + places[start].middle, TOP + places[end].middle
    left, right = _x(column[start]), _x(column[start]) + WIDTH
    if column[start] == column[end]:
        away = right + min(GAP - 8, 12 + abs(to_y - y) / 12)
        return f"M{right:g} {y + 8:.1f}C{away:g} {y + 8:.1f} {away:g} {to_y - 8:.1f} {right:g} {to_y - 8:.1f}"
    if column[end] < column[start]:
        return f"M{left:g} {y + 8:.1f}" + _curve(left, y + 8, _x(column[end]) + WIDTH, to_y + 8)
    return f"M{right:g} {y + 8:.1f}" + _curve(right, y + 8, _x(column[end]), to_y + 8)
