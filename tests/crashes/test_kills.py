"""A run that is killed anywhere and run again leaves the tables as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.crashes.scene import LAYERS, Place, land


def check(calm: dict[str, Any] | None, boundary: str, place: Place) -> str | None:
    """What is wrong after a run was killed at a boundary and run again; None if nothing is."""
    assert calm is not None
    if place.run(kill_at=boundary) is not None:
        return f"{boundary}: was not met"
    wrong = differing(calm, place.run())
    print(f"{boundary}: {wrong or 'as if nothing had happened'}", flush=True)
    return wrong and f"{boundary}: {wrong}"


def checked(
    calm: dict[str, Any] | None, boundaries: list[str], place: Callable[[], Place]
) -> list[str | None]:
    """`check`, each in a place of its own, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda one: check(calm, one, place()), boundaries))


def differing(calm: dict[str, Any], again: dict[str, Any] | None) -> str | None:
    """What two runs that came to their end have made different."""
    assert again is not None
    if again["errors"]:
        return str(again["errors"])
    keys = sorted(calm["tables"].keys() | again["tables"].keys())
    both = {key: (calm["tables"].get(key), again["tables"].get(key)) for key in keys}
    wrong = {key: pair for key, pair in both.items() if pair[0] != pair[1]}
    return str(wrong) if wrong else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only", "boundary"),
    [
        ("silver.clicks", "after append silver.clicks #1"),  # written, and nobody knows
        # remembered, and not in the table
        ("silver.accounts", "after merge silver.__apply_changes_storage_accounts #1"),
    ],
)
def test_a_run_killed_where_it_hurts_is_finished_by_the_next(empty: Place, only: str, boundary: str) -> None:
    empty = replace(empty, only=(only,))
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    assert check(calm, boundary, empty.another()) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only", "points"),
    [("silver.clicks", 15), ("silver.accounts", 18), ("silver.offices", 15), ("gold.sales", 20)],
)
def test_a_run_may_be_killed_after_every_write(empty: Place, only: str, points: int) -> None:
    """Before the next one is the same to the tables; so is, of a first run, what is no CREATE."""
    empty = replace(empty, only=(only,))
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    births = [one for one in calm["boundaries"] if one.startswith("after make")]
    wrong = checked(calm, births, empty.another)
    land(empty.landing, 2)
    base = empty.copied()
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    wrong += checked(calm, [one for one in calm["boundaries"] if one.startswith("after")], base.copied)
    assert [one for one in wrong if one] == []
    assert len(wrong) >= points


@pytest.mark.slow
def test_a_run_may_be_killed_at_any_moment_with_its_jvm(empty: Place) -> None:
    calm = empty.run()
    assert calm is not None and not calm["errors"]
    place = empty.another()
    names = {f"MEDALLION_{layer.upper()}_SCHEMA": place.settings.schema(layer) for layer in LAYERS}
    homes = {"MEDALLION_WAREHOUSE": str(place.home), "MEDALLION_LANDING": str(place.landing)}
    command = [sys.executable, "-c", "from medallion_pipelines.cli import main; main()", "run", place.product]
    environment = {**os.environ, **names, **homes}
    environment.pop("SPARK_REMOTE", None)

    def killed_after(seconds: float | None) -> bool:
        with subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                said = process.communicate(timeout=seconds)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # Java goes with it
                return True
            assert process.returncode == 0, said.decode()
            return False

    started = time.monotonic()
    other = replace(place, home=place.home.with_name("whole"))
    assert other.run() is not None  # on a warm server: less than a run with a JVM of its own takes
    longest = 3 * (time.monotonic() - started) + 15
    moments = random.Random(5)
    killed = sum(killed_after(moments.uniform(5, longest)) for _ in range(8))
    assert killed >= 3
    assert not killed_after(None)
    assert differing(calm, place.run()) is None
