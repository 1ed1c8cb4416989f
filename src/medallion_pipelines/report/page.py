"""The page: one HTML file that needs nothing else, from a report.

All text is escaped by the template engine, and what scripts and styles may run is named by its hash, so a
record that were to slip through could still not run. Nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medallion_pipelines.report import words
from medallion_pipelines.report.curves import LEFT, PANEL, RIGHT, WIDTH, trace
from medallion_pipelines.report.lineage import HEIGHT as NODE_HEIGHT
from medallion_pipelines.report.lineage import WIDTH as NODE_WIDTH
from medallion_pipelines.report.lineage import draw
from medallion_pipelines.report.model import LinePlot
from medallion_pipelines.report.standing import findings, standing

if TYPE_CHECKING:
    from medallion_pipelines.report.model import Counts, Report

_SLIVER = 1.0  # percent: what is there at all is seen


def render(report: Report) -> str:
    """The page's whole text."""
    style, script = _asset("page.css"), _asset("page.js")
    ids = {table.key: f"t{n}" for n, table in enumerate(report.tables)}  # names are no safe ids
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            ids=ids,
            picture=draw(report),
            findings=findings(report),
            style=Markup(style),  # noqa: S704 - the package's own files
            script=Markup(script),  # noqa: S704
            style_hash=_hash(style),
            script_hash=_hash(script),
            node={"width": NODE_WIDTH, "height": NODE_HEIGHT},
            field={"width": WIDTH, "left": LEFT, "right": WIDTH - RIGHT, "height": PANEL},
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("medallion_pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(words, name) for name in ("number", "share", "span", "moment", "at", "how", "plural")
    }
    environment.filters |= {"standing": standing, "parts": parts, "trace": trace}
    environment.tests["lines"] = lambda plot: isinstance(plot, LinePlot)
    return environment


def _finalize(value: Any) -> Any:
    """What an expression prints: nothing for None, and every other text with all of its characters seen."""
    if value is None:
        return ""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def parts(counts: Counts) -> list[tuple[str, float, float]]:
    """Name, start and width in percent of what became of records; nothing is too thin to be seen."""
    amounts = {
        "valid": counts.valid,
        "quarantined": counts.quarantined,
        "duplicates": counts.duplicates,
    }
    whole = sum(amounts.values())
    widths = {name: max(100 * n / whole, _SLIVER) for name, n in amounts.items() if n}
    scale, start, found = 100 / (sum(widths.values()) or 1), 0.0, []
    for name, width in widths.items():
        found.append((name, round(start, 2), round(width * scale, 2)))
        start += width * scale
    return found


def _asset(name: str) -> str:
    return (files("medallion_pipelines.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
