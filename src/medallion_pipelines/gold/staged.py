"""What a mart becomes: computed into a staging table, checked, written."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Check, Column, Rule, Table
from medallion_pipelines.errors import QualityError
from medallion_pipelines.evolution import fits, shape_of
from medallion_pipelines.gold.touched import key_of, restrict, touched_keys
from medallion_pipelines.gold.transform import apply
from medallion_pipelines.quality import judge
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Span, Staging, Tables, reach

_PRESENT = "_present"
# rows looked at, rows changed, rows that break each warning, failed warning checks
Published = tuple[int, Merged, dict[str, int], list[str]]


@dataclass(frozen=True)
class Touched:
    """The touched keys, each with its recomputed row, or without one if it has none any more."""

    rows: DataFrame | None  # None: no key is touched
    spans: Mapping[str, Span]


def stage_touched(
    tables: Tables, table: Table, changes: Mapping[str, DataFrame], versions: Mapping[str, int]
) -> Touched | None:
    """None where everything is touched."""
    snapshots = {key: tables.read(key, version) for key, version in versions.items()}
    keys = touched_keys(table, changes, snapshots)
    if keys is None:
        return None
    spans = reach(keys, {name: table.column(name).type for name in table.primary_key})
    if spans is None:
        return Touched(None, {})
    inputs = {i.table: restrict(i, snapshots[key_of(i)], keys, spans, table) for i in table.inputs}
    result = apply(tables.spark, table, inputs).withColumn(_PRESENT, F.lit(True))
    names = [quoted(column.name) for column in table.columns]
    grain = list(table.primary_key)
    rows = keys.join(result, grain, "left").select(*names, F.coalesce(_PRESENT, F.lit(False)).alias(_PRESENT))
    return Touched(Staging(tables, table.key).write(rows, uuid.uuid4().hex, {}), spans)


def stage_all(tables: Tables, table: Table, versions: Mapping[str, int]) -> DataFrame:
    inputs = {i.table: tables.read(key_of(i), versions[key_of(i)]) for i in table.inputs}
    rows = apply(tables.spark, table, inputs).withColumn(_PRESENT, F.lit(True))
    return Staging(tables, table.key).write(rows, uuid.uuid4().hex, {})


def merge_touched(tables: Tables, table: Table, touched: Touched) -> Published:
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


def overwrite_all(tables: Tables, table: Table, staged: DataFrame) -> Published:
    rows, warned, told = _gate(tables, table, staged, whole=True)
    result = staged.select(*(quoted(column.name) for column in table.columns))
    if not tables.exists(table.key):
        tables.create(table.key, shape_of(table))
        tables.append(result, table.key)
        return rows, Merged(rows, 0, 0), warned, told
    before = tables.read(table.key).count()
    if fits(tables, table):
        tables.overwrite(result, table.key)
    else:
        tables.remake(result, table.key, shape_of(table))
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
