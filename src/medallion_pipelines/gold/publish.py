"""Publish: keep a mart equal to its transformation of its inputs, at the cost of what changed.

An incremental step takes the grain keys that the inputs' change feeds touch since the last step,
recomputes those, and merges them. Done twice it changes nothing, so a run that was killed is simply
done again from where the run log says the mart had come.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from pyspark.sql import DataFrame

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.evolution import fingerprint
from medallion_pipelines.gold.staged import (
    Published,
    Touched,
    merge_touched,
    overwrite_all,
    stage_all,
    stage_touched,
)
from medallion_pipelines.gold.touched import key_of
from medallion_pipelines.gold.transform import view_select
from medallion_pipelines.period import Period
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import Progress, RunLog
from medallion_pipelines.tables import Staging, Tables, out_of_reach


def publish(log: RunLog, table: Table, *, full_refresh: bool = False) -> StepResult:
    """Bring a mart (or view) up to date.

    Raises QualityError (a row of the result breaks a rule of severity error, or a check fails: nothing
    was written); MedallionError where transformation and contract do not fit.
    """
    started = time.monotonic()
    if table.kind == "view":
        over = [key_of(source) for source in table.inputs]
        select = view_select(log.tables, table)
        changed = log.tables.view(table.key, select, over=over, comment=table.description)
        result = StepResult(
            table.key, "succeeded" if changed else "unchanged", seconds=time.monotonic() - started
        )
        if changed:
            log.step(result)
        return result
    tables, done = log.tables, log.progress(table.key)
    versions = {key_of(source): tables.version(key_of(source)) for source in table.inputs}
    at = tables.version(table.key)
    why = _why_full(tables, table, at, done, versions, full_refresh)
    notes, touched = list[str](), None
    if why is None:
        if dict(done.source_versions) == versions:
            return StepResult(
                table.key,
                "unchanged",
                seconds=time.monotonic() - started,
                version=at,
                source_versions=versions,
            )
        ranges = {
            key: (done.source_versions[key], version)
            for key, version in versions.items()
            if version > done.source_versions[key]
        }
        touched, why = _touched(tables, table, ranges, versions)
    if why is not None and at >= 0 and not full_refresh:
        notes.append(f"{table.key}: refreshed in full, because {why}.")
    return _write(log, table, None if why else touched, versions, started, notes)


def publish_period(log: RunLog, table: Table, period: Period) -> StepResult:
    """Bring a mart up to date; then recompute what the changes touch that its inputs had during a period.

    Where that cannot be told, all of it is recomputed. Raises what `publish` raises.
    """
    started = time.monotonic()
    first = publish(log, table)
    if table.kind == "view":
        return first
    tables, versions = log.tables, dict(first.source_versions)
    ranges, why = dict[str, tuple[int, int]](), None
    for key, version in versions.items():
        within = _versions_of(tables, key, period, version)
        if within is None:
            why = f"the log of {key} does not reach back"
        elif within[1] > within[0]:
            ranges[key] = within
    if why is None and not ranges:
        return replace(first, notes=(*first.notes, f"{table.key}: no input changed {period}."))
    touched = None
    if why is None:
        touched, why = _touched(tables, table, ranges, versions)
    notes = [*first.notes, *([f"{table.key}: recomputed in full, because {why}."] if why else [])]
    second = _write(log, table, None if why else touched, versions, started, notes)
    return replace(
        second,
        rows_written=first.rows_written + second.rows_written,
        rows_deleted=first.rows_deleted + second.rows_deleted,
    )


def _versions_of(tables: Tables, key: str, period: Period, upto: int) -> tuple[int, int] | None:
    """After which version and up to which a table's commits are of a period; None where its log does not
    tell."""
    commits = [commit for commit in tables.history(key) if commit.version <= upto]
    before = [c.version for c in commits if period.since is not None and c.at < period.since]
    if not before and commits[0].version > 0:
        return None
    until = [c.version for c in commits if period.until is None or c.at < period.until]
    after = max(before, default=-1)
    return after, max(until, default=after)


def _touched(
    tables: Tables, table: Table, ranges: Mapping[str, tuple[int, int]], versions: Mapping[str, int]
) -> tuple[Touched | None, str | None]:
    """What changes of inputs in (after, upto] touch; or why that is everything."""
    try:
        changes: dict[str, DataFrame] = {
            key: tables.changes(key, after, upto) for key, (after, upto) in ranges.items()
        }
        touched = stage_touched(tables, table, changes, versions)
    except Exception as error:
        if not out_of_reach(error):
            raise
        return None, "the change feed of an input no longer reaches back"
    return touched, "an input without a grain changed" if touched is None else None


def _write(
    log: RunLog,
    table: Table,
    touched: Touched | None,
    versions: Mapping[str, int],
    started: float,
    notes: list[str],
) -> StepResult:
    """Write what is touched, or (None) all of the mart, and record it."""
    tables = log.tables
    try:
        result: Published
        if touched is not None:
            result = merge_touched(tables, table, touched)
        else:
            result = overwrite_all(tables, table, stage_all(tables, table, versions))
        rows_in, merged, warned, told = result
    finally:
        Staging(tables, table.key).drop()
    step = StepResult(
        table.key,
        "succeeded",
        rows_in=rows_in,
        rows_valid=merged.inserted + merged.updated,
        rows_written=merged.inserted + merged.updated,
        rows_deleted=merged.deleted,
        warnings=sum(warned.values()),
        seconds=time.monotonic() - started,
        version=tables.version(table.key),
        source_versions=versions,
        notes=(*notes, *told),
    )
    log.step(step, contract=fingerprint(table), violations=warned)
    return step


def _why_full(
    tables: Tables,
    table: Table,
    at: int,
    done: Progress,
    versions: Mapping[str, int],
    asked: bool,
) -> str | None:
    if asked:
        return "it was asked for"
    if at < 0:
        return "it is new"
    if at < done.version:
        return "it was made anew"
    if set(done.source_versions) != set(versions):
        return "its inputs are not those of its last refresh"
    if any(versions[key] < done.source_versions[key] for key in versions):
        return "an input was made anew"
    if done.contract != fingerprint(table):
        return "its transformation or contract changed"
    if at > done.version and any(
        commit.version > done.version and not commit.keeps_rows for commit in tables.history(table.key)
    ):
        return "it was written since its last step: by a run that was cut off, or by hand"
    return None
