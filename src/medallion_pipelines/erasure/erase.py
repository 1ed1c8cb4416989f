"""Erase a subject: find the keys of theirs, put those on the list, then clean place by place.

Keys are on the list before the first row goes, so an erasure that was killed knows, run again, what it
was about, also where the rows that told so are gone; each step does nothing a second time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erased import ERASED_KEYS, FIELDS, Key, Secret, identities, refuse_another
from medallion_pipelines.erasure.files import rewrite
from medallion_pipelines.erasure.purge import purge
from medallion_pipelines.erasure.records import landing_of, places
from medallion_pipelines.erasure.search import Search
from medallion_pipelines.erasure.subject import marts, reached, read_subject
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.pipeline import PARALLEL, plan, run
from medallion_pipelines.results import ErasureResult, StepResult
from medallion_pipelines.runlog import RunLog, now, user
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.sql import string
from medallion_pipelines.tables import Field, Shape, Staging, Tables, local_frame

ERASURES = "ops.erasures"
_ERASURES = (
    Field("token", "STRING", required=True),
    Field("status", "STRING", comment="begun, then done"),
    Field("product", "STRING"),
    Field("subject", "STRING", comment="the column that named the subject; NULL: all erased before, again"),
    Field("keyed_hash", "STRING", comment="of the subject's value, as in ops.erased_keys"),
    Field("run_by", "STRING"),
    Field(
        "rows", "MAP<STRING, BIGINT>", comment="rows found, by place; killed and run again: by the last run"
    ),
    Field("remaining", "MAP<STRING, BIGINT>", comment="rows a search found afterwards"),
    Field("recorded_at", "TIMESTAMP"),
)


def erase(tables: Tables, product: Product, subject: str, *, dry_run: bool = False) -> ErasureResult:
    """Erase the subject that `table.column=value` names; with `dry_run` only say what would go.

    Raises UnknownNameError for a subject that cannot be, SetupError without the secret, MedallionError where
    a table cannot be brought up to date or a mart cannot be made anew, SourceError where there is no landing
    zone: run again once that is mended.
    """
    started = time.monotonic()
    whom = read_subject(subject, product)
    secret = _secret(tables)
    search = Search(tables, product, secret, subject=whom)
    token, known = _begun(tables, search.value_hash)
    search.keys |= known  # their rows may be gone, but not yet what points to them
    search.grow()
    return _carry_out(tables, product, search, reached(product, [whom.table]), token, started, dry_run)


def erase_again(tables: Tables, product: Product, *, dry_run: bool = False) -> ErasureResult:
    """Delete what has come back of all that were erased before. Raises as `erase` does."""
    started = time.monotonic()
    secret = _secret(tables)
    if not tables.exists(ERASED_KEYS):
        raise MedallionError("Nobody has been erased here yet: name one with `--subject table.column=value`.")
    keys = {
        tuple(row) for row in tables.read(ERASED_KEYS).select("identity", "keyed_hash").distinct().collect()
    }
    names = {name for name, _ in keys}
    whose = [
        table
        for table in product.tables.values()
        if table.layer == "silver" and any(one.name in names for one in identities(table))
    ]
    search = Search(tables, product, secret, keys=keys)
    return _carry_out(tables, product, search, whose, uuid.uuid4().hex, started, dry_run)


def _secret(tables: Tables) -> Secret:
    secret = Secret.from_environment()
    if tables.exists(ERASED_KEYS):
        known = tables.read(ERASED_KEYS).select("secret_id").distinct().collect()
        refuse_another(secret, {row.secret_id for row in known})
    return secret


def _begun(tables: Tables, value_hash: str | None) -> tuple[str, set[Key]]:
    """The token of this subject's erasure (a new one, unless one has not come to its end), and the keys that
    erasures of the same subject had found."""
    if not tables.exists(ERASURES):
        return uuid.uuid4().hex, set()
    mine = tables.read(ERASURES).where(F.col("keyed_hash") == F.lit(value_hash))
    states = mine.groupBy("token").agg(F.collect_set("status").alias("states")).collect()
    keys = tables.read(ERASED_KEYS).join(mine.select("token").distinct(), "token", "left_semi")
    known = {tuple(row) for row in keys.select("identity", "keyed_hash").distinct().collect()}
    open_ones = [row.token for row in states if "done" not in row.states]
    return (open_ones or [uuid.uuid4().hex])[0], known


def _carry_out(
    tables: Tables,
    product: Product,
    search: Search,
    whose: list[Table],
    token: str,
    started: float,
    dry_run: bool,
) -> ErasureResult:
    subject = None if search.subject is None else str(search.subject)
    if dry_run:
        there, took = search.count(whose), time.monotonic() - started
        return ErasureResult(
            token, product.name, subject, True, there.found, there.files, there.may_hold, seconds=took
        )
    tables.create(ERASED_KEYS, Shape(FIELDS, "Keys of erased persons, as keyed hashes."))
    tables.create(ERASURES, Shape(_ERASURES, "Erasures: a row as one begins, a row as it ends."))
    _note(tables, token, "begun", product, search, {}, {})
    if subject is not None:
        _list(tables, token, search)
    _bring_up_to_date(tables, product, whose)
    there = search.count(whose)
    files_left: list[str] = []
    for table in whose:
        log = RunLog(tables, product.name)
        for place in places(tables, table):
            looked = search.look(table, place)
            if place.key == landing_of(table):
                files_left += rewrite(log, table, looked)
            else:
                purge(tables, table, place, looked)
        _forget(tables, product, table)
    remade = _remake(tables, product, whose)
    _clear_ops(tables, [*whose, *(product.tables[key] for key in remade)])
    after = search.count(whose)
    left = {place: rows for place, rows in after.found.items() if rows}
    _note(tables, token, "done", product, search, there.found, left)
    return ErasureResult(
        token, product.name, subject, False, there.found, there.files, after.may_hold, left,
        tuple(files_left), tuple(remade), time.monotonic() - started,
    )  # fmt: skip


def _note(
    tables: Tables,
    token: str,
    status: str,
    product: Product,
    search: Search,
    rows: dict[str, int],
    remaining: dict[str, int],
) -> None:
    subject = None if search.subject is None else str(search.subject)
    row = (token, status, product.name, subject, search.value_hash, user(), rows, remaining, now())
    tables.append(local_frame(tables.spark, _ERASURES, [row]), ERASURES, token=f"{token}-{status}")


def _list(tables: Tables, token: str, search: Search) -> None:
    known = tables.read(ERASED_KEYS).where(F.col("token") == token).select("identity", "keyed_hash")
    new = search.keys - {tuple(row) for row in known.collect()}
    rows = [(token, name, keyed_hash, search.secret.id, now()) for name, keyed_hash in sorted(new)]
    if rows:
        tables.append(local_frame(tables.spark, FIELDS, rows), ERASED_KEYS)


def _bring_up_to_date(tables: Tables, product: Product, whose: list[Table]) -> None:
    """Finish what is staged, and take in what bronze has: afterwards no table needs bronze's past."""
    keys = [table.key for table in whose if tables.exists(f"bronze.{table.name}")]
    steps = [step for step in plan(product) if step.key in keys]
    outcome = run(RunLog(tables, product.name), steps)
    _stop_if_failed(outcome.steps, "brought up to date")
    for table in whose:
        Staging(tables, table.key).drop()


