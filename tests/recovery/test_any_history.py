"""Whatever happens to a lakehouse, and wherever its copying is cut off: a copy is one that was, whole."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recovery.lake import Contents, Table, contents, lake, make

from medallion_pipelines.recovery import replicate, slots, verify

NAMES = ("bronze.orders", "silver.orders", "ops.files")
DEEDS = ("add", "replace", "remove", "vacuum", "checkpoint", "drop", "make", "copy", "copy cut off")


class CutOffError(Exception):
    pass


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    deeds=st.lists(st.tuples(st.sampled_from(DEEDS), st.sampled_from(NAMES), st.integers(0, 40)), max_size=40)
)
def test_a_copy_is_always_one_that_was_and_the_newest_when_it_was_not_cut_off(
    deeds: list[tuple[str, str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as home:
        follow(Path(home), deeds)


def follow(home: Path, deeds: list[tuple[str, str, int]]) -> None:
    a, b = lake(home / "a"), str(home / "b" / "warehouse")
    (home / "b").mkdir()
    make(a, "ops.runs").commit("never dropped: else it would be another lakehouse")
    tables: dict[str, Table] = {name: make(a, name) for name in NAMES[:2]}
    copied: Contents | None = None
    chance = random.Random(len(deeds))
    for deed, name, number in deeds:
        table = tables.get(name)
        if deed == "make" and table is None:
            tables[name] = make(a, name)
        elif deed.startswith("copy") and tables:
            now = contents(a.warehouse or "")
            if copy(a, b, number if deed == "copy cut off" else None):
                copied = now
                assert verify(b) == []
            assert (contents(b) if copied is not None else None) == copied
        elif table is None:
            continue
        elif deed == "add":
            table.commit(f"text {number}")
        elif deed == "replace" and table.live:
            table.commit(f"text {number}", without=[chance.choice(sorted(table.live))], change="c")
        elif deed == "remove" and table.live:
            table.commit(without=[chance.choice(sorted(table.live))])
        elif deed == "vacuum":
            table.vacuum()
        elif deed == "checkpoint":
            table.checkpoint(parts=1 + number % 3)
        elif deed == "drop":
            shutil.rmtree(tables.pop(name).folder)
    if tables:
        assert copy(a, b, None)
        assert contents(b) == contents(a.warehouse or "")
        assert verify(b) == []


def copy(a: object, b: str, stop_after: int | None) -> bool:
    """Replicate, or begin to; whether it came to its end."""
    real, done = slots.put, 0

    def put(*args: object, **more: object) -> object:
        nonlocal done
        if done == stop_after:
            raise CutOffError
        done += 1
        return real(*args, **more)  # type: ignore[arg-type]

    slots.put = put  # type: ignore[assignment]
    try:
        replicate(a, b)  # type: ignore[arg-type]
    except CutOffError:
        return False
    finally:
        slots.put = real
    return True
