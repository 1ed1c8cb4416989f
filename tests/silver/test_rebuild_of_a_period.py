"""A rebuild of what came in during a period: as a rebuild of all would have it, for the keys it touches."""

from __future__ import annotations

import importlib
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas
import pytest
from tests.silver.refused import cut_off
from tests.support import column, gold, land_json, rows, silver, step, versions, write_product

from medallion_pipelines.lakehouse import Lakehouse

KEY = "silver.things"
Record = dict[str, Any]


def product(folder: Path, maximum: int, w: str, *, key: tuple[str, ...] = ("id",), **more: Any) -> Path:
    """`w` is what the contract computes of `v`."""
    columns = [
        column("id", "integer"),
        column("seq", "integer"),
        column("v", "integer", logicalTypeOptions={"maximum": maximum}),
        column("w", "integer", transformLogic=w),
    ]
    per_v = gold(
        "per_w",
        [column("w", "integer"), column("n", "integer")],
        [{"table": KEY, "grain": {"w": "w"}}],
        key=["w"],
    )
    return write_product(
        folder,
        silver("things", columns, key=key, custom={"sequenceBy": ["seq"]} if key else {}, **more),
        per_v,
        per_w="SELECT w, count(*) AS n FROM {things} GROUP BY w",
    )


def land_days(lakehouse: Lakehouse, folder: Path, days: list[list[Record]]) -> list[datetime]:
    """Land and take in the records of one day after the other; the moments before each and after the last."""
    moments = [datetime.now(UTC)]
    for number, records in enumerate(days):
        land_json(lakehouse, f"things/{number}.json", records)
        assert lakehouse.run(folder).succeeded
        moments.append(datetime.now(UTC))
    return moments


def refused(lakehouse: Lakehouse) -> list[str]:
    return sorted(record for (record,) in rows(lakehouse, f"{KEY}_quarantine", "record"))


def per_w(lakehouse: Lakehouse) -> list[tuple[int, int]]:
    made = [w for (w,) in rows(lakehouse, KEY, "w")]
    return sorted({(w, made.count(w)) for w in made}, key=repr)


@pytest.mark.slow
def test_what_came_in_during_a_period_is_made_anew_and_nothing_else(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    days = [
        [{"id": 1, "seq": 1, "v": 5}, {"id": 2, "seq": 1, "v": 5}, {"id": 4, "seq": 1, "v": 9}],
        [{"id": 1, "seq": 2, "v": 7}, {"id": 3, "seq": 1, "v": 50}, {"id": 5, "seq": 1, "v": 7}],
        [{"id": 3, "seq": 0, "v": 4}, {"id": 6, "seq": 1, "v": 50}],
    ]
    folder = product(tmp_path / "p", 9, "v + 1")
    moments = land_days(lakehouse, folder, days)
    assert refused(lakehouse) == [json.dumps(days[1][1]), json.dumps(days[2][1])]

    product(folder, 6, "v * 10")  # 7 is not taken any more, 50 neither
    told = step(lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]), KEY)
    assert rows(lakehouse, KEY) == [(1, 1, 5, 50), (2, 1, 5, 6), (3, 0, 4, 40), (4, 1, 9, 10)]
    assert refused(lakehouse) == sorted(
        json.dumps(one) for one in (days[1][0], days[1][1], days[1][2], days[2][1])
    )
    assert (told.rows_in, told.rows_valid, told.rows_quarantined, told.rows_duplicate) == (0, -1, 2, -1)
    assert (told.rows_written, told.rows_deleted) == (2, 1)
    assert step(lakehouse.run(folder), "gold.per_w").rows_in == 4  # keys there were and are: 5, 8; 40, 50
    assert rows(lakehouse, "gold.per_w") == per_w(lakehouse)
    there = versions(lakehouse, ["silver"])
    nothing = lakehouse.rebuild(KEY, folder, since=moments[3])
    assert not nothing.changed and versions(lakehouse, ["silver"]) == there
    assert f"{KEY}: bronze.things took in no record since " in step(nothing, KEY).notes[-1]


