"""The drill: a copy of the lakehouse loses its region, is failed over and failed back, and everything is
looked at.

All of it happens in a folder of its own, with a copy of the lakehouse as region A: nothing of the user's is
written.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from medallion_pipelines.bronze.listing import on_databricks
from medallion_pipelines.contracts.feeds import feed_of
from medallion_pipelines.contracts.model import Product
from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.lakehouse import LAYERS, Lakehouse
from medallion_pipelines.operations.lock import run_lock
from medallion_pipelines.placed import placed
from medallion_pipelines.recovery.cut import local_warehouse
from medallion_pipelines.recovery.failover import failback, failover
from medallion_pipelines.recovery.proof import verify
from medallion_pipelines.recovery.replica import Replicated, replicate
from medallion_pipelines.results import RunResult
from medallion_pipelines.settings import Settings
from medallion_pipelines.sql import quoted, string
from medallion_pipelines.steps import plan

Contents = Mapping[str, tuple[int, str]]  # by table: how many rows, and a sum of their hashes


@dataclass(frozen=True)
class Check:
    """One thing that had to be so; `wrong` says what was not."""

    what: str
    wrong: tuple[str, ...] = ()


@dataclass
class Drilled:
    """What a drill measured and found.

    `rpo_seconds`: how long before the loss the recovery point was; what was committed in between was not in
    the copy. `rto_seconds`: failing over, until the first run there had succeeded. `seconds` by step.
    """

    product: str
    rpo_seconds: float = 0.0
    rto_seconds: float = 0.0
    tables: int = 0
    first_copy_bytes: int = 0
    next_copy_bytes: int = 0
    failback_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not any(check.wrong for check in self.checks)


def drill(
    settings: Settings, product: Product, spark: SparkSession, say: Callable[[str], None] = lambda text: None
) -> Drilled:
    """Lose a copy of the lakehouse and get over it; what was measured and what was found to be wrong.

    The session forgets the tables that it knew by the lakehouse's schemas. Raises SetupError where lakehouse
    or landing zone are no folders of this machine, LockedError while a run is at work, or another drill,
    MedallionError where a run fails.
    """
    settings = placed(settings, product)
    warehouse = local_warehouse(settings)
    if not Path(settings.landing).is_dir():
        raise SetupError(
            f"The landing zone {settings.landing} is no folder of this machine: name one with --landing."
        )
    if on_databricks() or spark.conf.get("spark.sql.catalogImplementation") != "in-memory":
        raise SetupError(
            "A drill takes a Spark session of its own, whose catalog forgets: outside Databricks."
        )
    with scratch_beside(warehouse) as scratch:
        return Drill(settings, product, spark, scratch, say).carry_out()


@contextmanager
def scratch_beside(warehouse: Path) -> Iterator[Path]:
    """A folder for one drill at a time, which goes with it; what one that was killed has left goes first."""
    scratch = warehouse.parent / f".{warehouse.name}.drill"
    with run_lock(str(scratch)):
        try:
            for left in (path for path in scratch.iterdir() if path.is_dir()):
                shutil.rmtree(left)
            yield scratch
        finally:
            shutil.rmtree(scratch)


class Drill:
    """One drill, in a folder of its own."""

    def __init__(
        self,
        settings: Settings,
        product: Product,
        spark: SparkSession,
        scratch: Path,
        say: Callable[[str], None],
    ) -> None:
        self._theirs, self._product, self._spark, self._say = settings, product, spark, say
        self._a, self._b = scratch / "a", scratch / "b"
        self._lost = scratch / "a.lost"
        self._landed = 0
        self._feed_of = feed_of(product, str(self._a / "landing"))
        # streams are of a region, and of no drill
        streamed = {table.key for table in product.tables.values() if table.source and table.source.stream}
        self._left_out = [
            key for key in product.tables if any(step.table.key in streamed for step in plan(product, [key]))
        ]
        self.found = Drilled(product.name)
        if self._left_out:
            self.found.notes.append(
                f"Copied, but not run in the drill, because streams feed them: {', '.join(self._left_out)}."
            )

    def carry_out(self) -> Drilled:
        found, a, b = self.found, self._settings(self._a), self._settings(self._b)
        assert a.warehouse is not None and b.warehouse is not None
        self._a.mkdir()
        self._b.mkdir()
        with self._timed("copy the lakehouse into region A"):
            replicate(self._theirs, a.warehouse, found.notes.append)
            _bring(Path(self._theirs.landing), self._a / "landing")
            self._forget()
            failover(a, self._spark)
            self._run(a)
        first = self._replicate("replicate to region B", a)
        found.tables, found.first_copy_bytes = first.tables, first.bytes_copied
        with self._timed("land files, run in A"):
            self._land(self._a)
            self._run(a)
            promised = self._contents(a)
        second = self._replicate("replicate again, what is new", a)
        found.next_copy_bytes = second.bytes_copied
        with self._timed("land files, run in A: not replicated"):
            self._land(self._a)
            self._run(a)
            lost = self._contents(a, ours=True)
        _bring(self._a / "landing", self._b / "landing")  # the landing zone is replicated by itself
        lost_at = datetime.now(UTC)
        self._a.rename(self._lost)
        self._say("region A is lost")
        found.rpo_seconds = (lost_at - second.taken_at).total_seconds()
        with self._timed("check the copy"):
            self._check("files and logs of the copy are whole", verify(b.warehouse))
            self._check(
                "every table of B is as A was at the recovery point", _unlike(promised, self._contents(b))
            )
        with self._timed("fail over, and run in B"):
            self._forget()
            began = time.monotonic()
            failover(b, self._spark)
            self._run(b)
            found.rto_seconds = time.monotonic() - began
        self._check(
            "what A had committed since is in B again, once, from the landing zone",
            _unlike(lost, self._contents(b, ours=True)),
        )
        with self._timed("land files, run in B"):
            self._land(self._b)
            self._run(b)
            working = self._contents(b)
            ours = self._contents(b, ours=True)
        self._lost.rename(self._a)
        _bring(self._b / "landing", self._a / "landing")
        self._forget()
        with self._timed("fail back to A"):
            copied, _ = failback(b, a.warehouse, a.landing, self._spark, found.notes.append)
            found.failback_bytes = copied.bytes_copied
        back = self._contents(a)
        ledger = "ops.files"  # has the addresses of A's landing zone now
        self._check("every table of A is as B was", _unlike(working, back, but=(ledger,)))
        with self._timed("run in A"):
            again = self._run(a)
        self._check("nothing is lost or doubled in A", _unlike(ours, self._contents(a, ours=True)))
        taken = [step.table for step in again.steps if step.table.startswith("bronze.") and step.rows_in]
        self._check("A takes no file a second time", [f"{key} took records" for key in taken])
        with self._timed("replicate to B again"):
            replicate(a, b.warehouse, found.notes.append)
        self._check("B is a copy of A again", verify(b.warehouse))
        return found

    def _settings(self, region: Path) -> Settings:
        return replace(
            self._theirs,
            warehouse=str(region / "warehouse"),
            landing=str(region / "landing"),
            checkpoints=None,
            environment=None,
        )

    def _replicate(self, what: str, a: Settings) -> Replicated:
        with self._timed(what):
            return replicate(a, str(self._b / "warehouse"), self.found.notes.append)

    def _run(self, settings: Settings) -> RunResult:
        """Run the product, without what streams feed."""
        self._forget()
        fed = [key for key in self._product.tables if key not in self._left_out]
        result = Lakehouse(settings, self._spark).run(self._product, tables=fed)
        for step in result.steps:
            if step.error:
                raise MedallionError(f"In the drill {step.table} failed: {step.error}")
        return result

    def _land(self, region: Path) -> None:
        """Deliver the newest file of each feed once more, under another name."""
        self._landed += 1
        landing, newest = region / "landing", dict[str, Path]()
        for path in sorted(path for path in landing.rglob("*") if path.is_file()):
            # region A's addresses: the feeds are the same
            feed = self._feed_of(str(self._a / "landing" / path.relative_to(landing)))
            if feed and (feed not in newest or path.stat().st_mtime >= newest[feed].stat().st_mtime):
                newest[feed] = path
        if not newest and self._landed == 1:
            self.found.notes.append(
                f"{self._theirs.landing} has no file of a feed of {self._product.name}: nothing could be "
                "delivered between the copy and the loss, so what comes back after it was not tried."
            )
        for path in newest.values():
            stem, dot, suffix = path.name.partition(".")
            shutil.copyfile(path, path.with_name(f"{stem}-drill{self._landed}{dot}{suffix}"))

    def _forget(self) -> None:
        """Have the session forget where the tables were that it knows by these names."""
        for layer in LAYERS:
            schema = f"{quoted(self._theirs.catalog)}.{quoted(self._theirs.schema(layer))}"
            self._spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def _contents(self, settings: Settings, *, ours: bool = False) -> Contents:
        """What every table holds; or (`ours`) what the product's tables do, without what a run says of
        itself."""
        self._forget()
        tables = Lakehouse(settings, self._spark).tables
        queries = []
        for key in (key for layer in LAYERS for key in tables.keys(layer) if tables.exists(key)):
            columns = tables.read(key).columns
            if ours:
                if key not in self._product.tables and not key.startswith("bronze."):
                    continue
                columns = [name for name in columns if not name.startswith("_")]
            row = f"to_json(struct({', '.join(map(quoted, columns))}))"
            queries.append(
                f"SELECT {string(key)}, count(*), CAST(sum(CAST(xxhash64({row}) AS DECIMAL(38))) AS STRING) "
                f"FROM {tables.name(key)}"
            )
        return {row[0]: (row[1], row[2]) for row in self._spark.sql(" UNION ALL ".join(queries)).collect()}

    def _check(self, what: str, wrong: list[str]) -> None:
        self.found.checks.append(Check(what, tuple(wrong)))
        self._say(f"{'FAILED' if wrong else 'ok'}: {what}")

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.found.seconds[what] = time.monotonic() - began
        self._say(f"{what}: {self.found.seconds[what]:.1f} s")


def _unlike(one: Contents, other: Contents, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{key}: {one.get(key, ('no',))[0]} rows here, {other.get(key, ('no',))[0]} there"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key) and key not in but
    ]


def _bring(landing: Path, other: Path) -> None:
    """Have all files of a landing zone in another, with their times, as S3 replication would bring them."""
    other.mkdir(exist_ok=True)
    for path in sorted(path for path in landing.rglob("*") if path.is_file()):
        target = other / path.relative_to(landing)
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:  # on another disk
            shutil.copy2(path, target)
