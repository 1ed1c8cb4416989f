"""Others at work on the tables of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.session import remote_session
from tests.crashes.scene import Place, land
from tests.crashes.test_kills import differing


@pytest.mark.slow
def test_of_two_runs_at_once_one_works_and_the_other_says_so(empty: Place) -> None:
    calm = empty.run()
    assert calm is not None
    place = empty.another()
    first = place.begin()
    while not (place.home / ".run.lock").exists() or not (place.home / ".run.lock").read_text():
        assert first.process.is_alive()
        time.sleep(0.05)
    second = place.run()
    assert second is not None
    (refused,) = second["errors"]
    assert f"Another run (process {first.process.pid}) is working on {place.home}" in refused
    assert differing(calm, first.told()) is None


@pytest.mark.slow
def test_optimize_and_readers_beside_a_run_do_no_harm_and_see_whole_batches(empty: Place) -> None:
    assert empty.run() is not None
    land(empty.landing, 2)
    other = empty.copied()
    calm = other.run()
    lakehouse = Lakehouse(empty.settings, remote_session(empty.address))
    looked = ["silver.orders", "silver.clicks", "silver.accounts", "gold.sales"]
    before = {key: rows(lakehouse, key) for key in looked}
    with optimized(lakehouse, looked) as seen:
        beside = empty.run()
    assert calm is not None
    assert differing(calm, beside) is None
    after = {key: rows(lakehouse, key) for key in looked}
    assert all(before[key] != after[key] for key in looked)
    assert len(seen) > len(looked)
    assert [one for one in seen if one[1] not in (before[one[0]], after[one[0]])] == []


@contextmanager
def optimized(lakehouse: Lakehouse, keys: list[str]) -> Iterator[list[tuple[str, object]]]:
    """Tables are made compact and read all the time; what was seen of them."""
    seen: list[tuple[str, object]] = []
    done = Event()

    def work() -> None:
        while not done.is_set():
            for key in keys:
                lakehouse.spark.sql(f"OPTIMIZE {lakehouse.tables.name(key)}")
                seen.append((key, rows(lakehouse, key)))

    thread = Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def rows(lakehouse: Lakehouse, key: str) -> list[str]:
    return sorted(row[0] for row in lakehouse.table(key).selectExpr("to_json(struct(*))").collect())
