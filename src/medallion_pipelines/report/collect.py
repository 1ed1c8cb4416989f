"""Collect a product's report from the run log, the tables as they are, and the contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.operations import table_status
from medallion_pipelines.report.choice import dimensions
from medallion_pipelines.report.figures import read_plot
from medallion_pipelines.report.history import Drifted, History, read_feeds, read_history
from medallion_pipelines.report.judged import checks_of, rules_of
from medallion_pipelines.report.model import DriftItem, Feed, Report, Sample, Step, TableReport
from medallion_pipelines.report.samples import read_samples
from medallion_pipelines.report.secrecy import Secrecy
from medallion_pipelines.report.words import cut
from medallion_pipelines.results import TableStatus
from medallion_pipelines.tables import Tables

LONGEST_MESSAGE = 1_500
PARALLEL = 4  # small Spark jobs mostly wait


def collect(tables: Tables, product: Product) -> Report:
    """What the page shows. Reads sums, a few samples and at most some hundred points per mart."""
    ordered = [*_ordered(product, "silver"), *_ordered(product, "gold")]
    bronze = {f"bronze.{table.name}": table for table in ordered if table.layer == "silver"}
    secrecy = Secrecy(product)
    hidden = {table.key: secrecy.why(table) for table in ordered}
    looked_up = dimensions(product)
    with ThreadPoolExecutor(PARALLEL) as pool:
        keys = [*bronze, *(table.key for table in ordered)]
        past = pool.submit(read_history, tables, product.name, keys)
        now = pool.submit(table_status, tables, product)
        fed = pool.submit(read_feeds, tables, {key: _feed(table) for key, table in bronze.items()})
        refused = {
            table.key: pool.submit(read_samples, tables, table.quarantine_key, hidden=bool(hidden[table.key]))
            for table in bronze.values()
            if tables.exists(table.quarantine_key)
        }
        plots = [
            pool.submit(read_plot, tables, table, secrecy.columns(table), dimension=table.key in looked_up)
            for table in ordered
            if table.layer == "gold" and table.kind == "table" and tables.exists(table.key)
        ]
    history, feeds = past.result(), fed.result()
    status = {one.table: one for one in now.result()}
    samples = {key: found.result() for key, found in refused.items()}
    return Report(
        product.name,
        datetime.now(UTC),
        (
            *(_bronze(key, feeds[key], history, hidden[table.key]) for key, table in bronze.items()),
            *(
                _table(table, status[table.key], history, secrecy, samples.get(table.key, ()))
                for table in ordered
            ),
        ),
        history.runs,
        tuple(_drift(history.drift, hidden)),
        tuple(plot for found in plots if (plot := found.result()) is not None),
    )


def _ordered(product: Product, layer: str) -> list[Table]:
    return [table for _, table in sorted(product.tables.items()) if table.layer == layer]


def _feed(table: Table) -> Feed:
    assert table.source is not None
    return Feed(table.source.path, table.source.format)


def _bronze(key: str, feed: Feed, history: History, hidden: str | None) -> TableReport:
    total = history.total.get(key)
    return TableReport(
        key,
        "bronze",
        feed=replace(feed, trouble=()) if hidden else feed,  # a file's name may tell, too
        rows=total.rows_in if total else None,
        hidden=hidden,
        step=_shown(history.last.get(key), hidden),
    )


def _table(
    table: Table, status: TableStatus, history: History, secrecy: Secrecy, samples: tuple[Sample, ...]
) -> TableReport:
    silver = table.layer == "silver"
    made_of = [f"{i.layer}.{i.table}" for i in table.inputs] or [f"bronze.{table.name}"]
    pointing = [f"{table.layer}.{key.to_table}" for key in table.foreign_keys]
    hidden, hidden_error = secrecy.why(table), secrecy.why_error(table)
    return TableReport(
        table.key,
        table.layer,
        table.kind,
        table.description,
        made_of=tuple(made_of),
        points_to=tuple(key for key in dict.fromkeys(pointing) if key not in (table.key, *made_of)),
        readable=status.unreadable is None,
        rows=status.rows,
        in_quarantine=status.quarantined,
        age_seconds=status.age_seconds,
        promised_seconds=status.freshness_seconds,
        fresh=status.fresh,
        total=history.total.get(table.key) if silver else None,
        last=history.in_last_run.get(table.key) if silver else None,
        rules=rules_of(table, history),
        checks=checks_of(table, history.worked.get(table.key), silent=hidden_error is not None),
        samples=samples,
        hidden=hidden,
        step=_shown(history.last.get(table.key), hidden_error),
    )


def _shown(step: Step | None, hidden: str | None) -> Step | None:
    """The step without what may quote hidden records, and without what is too long."""
    if step is None:
        return None
    if hidden:
        said = "The message may quote records and is hidden; `medallion status` has it."
        return replace(step, error=said if step.error else None, notes=())
    notes = tuple(cut(note, LONGEST_MESSAGE) for note in step.notes)
    return replace(step, error=step.error and cut(step.error, LONGEST_MESSAGE), notes=notes)


def _drift(drift: tuple[Drifted, ...], hidden: Mapping[str, str | None]) -> Iterator[DriftItem]:
    """Where records are hidden, without examples and names: a stray record may be read as a header."""
    for one in drift:
        if hidden[one.table] is None:
            yield DriftItem(one.table, one.kind, one.field, one.records, one.last_seen, one.example)
        elif one.kind == "type":  # the field is a column of the contract
            yield DriftItem(one.table, one.kind, one.field, one.records, one.last_seen)
    for table, why in hidden.items():
        unknown = [d for d in drift if d.table == table and d.kind != "type"] if why else []
        if unknown:
            records, seen = sum(d.records for d in unknown), max(d.last_seen for d in unknown)
            yield DriftItem(table, unknown[0].kind, None, records, seen)
