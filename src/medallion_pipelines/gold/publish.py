"""Publish: keep a mart equal to its transformation of its inputs, at the cost of what changed.

An incremental step takes the grain keys that the inputs' change feeds touch since the last step,
recomputes those, and merges them. Done twice it changes nothing, so a run that was killed is simply
done again from where the run log says the mart had come.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Check, Column, Rule, Table
from medallion_pipelines.errors import QualityError
from medallion_pipelines.evolution import fingerprint, fits, shape_of
from medallion_pipelines.gold.touched import key_of, restrict, touched_keys
from medallion_pipelines.gold.transform import apply, view_select
from medallion_pipelines.quality import judge
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import Progress, RunLog
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Span, Staging, Tables, out_of_reach, reach

_PRESENT = "_present"
# rows looked at, rows changed, rows that break each warning, failed warning checks
_Published = tuple[int, Merged, dict[str, int], list[str]]


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
        seconds = time.monotonic() - started
        return StepResult(table.key, "succeeded" if changed else "unchanged", seconds=seconds)
    tables, done = log.tables, log.progress(table.key)
    versions = {key_of(source): tables.version(key_of(source)) for source in table.inputs}
    at = tables.version(table.key)
    why = _why_full(tables, table, at, done, versions, full_refresh)
    notes: list[str] = []
    if why is None:
        if dict(done.source_versions) == versions:
            return StepResult(
                table.key,
                "unchanged",
                seconds=time.monotonic() - started,
                version=at,
                source_versions=versions,
            )
        try:
            changes = {
                key: tables.changes(key, done.source_versions[key], version)
                for key, version in versions.items()
                if version > done.source_versions[key]
            }
            touched = _stage_touched(tables, table, changes, versions)
        except Exception as error:
            if not out_of_reach(error):
                raise
            why = "the change feed of an input no longer reaches back"
        else:
            why = "an input without a grain changed" if touched is None else None
    try:
        if why is None:
            assert touched is not None
            result = _merge(tables, table, touched)
        else:
            if at >= 0 and not full_refresh:
                notes.append(f"{table.key}: refreshed in full, because {why}.")
            staged = _stage_all(tables, table, versions)
            result = _overwrite(tables, table, staged)
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


@dataclass(frozen=True)
class _Touched:
    """The touched keys, each with its recomputed row, or without one if it has none any more."""

    rows: DataFrame | None  # None: no key is touched
    spans: Mapping[str, Span]


def _stage_touched(
    tables: Tables, table: Table, changes: Mapping[str, DataFrame], versions: Mapping[str, int]
) -> _Touched | None:
    """None where everything is touched."""
    snapshots = {key: tables.read(key, version) for key, version in versions.items()}
    keys = touched_keys(table, changes, snapshots)
    if keys is None:
        return None
    spans = reach(keys, {name: table.column(name).type for name in table.primary_key})
    if spans is None:
        return _Touched(None, {})
    inputs = {i.table: restrict(i, snapshots[key_of(i)], keys, spans, table) for i in table.inputs}
    result = apply(tables.spark, table, inputs).withColumn(_PRESENT, F.lit(True))
    names = [quoted(column.name) for column in table.columns]
    grain = list(table.primary_key)
    rows = keys.join(result, grain, "left").select(*names, F.coalesce(_PRESENT, F.lit(False)).alias(_PRESENT))
    return _Touched(Staging(tables, table.key).write(rows, uuid.uuid4().hex, {}), spans)


def _stage_all(tables: Tables, table: Table, versions: Mapping[str, int]) -> DataFrame:
    inputs = {i.table: tables.read(key_of(i), versions[key_of(i)]) for i in table.inputs}
    rows = apply(tables.spark, table, inputs).withColumn(_PRESENT, F.lit(True))
    return Staging(tables, table.key).write(rows, uuid.uuid4().hex, {})


def _merge(tables: Tables, table: Table, touched: _Touched) -> _Published:
    staged = touched.rows
    if staged is None:
        return 0, Merged(0, 0, 0), {}, []
    names = [column.name for column in table.columns]
    keys, warned, told = _gate(tables, table, staged, whole=False)
    others = [name for name in names if name not in table.primary_key]
    same = " AND ".join(_same(table.column(name)) for name in others) or "true"
    merged = tables.merge(
        staged,
        table.key,
        on=table.primary_key,
        delete_when=f"NOT source.{_PRESENT}",
        update_when=f"NOT ({same})",
        insert_when=f"source.{_PRESENT}",
        columns=names,
        within=[
            holds
            for name, span in touched.spans.items()
            if (holds := span.holds(f"target.{quoted(name)}", span.of)) is not None
        ],
    )
    return keys, merged, warned, told


def _same(column: Column) -> str:
    target, source = (f"{side}.{quoted(column.name)}" for side in ("target", "source"))
    if "MAP" in column.type or "VARIANT" in column.type:  # Spark does not compare these
        return f"to_json({target}) <=> to_json({source})"
    return f"{target} <=> {source}"


def _overwrite(tables: Tables, table: Table, staged: DataFrame) -> _Published:
    rows, warned, told = _gate(tables, table, staged, whole=True)
    result = staged.select(*(quoted(column.name) for column in table.columns))
    if not tables.exists(table.key):
        tables.create(table.key, shape_of(table))
        tables.append(result, table.key)
        return rows, Merged(rows, 0, 0), warned, told
    before = tables.read(table.key).count()
    if not fits(tables, table):
        tables.replace(table.key, shape_of(table))
    tables.overwrite(result, table.key)
    return rows, Merged(rows, 0, before), warned, told


def _gate(
    tables: Tables, table: Table, staged: DataFrame, *, whole: bool
) -> tuple[int, dict[str, int], list[str]]:
    """The number of staged rows, rows that break each warning rule, and the warning checks that fail.

    Raises QualityError where a rule of severity error is broken, a key is missing or twice there, or a
    check fails.
    """
    grain = [quoted(name) for name in table.primary_key]
    required = [c.name for c in table.columns if c.required or c.name in table.primary_key]
    # pairs: a rule may be called as what is measured anyway
    broken = [(f"{name}_required", _present(f"count_if({quoted(name)} IS NULL)")) for name in required]
    broken += [(rule.name, _breaks(rule)) for rule in table.rules if rule.severity == "error"]
    if grain:
        distinct = _present(f"count(DISTINCT struct({', '.join(grain)}))")
        broken.append(("primary_key_unique", f"{_present('count(*)')} - {distinct}"))
    warned = [(rule.name, _breaks(rule)) for rule in table.rules if rule.severity == "warning"]
    metrics = ["count(*)", *(metric for _, metric in (*broken, *warned))]
    row = staged.selectExpr(*(f"{metric} AS m{place}" for place, metric in enumerate(metrics))).first()
    assert row is not None
    rows_in, *measured = map(int, row)
    errors = [f"{name}: {rows} rows" for (name, _), rows in zip(broken, measured, strict=False) if rows]
    checks = [*table.checks, *(_unique(c.name) for c in table.columns if c.unique)]
    failed = []
    if checks:
        seen = staged if whole else _as_it_will_be(tables, table, staged)
        failed = [verdict for verdict in judge(seen, checks) if not verdict.passed]
        errors += [str(verdict) for verdict in failed if verdict.check.severity == "error"]
    if errors:
        raise QualityError(
            f"{table.key} was not written: {'; '.join(errors)}. It is as it was; mend "
            f"{table.transform.name if table.transform else 'its SQL'}, the contract or the inputs."
        )
    told = [f"{table.key}: {verdict}" for verdict in failed if verdict.check.severity == "warning"]
    warnings = zip(warned, measured[len(broken) :], strict=True)
    return rows_in, {name: rows for (name, _), rows in warnings if rows}, told


def _breaks(rule: Rule) -> str:
    return _present(f"count_if(NOT ({rule.condition}))")


def _present(aggregate: str) -> str:
    return f"{aggregate} FILTER (WHERE {_PRESENT})"


def _unique(column: str) -> Check:
    name = quoted(column)
    return Check(
        f"{column}_unique",
        "{value} = 0",
        f"each {column} must be there once",
        metric=f"count({name}) - count(DISTINCT {name})",
        column=column,
        scope="table",
    )


def _as_it_will_be(tables: Tables, table: Table, staged: DataFrame) -> DataFrame:
    names = [quoted(column.name) for column in table.columns]
    there = tables.read(table.key).select(*names)
    untouched = there.join(
        staged.select(*map(quoted, table.primary_key)), list(table.primary_key), "left_anti"
    )
    return untouched.select(*names).unionAll(staged.where(_PRESENT).select(*names))
