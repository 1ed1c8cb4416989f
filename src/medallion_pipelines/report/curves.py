"""Scales, ticks and paths of a line plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from medallion_pipelines.report.words import at, axis, how, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medallion_pipelines.report.model import LinePlot, Measure

WIDTH, LEFT, RIGHT = 420, 46, 10
PANEL, HEADING, AXIS = 84, 32, 24  # heights: of a measure's field, of its heading, of the axis of time
_DOTS = 62  # so few points are marked


@dataclass(frozen=True)
class Tick:
    place: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One measure over time: `xs` and `ys` are the places of its points, `values` what to read there."""

    measure: Measure
    top: float
    ticks: tuple[Tick, ...]
    line: str
    area: str | None
    ys: tuple[float | None, ...]
    values: tuple[str, ...]
    said: str


@dataclass(frozen=True)
class Curves:
    """A line plot, ready to be drawn."""

    plot: LinePlot
    height: float
    panels: tuple[Panel, ...]
    xs: tuple[float, ...]
    ticks: tuple[Tick, ...]
    moments: tuple[str, ...]
    dots: bool


def trace(plot: LinePlot) -> Curves:
    """A panel per measure, one below the other, over the same axis of time."""
    times = [moment for moment, _ in plot.points]
    first, last = times[0], times[-1]
    whole = (last - first).total_seconds() or 1.0

    def x(moment: datetime) -> float:
        return round(LEFT + (moment - first).total_seconds() / whole * (WIDTH - LEFT - RIGHT), 1)

    xs = tuple(x(moment) for moment in times)
    panels = tuple(
        _panel(plot, n, measure, xs, HEADING + n * (PANEL + HEADING))
        for n, measure in enumerate(plot.measures)
    )
    ticks = tuple(Tick(x(moment), label) for moment, label in _time_ticks(first, last))
    return Curves(
        plot,
        len(panels) * (PANEL + HEADING) + AXIS,
        panels,
        xs,
        ticks,
        tuple(at(moment, plot.unit) for moment in times),
        len(times) <= _DOTS,
    )


def _panel(plot: LinePlot, index: int, measure: Measure, xs: Sequence[float], top: float) -> Panel:
    values = [row[index] for _, row in plot.points]
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if 0 <= low <= 0.6 * high:  # a line that is far from nought anyway is easier to read without it
        low = 0.0
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    steps = round_steps(low, high)

    def y(value: float) -> float:
        return round(top + PANEL * (1 - (value - low) / (high - low)), 1)

    ys = tuple(None if value is None else y(value) for value in values)
    line = _path(xs, ys)
    area = None
    if low == 0 and None not in ys and len(ys) > 1:
        area = f"{line}L{xs[-1]:g} {top + PANEL:g}L{xs[0]:g} {top + PANEL:g}Z"
    said = (
        f"{measure.name}, {how(measure.how, plot.unit)}: from {number(min(known))} to {number(max(known))}, "
        f"last {number(known[-1])}"
        if known
        else f"{measure.name}: no values"
    )
    ticks = tuple(Tick(y(step), label) for step, label in zip(steps, axis(steps), strict=True))
    return Panel(measure, top, ticks, line, area, ys, tuple(map(number, values)), said)


def _path(xs: Sequence[float], ys: Sequence[float | None]) -> str:
    """A line that is broken where a value is missing; a point by itself is a line of no length."""
    parts, pen_up = list[str](), True
    for n, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if y is not None:
            alone = pen_up and (n + 1 == len(ys) or ys[n + 1] is None)
            parts.append(f"{'M' if pen_up else 'L'}{x:g} {y:g}{'h0' if alone else ''}")
        pen_up = y is None
    return "".join(parts)


def round_steps(low: float, high: float) -> list[float]:
    """Two to five round numbers between `low` and `high`."""
    rough = (high - low) / 2.2
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(factor * power for factor in (1, 2, 2.5, 5) if factor * power <= rough * 1.001)
    near = 0.01  # of a step: what is as good as there
    return [n * step for n in range(math.ceil(low / step - near), math.floor(high / step + near) + 1)]


def _time_ticks(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """At most seven round points of time."""
    days = (last - first).total_seconds() / 86_400
    if days > 1_000:
        years = range(first.year, last.year + 1)
        step = math.ceil(len(years) / 6)
        ticks = [(datetime(year, 1, 1), str(year)) for year in years if year % step == 0]
    elif days > 56:
        step = next(n for n in (1, 2, 3, 6) if days / 30 / n <= 6.5 or n == 6)
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        starts = [datetime(n // 12, n % 12 + 1, 1) for n in months if n % 12 % step == 0]
        ticks = [(s, f"{s:%Y}" if s.month == 1 else f"{s:%b}") for s in starts]
    elif days > 2:
        step = next(n for n in (1, 2, 5, 7, 10) if days / n <= 6 or n == 10)
        starts = [first.replace(hour=0, minute=0) + timedelta(days=n) for n in range(0, int(days) + 2, step)]
        ticks = [(s, f"{s:%-d %b}") for s in starts]
    else:
        step = next(n for n in (1, 2, 3, 6, 12) if days * 24 / n <= 6 or n == 12)
        starts = [first.replace(minute=0) + timedelta(hours=n) for n in range(0, int(days * 24) + 2, step)]
        ticks = [(s, f"{s:%H:%M}") for s in starts]
    return [(moment, label) for moment, label in ticks if first <= moment <= last]
