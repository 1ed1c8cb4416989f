"""Numbers, times and texts of strangers, as the page prints them."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from medallion_pipelines.report.model import How, Unit

_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
NOTHING = "\N{EN DASH}"
_HOW: dict[How, str] = {"rows": "number of rows", "sum": "sum", "mean": "mean of the rows"}


def visible(text: str) -> str:
    """Text whose characters all show: a control or bidi character in a record must not bend the page."""
    if text.isprintable():
        return text
    return "".join(character if _shows(character) else f"\\u{ord(character):04x}" for character in text)


def _shows(character: str) -> bool:
    # joiners belong to scripts and emoji; line ends and tabs are set by the page as they are
    plain = character.isprintable() or unicodedata.category(character) == "Zs"
    return plain or character in "\n\t\u200c\u200d"


def cut(text: str, longest: int) -> str:
    """Text, cut where it is longer."""
    return text if len(text) <= longest else text[:longest] + "…"


def number(value: float | None) -> str:
    """`1,234`; as many decimals as tell something."""
    if value is None:
        return NOTHING
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.2f}"


def axis(steps: Sequence[float]) -> list[str]:
    """Labels of evenly spaced numbers, with as many decimals as tell them apart: `0`, `1.5M`, `3.0M`."""
    most, step = max(map(abs, steps)), abs(steps[-1] - steps[0]) / max(len(steps) - 1, 1)
    size, sign = next((one for one in _SIZES if most >= 10 * one[0] or step >= one[0]), (1.0, ""))
    parts = (step or most) / size
    decimals = next((n for n in range(6) if abs(parts * 10**n - round(parts * 10**n)) < 1e-6), 6)
    return [f"{value / size:,.{decimals}f}{sign}" if value else "0" for value in steps]


def share(part: float, whole: float) -> str:
    """`0.7 %`."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.3g} %" if percent == 100 or percent < 99.95 else "> 99.9 %"


def span(seconds: float | None) -> str:
    """`3 d 2 h`, `12 min 5 s`: the two greatest units."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(whole.days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next((n for n, (amount, _) in enumerate(parts) if amount), 3)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount) or "0 s"


def moment(value: datetime | None) -> str:
    """`22 Nov 2026, 01:49 UTC`; all times here are UTC."""
    return NOTHING if value is None else f"{value:%-d %b %Y, %H:%M} UTC"


def at(value: datetime, unit: Unit) -> str:
    """A point of time on an axis whose steps are so long."""
    if unit in ("minute", "hour"):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:%Y}" if unit == "year" else f"{value:%Y-%m}" if unit == "month" else f"{value:%Y-%m-%d}"


def how(value: How, unit: Unit | None = None) -> str:
    """How a measure was summed up: `sum per day`."""
    return f"{_HOW[value]} per {unit}" if unit else _HOW[value]


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
