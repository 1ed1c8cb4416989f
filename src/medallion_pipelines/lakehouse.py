"""A lakehouse as people use it: run a product, read a table, ask for its state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from medallion_pipelines.bronze.ledger import forget_files
from medallion_pipelines.bronze.listing import listing
from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erasure import erase, erase_again, refuse_renamed
from medallion_pipelines.errors import MedallionError, SetupError, SourceError, UnknownNameError
from medallion_pipelines.gold import publish_period
from medallion_pipelines.observed import Observed
from medallion_pipelines.operations import (
    check_promises,
    maintain,
    register,
    restore,
    run_lock,
    table_status,
)
from medallion_pipelines.period import Period
from medallion_pipelines.pipeline import run
from medallion_pipelines.placed import placed
from medallion_pipelines.results import (
    Arrival,
    ErasureResult,
    QuarantineStatus,
    RunResult,
    StepResult,
    TableStatus,
    UpkeepResult,
)
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.session import get_session
from medallion_pipelines.settings import Settings
from medallion_pipelines.shipped import product_folder
from medallion_pipelines.silver import quarantine, rebuild_period, replay
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.steps import Step, plan
from medallion_pipelines.tables import Tables

LAYERS = ("bronze", "silver", "gold", "ops")


class Lakehouse:
    """Bronze, silver and gold of one catalog.

    Without arguments it is the one that the environment describes (`Settings.from_environment`), seen
    from the active Spark session or a new local one.
    """

    def __init__(self, settings: Settings | None = None, spark: SparkSession | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self.spark = spark or get_session(self.settings)
        zone = self.spark.conf.get("spark.sql.session.timeZone")
        if zone not in ("UTC", "Etc/UTC", "GMT", "Z"):
            raise SetupError(
                f"The Spark session's time zone is {zone}: timestamps without a zone would be read "
                'as its local time. Set it first: spark.conf.set("spark.sql.session.timeZone", "UTC").'
            )
        self.tables = Tables(self.spark, self.settings)

    def run(
        self,
        product: str | Path | Product | None = None,
        *,
        tables: Sequence[str] | None = None,
        alone: bool = False,
        full_refresh: bool = False,
        on_start: Callable[[str], None] = lambda key: None,
        on_finish: Callable[[StepResult], None] = lambda result: None,
    ) -> RunResult:
        """Bring a product up to date: capture what is new, conform it, refresh what it touches.

        `product` is a folder of contracts (or the name of one that ships with the package; flights if
        None). `tables` narrows the run to some (`silver.flights`) and what they are made from;
        `alone` leaves out what they are made from: each table in a task of its own, say.
        `full_refresh` recomputes marts whole. Raises, before anything runs, ContractError, ChangeRefusedError
        where the contracts no longer have keys that erased persons are known by, and LockedError while
        another run works here; a step that fails is in the result, not raised.
        """
        loaded = self._place(find_product(product))
        steps = [step for step in plan(loaded, tables) if not (alone and tables) or step.key in tables]
        with self._working(loaded) as log:
            return self._run(log, loaded, steps, on_start, on_finish, full_refresh=full_refresh)

    def rebuild(
        self,
        table: str,
        product: str | Path | Product | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        on_start: Callable[[str], None] = lambda key: None,
        on_finish: Callable[[StepResult], None] = lambda result: None,
    ) -> RunResult:
        """Make one silver table and its quarantine anew from all of bronze, or one mart from its inputs; or
        (`silver`, `gold`) all tables of a layer, each after those it needs.

        With `since` or `until` (UTC if they have no zone) only what is made of records that bronze took in
        from the one until before the other, or of changes that the mart's inputs had then.
        """
        loaded = self._place(find_product(product))
        if table.split(".")[0] == "bronze":
            raise MedallionError(
                f"{table} holds the records as they came: there is nothing to rebuild it from."
            )
        if table in ("silver", "gold"):
            steps = [step for step in plan(loaded) if step.table.layer == table and step.key in loaded.tables]
        else:
            steps = [step for step in plan(loaded, [table]) if step.key == table]
        part = None if since is None and until is None else partial(_part, period=Period(since, until))
        with self._working(loaded) as log:
            anew = [step.key for step in steps] if part is None else ()
            return self._run(log, loaded, steps, on_start, on_finish, rebuild=anew, instead=part)

    def backfill(
        self,
        table: str,
        path: str,
        product: str | Path | Product | None = None,
        *,
        on_start: Callable[[str], None] = lambda key: None,
        on_finish: Callable[[StepResult], None] = lambda result: None,
    ) -> RunResult:
        """Take files from elsewhere, an archive of old records or changes, into the feed of a silver table.

        `path` is a folder, file or pattern, below the landing zone, absolute or a URI. Every file is taken
        once, as if it had been in the landing zone; of a key the order is that of the contract, whenever a
        record comes. Tables that it points to are brought up to date before; marts follow at the next run.
        Raises SourceError where nothing is there, or for a table that a stream feeds; else as `run`.
        """
        loaded = self._place(find_product(product))
        found = _silver(loaded, table)
        assert found.source is not None
        if found.source.stream is not None:
            raise SourceError(
                f"{table} is fed by a stream and takes no files: put what is old on the stream, or give the "
                "archive a table of its own (docs/ingestion.md, History)."
            )
        source = replace(found.source, path=path)
        files = listing(self.tables, source)
        if files is None or files.limit(1).first() is None:
            raise SourceError(f"{path} has no files. (Of a folder only its own are read: write `*/*.json`.)")
        bronze = f"bronze.{found.name}"
        steps = [
            replace(step, table=replace(found, source=source)) if step.key == bronze else step
            for step in plan(loaded, [found.key])
        ]
        with self._working(loaded) as log:
            return self._run(log, loaded, steps, on_start, on_finish)

    def recapture(
        self,
        table: str,
        product: str | Path | Product | None = None,
        *,
        on_start: Callable[[str], None] = lambda key: None,
        on_finish: Callable[[StepResult], None] = lambda result: None,
    ) -> RunResult:
        """Begin a silver table anew whose bronze table is lost, of what landing zone or stream still have.

        Its rows, its quarantine and what is known of its files go. Raises MedallionError, and changes
        nothing, where the bronze table is there; else as `run`.
        """
        loaded = self._place(find_product(product))
        found = _silver(loaded, table)
        bronze = f"bronze.{found.name}"
        with self._working(loaded) as log:
            if self.tables.exists(bronze):
                raise MedallionError(f"{bronze} is there: `medallion rebuild {table}` makes {table} of it.")
            for key in (found.quarantine_key, memory_of(found.key), found.key):
                self.tables.drop(key)
            forget_files(self.tables, bronze)
            return self._run(log, loaded, plan(loaded, [found.key]), on_start, on_finish)

    def register(
        self, arrivals: Iterable[Arrival], product: str | Path | Product | None = None
    ) -> Mapping[str | None, int]:
        """Note in `ops.arrivals` what was brought into the landing zone; how many files for each bronze
        table (None: those that no contract's feed takes). What is there already is not noted again."""
        loaded = self._place(find_product(product))
        return register(self.tables, loaded, arrivals)

    def restore(
        self, table: str, to: int | datetime, product: str | Path | Product | None = None
    ) -> RunResult:
        """Bring a table back to a Delta version, or to the one it had at a time (UTC if it has no zone).

        With a silver table go its quarantine and what it remembers of changes. The next run takes in again
        what came after.

        Raises MedallionError, and changes nothing, where that is not exactly to be had.
        """
        loaded = self._place(find_product(product))
        if table.split(".")[0] == "bronze":
            raise MedallionError(
                f"{table} holds the records as they came, and is only ever added to: it is not restored."
            )
        (step,) = (step for step in plan(loaded, [table]) if step.key == table)
        if step.table.kind == "view":
            raise MedallionError(f"{table} is a view: restore the tables that it reads.")
        if not self.tables.exists(table):
            raise MedallionError(f"{table} is not there yet: there is nothing to restore.")
        started = time.monotonic()
        with run_lock(self.settings.warehouse):
            log = RunLog(self.tables, loaded.name)
            log.begin()
            result = replace(restore(log, step.table, to), seconds=time.monotonic() - started)
            log.finish(True)
        return RunResult(log.run_id, loaded.name, (result,), time.monotonic() - started)

    def quarantine(self, product: str | Path | Product | None = None) -> list[QuarantineStatus]:
        """What is in quarantine now, an entry for each silver table that has one."""
        loaded = self._place(find_product(product))
        silver = [table for _, table in sorted(loaded.tables.items()) if table.layer == "silver"]
        found = (quarantine.status(self.tables, table) for table in silver)
        return [status for status in found if status is not None]

    def quarantined(
        self, table: str, product: str | Path | Product | None = None, *, rule: str | None = None
    ) -> DataFrame:
        """The records in the quarantine of a silver table, or those that broke `rule`: `id`, `errors` (all
        reasons), `record`, and where it came from. Raises UnknownNameError where there is no quarantine."""
        loaded = self._place(find_product(product))
        found = _silver(loaded, table)
        if not self.tables.exists(found.quarantine_key):
            raise UnknownNameError(f"{table} has no quarantine: no record of it was ever refused.")
        return quarantine.shown(self.tables, found, rule)

    def replay(
        self,
        table: str,
        product: str | Path | Product | None = None,
        *,
        rule: str | None = None,
        corrected: Mapping[str, str] | None = None,
        on_start: Callable[[str], None] = lambda key: None,
        on_finish: Callable[[StepResult], None] = lambda result: None,
    ) -> RunResult:
        """Conform the records in quarantine again by today's contract, all of them or those that broke
        `rule`; or give `corrected` texts for some, by id.

        Those now valid leave quarantine for the table, exactly once; the others stay, with today's reasons.
        A corrected text goes to bronze and from there on like every record; what it corrects leaves
        quarantine. `ops.quarantine_log` tells what became of each. Raises as `run` does.
        """
        loaded = self._place(find_product(product))
        key = _silver(loaded, table).key
        steps = [step for step in plan(loaded, [key]) if step.key == key]
        with self._working(loaded) as log:
            again = partial(replay, rule=rule, corrected=corrected)
            return self._run(log, loaded, steps, on_start, on_finish, instead=again)

    def erase(
        self, subject: str | None, product: str | Path | Product | None = None, *, dry_run: bool = False
    ) -> ErasureResult:
        """Erase a person: records of `subject` (`passengers.passenger_id=123`) and all that point to them,
        from landing zone, bronze, silver, quarantine, gold and ops, in all versions; and keep them out from
        then on. None deletes what has come back of those that were erased before.

        Needs the secret MEDALLION_ERASURE_KEY. It cannot be undone; `dry_run` only says what would go. Raises
        UnknownNameError for a subject that cannot be, SetupError without the secret, LockedError while a run
        works here, MedallionError where a table is in the way: run again once that is mended.
        """
        loaded = self._place(find_product(product))
        with run_lock(self.settings.warehouse):
            if subject is None:
                return erase_again(self.tables, loaded, dry_run=dry_run)
            return erase(self.tables, loaded, subject, dry_run=dry_run)

    def table(self, name: str) -> DataFrame:
        """A table or view by `layer.table`, as it is now. Raises UnknownNameError where there is none."""
        layer, _, rest = name.partition(".")
        if layer not in LAYERS or not rest:
            raise UnknownNameError(f"{name!r} is no table name: write layer.table, such as silver.flights.")
        there = self.tables.keys(layer)
        if name not in there:
            raise UnknownNameError(f"There is no {name}. {layer} has {', '.join(there) or 'nothing yet'}.")
        self.tables.register([name])
        return self.spark.table(self.tables.name(name))

    def sql(self, query: str) -> DataFrame:
        """Run a query over `bronze`, `silver`, `gold` and `ops`."""
        self.tables.register_for(query)
        return self.spark.sql(query)

    def status(self, product: str | Path | Product | None = None) -> list[TableStatus]:
        """How each table of a product stands."""
        loaded = self._place(find_product(product))  # before self.tables is looked at
        return table_status(self.tables, loaded)

    def quality(self, product: str | Path | Product | None = None) -> list[TableStatus]:
        """How each table stands; `broken` says which promise it breaks. Noted in `ops.table_status`."""
        loaded = self._place(find_product(product))
        return check_promises(self.tables, loaded)

    def maintain(
        self,
        product: str | Path | Product | None = None,
        *,
        on_finish: Callable[[UpkeepResult], None] = lambda result: None,
    ) -> list[UpkeepResult]:
        """Join small files, delete those that no kept version needs, gather statistics: of every table of a
        product, and of the logs in `ops`. A table that fails is in the results, not raised."""
        loaded = self._place(find_product(product))
        with run_lock(self.settings.warehouse):
            return maintain(self.tables, loaded, on_finish)

    def report(self, product: str | Path | Product | None = None) -> str:
        """One HTML page that shows what the pipeline did; notebooks: `displayHTML(lakehouse.report())`."""
        from medallion_pipelines.report.collect import collect
        from medallion_pipelines.report.page import render  # a template engine, which runs do without

        placed = self._place(find_product(product))  # may go to other tables
        return render(collect(self.tables, placed))

    @contextmanager
    def _working(self, product: Product) -> Iterator[RunLog]:
        """The log of a run that nothing else works beside, and that lets no erased person in."""
        with run_lock(self.settings.warehouse):
            refuse_renamed(self.tables, product)
            yield RunLog(self.tables, product.name)

    def _run(
        self,
        log: RunLog,
        product: Product,
        steps: Sequence[Step],
        on_start: Callable[[str], None],
        on_finish: Callable[[StepResult], None],
        **how: Any,
    ) -> RunResult:
        """Run steps, and tell who is to be told of it."""
        told = Observed(product, self.settings, log.run_id, on_start, on_finish)
        try:
            outcome = run(log, steps, on_start=told.start, on_finish=told.finish, **how)
        except Exception:
            told.broke_off()
            raise
        return told.end(outcome)

    def _place(self, product: Product) -> Product:
        """Go to where the product's tables are in the settings' environment."""
        settings = placed(self.settings, product)
        if settings != self.settings:
            self.settings, self.tables = settings, Tables(self.spark, settings)
        return product


def _part(log: RunLog, table: Table, period: Period) -> StepResult:
    return (rebuild_period if table.layer == "silver" else publish_period)(log, table, period)


def _silver(product: Product, key: str) -> Table:
    table = product.tables.get(key)
    if table is None or table.layer != "silver":
        known = ", ".join(sorted(key for key, one in product.tables.items() if one.layer == "silver"))
        raise UnknownNameError(f"{product.name} has no silver table {key}. It has {known}.")
    return table


def find_product(product: str | Path | Product | None) -> Product:
    """Load a product by folder or by the name of a shipped one.

    Raises UnknownNameError where there is none, ContractError where a contract cannot be honoured.
    """
    return product if isinstance(product, Product) else load_product(product_folder(product))
