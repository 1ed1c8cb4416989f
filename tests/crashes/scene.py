"""A product with a table of every kind, and places to run it in."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
import uuid
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from medallion_pipelines.settings import Settings
from tests.crashes import victim
from tests.support import column, gold, silver, write_product

LAYERS = ("bronze", "silver", "gold", "ops")
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["medallion_pipelines.pipeline", "tests.crashes.victim"])


@dataclass(frozen=True)
class Run:
    """A run in a process of its own."""

    process: ForkServerProcess
    answer: Path

    def told(self) -> dict[str, Any] | None:
        """What it tells once it has ended; None if it was killed."""
        self.process.join()
        if self.process.exitcode == -signal.SIGKILL:
            return None
        assert self.process.exitcode == 0
        told: dict[str, Any] = json.loads(self.answer.read_text(encoding="utf-8"))
        return told


@dataclass(frozen=True)
class Place:
    """A warehouse, with schemas that no other has on the server that all share."""

    home: Path
    address: str
    only: tuple[str, ...] = ()  # these tables

    @property
    def settings(self) -> Settings:
        schemas = {layer: f"{layer}_{self.home.name}" for layer in LAYERS}
        return Settings(warehouse=str(self.home), landing=str(self.landing), **schemas)

    @property
    def landing(self) -> Path:
        """What all places have in common, with the product."""
        return self.home.parent / "landing"

    @property
    def product(self) -> str:
        return str(self.home.parent / "product")

    def another(self) -> Place:
        """A place that holds nothing."""
        return replace(self, home=self.home.with_name(uuid.uuid4().hex[:8]))

    def copied(self) -> Place:
        """Another place that holds the same."""
        other = self.another()
        for layer in LAYERS:
            if not (self.home / self.settings.schema(layer)).exists():
                continue  # no table of it was made
            target = Path(str(other.settings.warehouse)) / other.settings.schema(layer)
            # a view names its tables
            skipped = shutil.ignore_patterns("*.view.sql")
            shutil.copytree(self.home / self.settings.schema(layer), target, ignore=skipped)
        return other

    def begin(self, kill_at: str | None = None) -> Run:
        """Start a run, which a boundary kills."""
        answer = self.home.parent / f"{uuid.uuid4().hex}.json"
        arguments = (self.address, self.settings, self.product, self.only, kill_at, str(answer))
        process = _PROCESSES.Process(target=victim.run, args=arguments)
        process.start()
        return Run(process, answer)

    def run(self, kill_at: str | None = None) -> dict[str, Any] | None:
        """What a run tells; None if it was killed."""
        return self.begin(kill_at).told()


def scene(folder: Path, address: str) -> Place:
    """A place with nothing in it yet, and the first day's files."""
    write_product(
        folder / "product",
        silver("customers", [column("id", "integer"), column("name", required=True)], key=["id"]),
        silver(
            "orders",
            [
                column("id", "integer"), column("at", "integer"), column("amount", "integer"),
                column("customer", "integer", relationships=[{"type": "foreignKey", "to": "customers.id"}]),
            ],
            key=["id"],
            custom={"sequenceBy": ["at"]},
        ),
        silver("clicks", [column("page", required=True), column("n", "integer")], kind="csv"),
        silver(
            "accounts",
            [column("id", "integer"), column("at", "integer"), column("plan")],
            key=["id"],
            kind="csv",
            custom={
                "sequenceBy": ["at"],
                "changes": {
                    "storedAsScdType": 2, "applyAsDeletes": "op = 'D'", "trackHistoryColumnList": ["plan"],
                },
            },
        ),
        silver(
            "offices",
            [column("id", "integer"), column("city")],
            key=["id"],
            kind="csv",
            custom={"changes": {"snapshotVersion": "_metadata.file_name", "storedAsScdType": 2}},
        ),
        gold(
            "sales",
            [column("customer", "integer"), column("amount", "integer")],
            [{"table": "silver.orders", "grain": {"customer": "customer"}}],
            key=["customer"],
        ),
        sales="SELECT customer, sum(amount) AS amount FROM {orders} GROUP BY customer",
    )  # fmt: skip
    land(folder / "landing", 1)
    return Place(folder / "first", address).another()


def land(landing: Path, day: int) -> None:
    """A day's files: good and bad records, repeated and late ones, and a snapshot."""
    ids = range(10 * day, 10 * day + 10)
    orders = [{"id": i % 14, "at": i, "amount": i, "customer": i % 3 + (i == 5) * 9} for i in ids]
    files = {
        "customers": [{"id": i, "name": f"c{i}" if i < 4 else None} for i in range(5)],
        "orders": [*orders, {"id": "x"}, orders[0], {"id": 99, "customer": 1, "new": 1}],
    }
    texts = {
        "clicks": "page,n\n" + "".join(f"p{i % 4},{i}\n" for i in ids) + "p1,1\n,2\np3,many\n",
        "accounts": "op,id,at,plan\n"
        + "".join(f"{'D' if i % 7 == 0 else 'U'},{i % 4},{(i * 37) % 50},{'ab'[i % 2]}\n" for i in ids)
        + "U,,1,a\n",
        "offices": "id,city\n" + "".join(f"{i},{'RS'[(i + day) % 2]}\n" for i in range(day, day + 4)),
    }
    texts |= {name: "".join(json.dumps(r) + "\n" for r in records) for name, records in files.items()}
    for feed, text in texts.items():
        (landing / feed).mkdir(parents=True, exist_ok=True)
        (landing / feed / f"{day}.{'json' if feed in files else 'csv'}").write_text(text)