@pytest.mark.slow
@pytest.mark.parametrize("cut", [None, "write", "write_quarantine", "Staging"])
def test_many_records_of_a_period_are_made_anew_as_plain_python_does(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str | None
) -> None:
    chance = random.Random(3)
    seen = set[tuple[int, int]]()

    def record() -> Record:
        while (me := (chance.randrange(60), chance.randrange(1000))) in seen:
            pass
        seen.add(me)
        identity: int | str = me[0] if chance.random() > 0.1 else f"x{me[0]}"
        return {"id": identity, "seq": me[1], "v": chance.randrange(20)}

    days = [[record() for _ in range(40)] for _ in range(4)]
    folder = product(tmp_path / "p", 9, "v + 1")
    moments = land_days(lakehouse, folder, days)
    product(folder, 14, "v * 100")
    if cut is not None:
        with monkeypatch.context() as patch:
            patch.setattr(importlib.import_module("medallion_pipelines.silver.refine"), cut, cut_off)
            assert not lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]).succeeded
        if cut == "Staging":  # before it began
            assert lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]).succeeded
        else:
            assert lakehouse.run(folder).succeeded
    else:
        assert lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]).succeeded

    touched = {one["id"] for one in days[1] if isinstance(one["id"], int)}
    expected = dict[int, tuple[int, ...]]()
    left = list[str]()
    for number, day in enumerate(days):
        for one in day:
            anew = number == 1 or one["id"] in touched
            if isinstance(one["id"], str) or one["v"] > (14 if anew else 9):
                left.append(json.dumps(one))
            else:
                row = (one["id"], one["seq"], one["v"], one["v"] * 100 if anew else one["v"] + 1)
                expected[row[0]] = max(row, expected.get(row[0], (0, -1)), key=lambda it: it[1])
    assert rows(lakehouse, KEY) == sorted(expected.values(), key=repr)
    assert refused(lakehouse) == sorted(left)
    counted = lakehouse.table("ops.table_metrics").where(f"`table` = '{KEY}' AND status = 'succeeded'")
    assert counted.selectExpr("sum(rows_in)", "sum(rows_quarantined)").first() == (len(seen), len(left))
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, "gold.per_w") == per_w(lakehouse)
    assert [key for key in lakehouse.tables.keys("ops") if "staging" in key] == []
    # and the same again changes nothing
    before = rows(lakehouse, KEY), refused(lakehouse)
    assert step(lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]), KEY).rows_written == 0
    assert (rows(lakehouse, KEY), refused(lakehouse)) == before


@pytest.mark.slow
@pytest.mark.parametrize("key", [("id",), ()])
def test_a_value_that_a_row_is_about_to_lose_is_free_for_another(
    lakehouse: Lakehouse, tmp_path: Path, key: tuple[str, ...]
) -> None:
    def contracts(w: str) -> Path:
        columns = [
            column("id", "integer"),
            column("v", "integer"),
            column("w", "integer", transformLogic=w, unique=True),
        ]
        return write_product(tmp_path / "p", silver("things", columns, key=key))

    folder = contracts("v + 1")
    days: list[list[Record]] = [[{"id": 1, "v": 1, "u": 0}], [{"id": 2, "v": 2}], [{"id": 3, "v": 4}]]
    moments = land_days(lakehouse, folder, days)
    assert rows(lakehouse, KEY, "w") == [(2,), (3,), (5,)]
    contracts("v")
    part = {"since": moments[0], "until": moments[2]} if key else {}
    assert lakehouse.rebuild(KEY, folder, **part).succeeded
    assert rows(lakehouse, KEY) == [(1, 1, 1), (2, 2, 2), (3, 4, 5 if key else 4)]
    if key:
        assert rows(lakehouse, "ops.drift", "field", "records") == [("u", 1)]  # told once
        contracts("v + 1")
        assert lakehouse.rebuild(KEY, folder, since=moments[1], until=moments[2]).succeeded
        contracts("v + 2")  # what another row keeps is not free: 3 is the second's
        assert lakehouse.rebuild(KEY, folder, until=moments[1]).succeeded
        assert rows(lakehouse, KEY) == [(2, 2, 3), (3, 4, 5)]


