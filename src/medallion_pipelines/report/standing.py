"""How a table stands, and what of a report needs a person's look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medallion_pipelines.report.words import plural, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medallion_pipelines.report.model import Report, TableReport

LEFT_OUT = {
    "unreadable": "cannot be read; each run tries again.",
    "changed": "changed after the capture; what changed is not read.",
}
State = Literal["good", "warn", "bad", "never"]


@dataclass(frozen=True)
class Standing:
    """A colour, and the word that goes with it: colour alone would not do."""

    state: State
    word: str


@dataclass(frozen=True)
class Finding:
    """Something to look at; `section` is the part of the page that has more."""

    state: State
    table: str | None
    text: str
    section: str
    detail: str | None = None


def standing(table: TableReport) -> Standing:
    """How a table stands, by its last step, its age and its files."""
    if table.status is None:
        return Standing("never", "never run")
    if table.status == "failed":
        return Standing("bad", "failed")
    if table.status == "skipped":
        return Standing("warn", "skipped")
    if table.status == "restoring":
        return Standing("warn", "being restored")
    if not table.readable:
        return Standing("bad", "unreadable")
    if table.fresh is False:
        return Standing("warn", "stale")
    if table.feed is not None and any(table.feed.files.get(status) for status in LEFT_OUT):
        return Standing("warn", "files left out")
    return Standing("good", "up to date")


def findings(report: Report) -> tuple[Finding, ...]:
    """What needs a look, the worst first."""
    found = [finding for table in report.tables for finding in _of_table(table)]
    drifting: dict[str, int] = {}
    for item in report.drift:
        drifting[item.table] = drifting.get(item.table, 0) + 1
    found += [
        Finding("warn", key, f"sends {plural(count, 'field')} that the contract does not describe.", "drift")
        for key, count in drifting.items()
    ]
    total = report.total
    if total.rows_in != total.valid + total.quarantined + total.duplicates:
        text = "Records in are not valid + quarantined + duplicates: that is a defect of the pipeline."
        found.append(Finding("bad", None, text, "flow"))
    return tuple(sorted(found, key=lambda finding: finding.state != "bad"))


def _of_table(table: TableReport) -> Iterator[Finding]:
    if table.step is not None and table.step.status == "failed":
        yield Finding("bad", table.key, "failed.", "tables", table.step.error)
    elif table.step is not None and table.step.status == "skipped":
        yield Finding("warn", table.key, f"was {table.step.error or 'skipped'}.", "tables")
    if not table.readable:
        text = "is gone, or cannot be read: `medallion status` says why."
        yield Finding("bad", table.key, text, "tables")
    elif table.fresh is False and table.status is not None:
        age = f"is {span(table.age_seconds)} old" if table.age_seconds is not None else "has no age to tell"
        promised = span(table.promised_seconds)
        yield Finding("warn", table.key, f"{age}; its contract promises {promised}.", "tables")
    for check in table.checks:
        if check.verdict == "failed" and check.severity == "warning":
            text = f"fails the check {check.name}: {check.message}{f' ({check.said})' if check.said else ''}"
            yield Finding("warn", table.key, text, "quality")
    for status, text in LEFT_OUT.items():
        files = table.feed.files.get(status, 0) if table.feed else 0
        if files:
            yield Finding("warn", table.key, f"has {plural(files, 'file')} that {text}", "tables")
