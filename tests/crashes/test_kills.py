"""A run that is killed anywhere and run again leaves the tables as if nothing had happened."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from medallion_pipelines.settings import Settings
from tests.crashes import victim
from tests.support import column, gold, silver, write_product

LAYERS = ("bronze", "silver", "gold", "ops")
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["medallion_pipelines.pipeline", "tests.crashes.victim"])


@dataclass(frozen=True)
class Place:
    """A warehouse, with schemas that no other has on the server that all share."""

    home: Path
    address: str
    only: tuple[str, ...] = ()  # these tables

    @property
    def settings(self) -> Settings:
        schemas = {layer: f"{layer}_{self.home.name}" for layer in LAYERS}
        return Settings(warehouse=str(self.home), landing=str(self.home.parent / "landing"), **schemas)

    def copied(self) -> Place:
        """Another place that holds the same."""
        other = replace(self, home=self.home.parent / _name())
        for layer in LAYERS:
            target = Path(str(other.settings.warehouse)) / other.settings.schema(layer)
            # a view names its tables
            skipped = shutil.ignore_patterns("*.view.sql")
            shutil.copytree(self.home / self.settings.schema(layer), target, ignore=skipped)
        return other

    def run(self, kill_at: str | None = None) -> dict[str, Any] | None:
        """What a run tells; None if it was killed."""
        answer = self.home.parent / f"{uuid.uuid4().hex}.json"
        product = str(self.home.parent / "product")
        arguments = (self.address, self.settings, product, self.only, kill_at, str(answer))
        child = _PROCESSES.Process(target=victim.run, args=arguments)
        child.start()
        child.join()
        if child.exitcode == -signal.SIGKILL:
            return None
        assert child.exitcode == 0
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return told


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    shared = getattr(request.config, "workerinput", {}).get("spark_remote")
    if shared:
        yield shared
        return
    os.environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", str(uuid.uuid4()))
    with _server() as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.crashes.server"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture
def empty(server: str, tmp_path: Path) -> Place:
    write_product(
        tmp_path / "product",
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
        gold(
            "sales",
            [column("customer", "integer"), column("amount", "integer")],
            [{"table": "silver.orders", "grain": {"customer": "customer"}}],
            key=["customer"],
        ),
        sales="SELECT customer, sum(amount) AS amount FROM {orders} GROUP BY customer",
    )  # fmt: skip
    _land(tmp_path / "landing", 1)
    return Place(tmp_path / _name(), server)


def _name() -> str:
    """Of a place: no other may have it on the server."""
    return uuid.uuid4().hex[:8]


def _land(landing: Path, day: int) -> None:
    """A day's files: good and bad records, repeated and late ones."""
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
    }
    texts |= {name: "".join(json.dumps(r) + "\n" for r in records) for name, records in files.items()}
    for feed, text in texts.items():
        (landing / feed).mkdir(parents=True, exist_ok=True)
        (landing / feed / f"{day}.{'csv' if text[0] in 'po' else 'json'}").write_text(text)


def check(calm: dict[str, Any] | None, boundary: str, place: Place) -> str | None:
    """What is wrong after a run was killed at a boundary and run again; None if nothing is."""
    assert calm is not None
    if place.run(kill_at=boundary) is not None:
        return f"{boundary}: was not met"
    again = place.run()
    assert again is not None
    if again["errors"]:
        return f"{boundary}: {again['errors']}"
    differ = {
        name: (there, again["tables"].get(name))
        for name, there in calm["tables"].items()
        if again["tables"].get(name) != there
    }
    if differ or again["tables"].keys() != calm["tables"].keys():
        return f"{boundary}: {differ or again['tables'].keys()}"
    print(f"{boundary}: as if nothing had happened", flush=True)
    return None


@pytest.mark.slow
def test_a_run_killed_where_it_hurts_is_finished_by_the_next(empty: Place) -> None:
    empty = replace(empty, only=("silver.clicks", "silver.accounts"))
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    boundaries = (
        "after append silver.clicks #1",  # written, and nobody knows
        "after merge silver.__apply_changes_storage_accounts #1",  # remembered, and not in the table
    )
    wrong = [check(calm, one, replace(empty, home=empty.home.with_name(_name()))) for one in boundaries]
    assert wrong == [None, None]


@pytest.mark.slow
def test_a_run_may_be_killed_after_every_write(empty: Place) -> None:
    """Before the next one is the same to the tables; so is, of a first run, what is no CREATE."""
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    births = [one for one in calm["boundaries"] if one.startswith("after make")]
    wrong = [check(calm, one, replace(empty, home=empty.home.with_name(_name()))) for one in births]
    _land(empty.home.parent / "landing", 2)
    base = empty.copied()
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    writes = [one for one in calm["boundaries"] if one.startswith("after")]
    wrong += [check(calm, one, base.copied()) for one in writes]
    assert [one for one in wrong if one] == []
    assert len(wrong) >= 50