def _forget(tables: Tables, product: Product, table: Table) -> None:
    """Old versions and logs of a table and what is beside it; bronze's once the table has read it all."""
    bronze = f"bronze.{table.name}"
    keys = [
        one for one in (bronze, table.quarantine_key, table.key, memory_of(table.key)) if tables.exists(one)
    ]
    _move_on(tables, product, table, bronze)  # change files are about to go
    _drop_versions(tables, keys)
    _move_on(tables, product, table, bronze)  # and log entries
    for key in keys:
        tables.drop_log(key)


def _move_on(tables: Tables, product: Product, table: Table, bronze: str) -> None:
    """Note that the table has read bronze as it is now: nothing was added to it, only deleted."""
    log = RunLog(tables, product.name)
    log.begin()
    done, upto = log.progress(table.key), tables.version(bronze)
    if done.source_versions and done.source_versions.get(bronze) != upto:
        at = tables.version(table.key)
        step = StepResult(table.key, "succeeded", version=at, source_versions={bronze: upto})
        log.step(step, token=done.token, contract=done.contract)


def _remake(tables: Tables, product: Product, whose: list[Table]) -> list[str]:
    """Make the marts anew that are made of the tables; one by one, each from its inputs' newest version."""
    keys = set(marts(product, whose))
    remade = []
    for step in plan(product):
        if step.key in keys and all(tables.exists(one) for one in _inputs(step.table)):
            outcome = run(RunLog(tables, product.name), [step], full_refresh=True)
            _stop_if_failed(outcome.steps, "made anew")
            remade.append(step.key)
            if step.table.kind == "table":
                Staging(tables, step.key).drop()
                tables.drop_versions(step.key)
                tables.drop_log(step.key)
    return remade


def _inputs(table: Table) -> list[str]:
    return [f"{one.layer}.{one.table}" for one in table.inputs]


def _stop_if_failed(steps: Iterable[StepResult], what: str) -> None:
    failed = [step for step in steps if step.status in ("failed", "skipped")]
    if failed:
        raise MedallionError(
            f"{failed[0].table} could not be {what}, so the erasure is not complete: {failed[0].error} "
            "Mend that, then give the same command again: it goes on from here."
        )


def _clear_ops(tables: Tables, touched: list[Table]) -> None:
    """Samples of records and values, in drift, notes and error messages."""
    names = ", ".join(string(key) for table in touched for key in (table.key, f"bronze.{table.name}"))
    where = f"`table` IN ({names})"
    tables.update("ops.drift", {"example": "NULL"}, where=f"{where} AND example IS NOT NULL")
    said = "error IS NOT NULL OR size(notes) > 0"
    cleared = {"error": "CASE WHEN error IS NOT NULL THEN 'cleared by an erasure' END", "notes": "array()"}
    tables.update("ops.table_metrics", cleared, where=f"{where} AND ({said})")
    keys = ["ops.drift", "ops.table_metrics"]
    _drop_versions(tables, keys)
    for key in keys:
        tables.drop_log(key)
    tables.sweep()


def _drop_versions(tables: Tables, keys: list[str]) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(tables.drop_versions, keys))
