"""Replay: records leave quarantine once they are valid, or corrected, exactly once and with a trail."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.silver.refused import KEY, cut_off, ids, quarantine, things, trail
from tests.support import (
    column,
    counts,
    gold,
    land_json,
    rows,
    step,
    versions,
    write_product,
)

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.report.history import read_history
from medallion_pipelines.report.model import Counts


@pytest.mark.slow
def test_records_that_a_mended_contract_takes_move_once_and_the_others_stay_with_todays_reasons(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    counted = gold(
        "counted", [column("n", "integer")], [{"table": "silver.things"}], key=["n"]
    )  # no grain: made whole where its input changed
    sql = {"counted": "SELECT count(*) AS n FROM {things}"}
    narrow = write_product(tmp_path / "p", things(9), counted, **sql)
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 10}, {"id": 10}, {"id": 99}, {"id": "x"}])
    assert counts(lakehouse.run(narrow), KEY) == (5, 1, 4, 0)
    before = ids(lakehouse, narrow)
    (standing,) = lakehouse.quarantine(narrow)
    assert (standing.table, standing.records, standing.rules) == (KEY, 4, {"id_maximum": 3, "type": 1})
    assert standing.oldest == standing.newest

    wide = write_product(tmp_path / "q", things(50), counted, **sql)
    moved = lakehouse.replay(KEY, wide, rule="id_maximum")
    assert counts(moved, KEY) == (0, 2, -2, 0)
    assert rows(lakehouse, KEY) == [(1,), (10,), (10,)]
    assert quarantine(lakehouse) == [('{"id": "x"}', "type"), ('{"id": 99}', "id_maximum")]
    assert ids(lakehouse, wide).items() <= before.items()
    (message,) = lakehouse.quarantined(KEY, wide, rule="id_maximum").select("errors.message").first()[0]
    assert "50" in message
    assert trail(lakehouse) == [
        ("replayed", ["id_maximum"]), ("replayed", ["id_maximum"]), ("still_quarantined", ["id_maximum"]),
    ]  # fmt: skip

    told = read_history(lakehouse.tables, "q", [KEY]).total[KEY]
    assert told == Counts(rows_in=5, valid=3, quarantined=2)

    there = versions(lakehouse)
    again = lakehouse.replay(KEY, wide)
    assert (again.succeeded, again.changed) == (True, False)
    assert versions(lakehouse) == there and len(trail(lakehouse)) == 3

    assert step(lakehouse.run(wide), KEY).status == "unchanged"
    assert rows(lakehouse, "gold.counted") == [(3,)]


CUTS = [
    "settle",  # after the table's write, before the quarantine's commit
    "write",
    "_conserve",  # after the trail, before the log
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [CUTS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in CUTS[1:])])
def test_a_replay_that_was_cut_off_is_finished_by_the_next_run(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 10}, {"id": 10}, {"id": 99}])
    assert lakehouse.run(write_product(tmp_path / "p", things(9))).succeeded
    wide = write_product(tmp_path / "p", things(50))
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("medallion_pipelines.silver.refine"), name, cut_off)
        assert not lakehouse.replay(KEY, wide).succeeded
    land_json(lakehouse, "things/b.json", [{"id": 2}, {"id": 100}])
    assert lakehouse.run(wide).succeeded
    assert rows(lakehouse, KEY) == [(1,), (10,), (10,), (2,)]
    assert quarantine(lakehouse) == [('{"id": 100}', "id_maximum"), ('{"id": 99}', "id_maximum")]
    outcomes = [outcome for outcome, _ in trail(lakehouse)]
    assert outcomes == ["replayed", "replayed", "still_quarantined"]
    assert [key for key in lakehouse.tables.keys("ops") if "staging" in key] == []
    assert not lakehouse.replay(KEY, wide).changed


@pytest.mark.slow
def test_corrected_records_go_through_bronze_and_survive_a_rebuild(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", things(9))
    land_json(lakehouse, "things/a.json", [{"id": 1}, '{"id": 1O}', '{"id": 1O}', {"id": 99}])
    assert counts(lakehouse.run(product), KEY) == (4, 1, 3, 0)
    known = ids(lakehouse, product)
    there = versions(lakehouse)
    unknown = lakehouse.replay(KEY, product, corrected={known['{"id": 99}']: '{"id": 2}', "nope": "{}"})
    assert "silver.things_quarantine has no record nope." in step(unknown, KEY).error
    assert versions(lakehouse) == there

    corrected = {known['{"id": 1O}']: '{"id": 7}', known['{"id": 99}']: '{"id": 98}'}
    taken = lakehouse.replay(KEY, product, corrected=corrected)
    assert counts(taken, KEY) == (0, 2, -2, 0)  # two records of one id, and one that is still wrong
    expected = ([(1,), (7,), (7,)], [('{"id": 98}', "id_maximum")])
    assert (rows(lakehouse, KEY), quarantine(lakehouse)) == expected
    assert [outcome for outcome, _ in trail(lakehouse)] == ["corrected"] * 3
    origin = lakehouse.table("bronze.things").where("_corrects IS NOT NULL AND _file_size = 43")
    assert sorted(map(tuple, origin.select("_corrects", "record").collect())) == sorted(
        (known[was], text) for was, text in [('{"id": 1O}', '{"id": 7}')] * 2 + [('{"id": 99}', '{"id": 98}')]
    )
    assert lakehouse.table("bronze.things_parsed").count() == 7

    there = versions(lakehouse)
    again = lakehouse.replay(KEY, product, corrected=corrected)
    assert (again.succeeded, again.changed) == (True, False)
    assert versions(lakehouse) == there
    land_json(lakehouse, "things/b.json", [{"id": 3}])
    assert counts(lakehouse.run(product), KEY) == (1, 1, 0, 0)
    assert counts(lakehouse.rebuild(KEY, product), KEY) == (5, 4, 1, 0)
    assert (rows(lakehouse, KEY), quarantine(lakehouse)) == ([(1,), (3,), (7,), (7,)], expected[1])