@pytest.mark.slow
def test_a_table_without_a_key_is_rebuilt_whole_and_says_so(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = product(tmp_path / "p", 9, "v + 1", key=())
    moments = land_days(lakehouse, folder, [[{"id": 1, "seq": 1, "v": 5}], [{"id": 2, "seq": 1, "v": 6}]])
    product(folder, 9, "v * 10", key=())
    told = step(lakehouse.rebuild(KEY, folder, since=moments[1]), KEY)
    assert told.notes[-1] == f"{KEY}: rebuilt whole, because it has no primary key."
    assert rows(lakehouse, KEY) == [(1, 1, 5, 50), (2, 1, 6, 60)]


@pytest.mark.slow
def test_a_table_with_refused_parquet_records_is_rebuilt_whole(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = product(tmp_path / "p", 9, "v + 1", kind="parquet")
    place = Path(lakehouse.settings.landing) / "things"
    place.mkdir(parents=True)
    for day, v in enumerate([5, 50]):
        pandas.DataFrame({"id": [day], "seq": [1], "v": [v]}).to_parquet(place / f"{day}.parquet")
        assert lakehouse.run(folder).succeeded
    product(folder, 50, "v * 10", kind="parquet")
    told = step(lakehouse.rebuild(KEY, folder, since=datetime.now(UTC)), KEY)
    assert told.notes[-1] == f"{KEY}: rebuilt whole, because records of Parquet files are in quarantine."
    assert rows(lakehouse, KEY) == [(0, 1, 5, 50), (1, 1, 50, 500)]
    assert refused(lakehouse) == []


@pytest.mark.slow
def test_a_check_that_fails_leaves_table_and_quarantine_as_they_were(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    days = [[{"id": 1, "seq": 1, "v": 5}], [{"id": 2, "seq": 1, "v": 6}, {"id": 3, "seq": 1, "v": 10}]]
    folder = product(tmp_path / "p", 9, "v + 1")
    moments = land_days(lakehouse, folder, days)
    least = {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 3, "severity": "error"}
    product(folder, 20, "v * 10", quality=[least])
    there = versions(lakehouse, ["silver"])
    failed = step(lakehouse.rebuild(KEY, folder, since=moments[1]), KEY)
    assert "was not written" in failed.error
    assert versions(lakehouse, ["silver"]) == there
    product(folder, 20, "v * 10", quality=[{**least, "mustBeGreaterThan": 2}])  # 1 stays, 2 and 3 come
    assert lakehouse.rebuild(KEY, folder, since=moments[1]).succeeded
    assert rows(lakehouse, KEY) == [(1, 1, 5, 6), (2, 1, 6, 60), (3, 1, 10, 100)]


@pytest.mark.slow
def test_a_mart_recomputes_what_changes_of_its_inputs_touched_then(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    stamped = gold(
        "stamped",
        [column("id", "integer"), column("made", "timestamp")],
        [{"table": KEY, "grain": {"id": "id"}}],
        key=["id"],
    )
    folder = write_product(
        product(tmp_path / "p", 9, "v"),
        stamped,
        stamped="SELECT id, current_timestamp() AS made FROM {things}",
    )
    moments = land_days(lakehouse, folder, [[{"id": day, "seq": 1, "v": 1}] for day in (1, 2, 3)])

    def made() -> dict[int, datetime]:
        return dict(rows(lakehouse, "gold.stamped"))

    before = made()
    told = step(lakehouse.rebuild("gold.stamped", folder, since=moments[1], until=moments[2]), "gold.stamped")
    after = made()
    assert (told.rows_in, told.rows_written) == (1, 1)
    assert {key for key in before if after[key] != before[key]} == {2}
    late = lakehouse.rebuild("gold", folder, since=moments[3])
    assert not late.changed and made() == after
    assert step(late, "gold.stamped").notes[-1].startswith("gold.stamped: no input changed since ")
