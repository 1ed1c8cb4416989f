"""A table goes back to how a step left it, and the next run brings it forward again."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import column, gold, land_json, rows, silver, step, versions, write_product

from medallion_pipelines.errors import MedallionError, UnknownNameError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Staging, Tables

COLUMNS = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
ORDERED = {"sequenceBy": ["seq"]}
CHANGES = {**ORDERED, "changes": {"applyAsDeletes": "op = 'D'", "storedAsScdType": 2}}
BATCHES = [
    [{"id": 1, "seq": 1, "v": "a"}, {"id": 2, "seq": 1, "v": "a"}, {"id": "x"}],
    [
        {"id": 1, "seq": 3, "v": "c"},
        {"op": "D", "id": 2, "seq": 2, "v": "b"},
        {"id": 3, "seq": 1, "v": "a"},
        {"id": "y"},
    ],
    [{"id": 1, "seq": 2, "v": "late"}, {"id": 2, "seq": 3, "v": "again"}, {"id": "z"}],
]
TABLES = ("silver.keyed", "silver.keyless", "silver.past")
MEMORY = "silver.__apply_changes_storage_past"


def product(folder: Path) -> Path:
    mart = gold(
        "per_v",
        [column("v"), column("n", "integer")],
        [{"table": "silver.keyed", "grain": {"v": "v"}}],
        key=["v"],
    )
    return write_product(
        folder,
        silver("keyed", COLUMNS, key=["id"], path="things/*", custom=ORDERED),
        silver("keyless", COLUMNS, path="things/*"),
        silver("past", COLUMNS, key=["id"], path="things/*", custom=CHANGES),
        mart,
        per_v="SELECT v, count(*) AS n FROM {keyed} GROUP BY v",
    )


def one_table(folder: Path) -> Path:
    return write_product(folder, silver("keyless", COLUMNS, path="things/*"))


def run(lakehouse: Lakehouse, folder: Path, *batches: int) -> None:
    """Run the product once after each of some batches."""
    for batch in batches:
        land_json(lakehouse, f"things/{batch}.json", BATCHES[batch])
        assert lakehouse.run(folder).succeeded


def contents(lakehouse: Lakehouse) -> dict[str, object]:
    """All that silver and gold hold; of quarantine the records."""
    keys = [key for layer in ("silver", "gold") for key in lakehouse.tables.keys(layer)]
    some = {key: ("record",) for key in keys if key.endswith("_quarantine")}
    return {key: rows(lakehouse, key, *some.get(key, ())) for key in keys}


def of_silver(found: dict[str, object]) -> dict[str, object]:
    return {key: held for key, held in found.items() if key.startswith("silver.")}


@pytest.mark.slow
def test_tables_go_back_with_what_belongs_to_them_and_the_next_run_brings_all_forward(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = product(tmp_path / "p")
    run(lakehouse, folder, 0)
    then, at = contents(lakehouse), versions(lakehouse)
    run(lakehouse, folder, 1, 2)
    now = contents(lakehouse)
    assert then.keys() == now.keys() and MEMORY in then
    for key in TABLES:
        result = step(lakehouse.restore(key, at[key], folder), key)
        assert f"{key}: version {at[key]} of 20" in result.notes[0] and "is back" in result.notes[0]
    assert of_silver(contents(lakehouse)) == of_silver(then)
    forward = lakehouse.run(folder)
    assert step(forward, "silver.keyless").rows_in == len(BATCHES[1]) + len(BATCHES[2])
    assert contents(lakehouse) == now
    assert not lakehouse.run(folder).changed
    # what the next run made of it is a step like any other, and so is what was restored
    lakehouse.restore("gold.per_v", at["gold.per_v"], folder)
    assert rows(lakehouse, "gold.per_v") == then["gold.per_v"]
    assert lakehouse.run(folder).succeeded
    assert contents(lakehouse) == now


@pytest.mark.slow
def test_what_cannot_be_had_exactly_is_refused_and_nothing_changes(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    name = lakehouse.tables.name("silver.keyless")
    lakehouse.spark.sql(f"INSERT INTO {name} VALUES (7, 7, 'by hand')")
    run(lakehouse, folder, 1)
    dates = [
        commit.at.isoformat(timespec="milliseconds")[:23] + "Z"
        for commit in lakehouse.tables.history("silver.keyless")
    ]
    before, held = versions(lakehouse, ["bronze", "silver", "ops"]), contents(lakehouse)
    oldest = lakehouse.tables.history("silver.keyless")[0].at
    nearest = f"1 of {dates[1]} or 3 of {dates[3]}."
    refused: dict[int | datetime, str] = {
        2: f"version 2 (WRITE): no step ended with it, so it is not known which records are in it. "
        f"What it can be restored to: {nearest}",
        0: f"version 0 (CREATE TABLE): .* What it can be restored to: 1 of {dates[1]}.",
        4: "silver.keyless has no version 4: its log has 0 to 3. "
        f"What it can be restored to: 3 of {dates[3]}.",
        oldest - timedelta(seconds=1): f"the earliest version is 0 of {dates[0]}.",
    }
    for to, why in refused.items():
        with pytest.raises(MedallionError) as told:
            lakehouse.restore("silver.keyless", to, folder)
        assert all(part in str(told.value) for part in why.split(".* "))
    with pytest.raises(MedallionError, match="only ever added to"):
        lakehouse.restore("bronze.keyless", 1, folder)
    with pytest.raises(UnknownNameError, match=r"has no silver\.others"):
        lakehouse.restore("silver.others", 1, folder)
    data = _added(lakehouse, "keyless_quarantine", 1)
    aside = data.rename(data.with_suffix(".aside"))
    with pytest.raises(MedallionError, match=r"Version 1 of silver\.keyless_quarantine cannot be read any"):
        lakehouse.restore("silver.keyless", 1, folder)
    aside.rename(data)
    assert versions(lakehouse, ["bronze", "silver", "ops"]) == before
    assert contents(lakehouse) == held


def _added(lakehouse: Lakehouse, table: str, version: int) -> Path:
    """The file that a commit added."""
    folder = Path(str(lakehouse.settings.warehouse)) / lakehouse.settings.schema("silver") / table
    actions = map(json.loads, (folder / f"_delta_log/{version:020}.json").read_text().splitlines())
    (added,) = (action["add"] for action in actions if "add" in action)
    return folder / added["path"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "again",
    [
        pytest.param(False, id="a run"),
        pytest.param(True, id="the same restore", marks=pytest.mark.slow),
    ],
)
def test_a_restore_that_was_cut_off_is_finished_by_whatever_comes_next(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    then, at = contents(lakehouse), versions(lakehouse)["silver.keyless"]
    run(lakehouse, folder, 1)
    now = contents(lakehouse)
    done = Tables.restore

    def cut_off(tables: Tables, key: str, version: int) -> None:
        if key == "silver.keyless":
            raise KeyError("the machine went away")
        done(tables, key, version)

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "restore", cut_off)
        with pytest.raises(KeyError):
            lakehouse.restore("silver.keyless", at, folder)
    (status,) = lakehouse.status(folder)
    assert status.status == "restoring"
    if again:
        lakehouse.restore("silver.keyless", at, folder)
        assert contents(lakehouse) == then
    result = step(lakehouse.run(folder), "silver.keyless")
    assert again or f"back at version {at}" in result.notes[0]
    assert contents(lakehouse) == now


@pytest.mark.slow
def test_a_time_means_the_version_of_then_and_commits_that_keep_the_rows_do_not_matter(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    then = contents(lakehouse)
    name = lakehouse.tables.name("silver.keyless")
    lakehouse.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('my.own' = 'kept')")
    lakehouse.spark.sql(f"OPTIMIZE {name}")
    between = datetime.now(UTC)
    run(lakehouse, folder, 1)
    now = contents(lakehouse)
    naive = between.replace(tzinfo=None)
    for time in (between, naive, between.astimezone()):
        lakehouse.restore("silver.keyless", time, folder)
        assert contents(lakehouse) == then
        assert lakehouse.tables.property("silver.keyless", "my.own") == "kept"
        assert lakehouse.run(folder).succeeded
        assert contents(lakehouse) == now


@pytest.mark.slow
def test_what_was_done_by_hand_since_is_undone_and_told(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    then, at = contents(lakehouse), versions(lakehouse)["silver.keyless"]
    lakehouse.spark.sql(f"DELETE FROM {lakehouse.tables.name('silver.keyless')} WHERE id = 1")
    result = step(lakehouse.restore("silver.keyless", at, folder), "silver.keyless")
    assert f"undoes what was done by hand, too: DELETE (version {at + 1})" in result.notes[0]
    assert contents(lakehouse) == then


@pytest.mark.slow
def test_a_batch_that_was_left_is_dropped_and_made_again_from_bronze(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    then, at = contents(lakehouse), versions(lakehouse)["silver.keyless"]
    land_json(lakehouse, "things/1.json", BATCHES[1])

    def cut_off(*given: object) -> None:
        raise KeyError("the machine went away")

    with monkeypatch.context() as patched:  # the rows are in table and quarantine, the log does not know
        patched.setattr(importlib.import_module("medallion_pipelines.silver.refine"), "_conserve", cut_off)
        assert not lakehouse.run(folder).succeeded
    assert Staging(lakehouse.tables, "silver.keyless").left() is not None
    lakehouse.restore("silver.keyless", at, folder)
    assert contents(lakehouse) == then
    assert Staging(lakehouse.tables, "silver.keyless").left() is None
    assert lakehouse.run(folder).succeeded
    records = BATCHES[0] + BATCHES[1]
    assert len(rows(lakehouse, "silver.keyless")) == sum(record["id"] not in ("x", "y") for record in records)
    assert len(rows(lakehouse, "silver.keyless_quarantine", "record")) == 2


@pytest.mark.slow
def test_a_quarantine_that_came_later_is_emptied_and_one_of_another_table_refused(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = one_table(tmp_path / "p")
    land_json(lakehouse, "things/0.json", BATCHES[0][:2])
    assert lakehouse.run(folder).succeeded
    first = versions(lakehouse)["silver.keyless"]
    run(lakehouse, folder, 1)
    second, now = versions(lakehouse)["silver.keyless"], contents(lakehouse)
    lakehouse.restore("silver.keyless", first, folder)
    assert rows(lakehouse, "silver.keyless_quarantine") == []
    assert lakehouse.run(folder).succeeded
    assert contents(lakehouse) == now
    lakehouse.tables.drop("silver.keyless_quarantine")
    with pytest.raises(MedallionError, match=r"silver\.keyless_quarantine belongs to it and was dropped"):
        lakehouse.restore("silver.keyless", second, folder)


@pytest.mark.slow
def test_steps_of_a_table_that_was_dropped_do_not_count_for_the_one_made_anew(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0, 1, 2)
    lakehouse.tables.drop("silver.keyless")
    assert lakehouse.run(folder).succeeded
    lakehouse.spark.sql(f"INSERT INTO {lakehouse.tables.name('silver.keyless')} VALUES (7, 7, 'by hand')")
    with pytest.raises(MedallionError, match=r"version 2 \(WRITE\).* What it can be restored to: 1 of "):
        lakehouse.restore("silver.keyless", 2, folder)


@pytest.mark.slow
def test_bronze_that_was_made_anew_is_nothing_to_read_on_from(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0, 1)
    at = versions(lakehouse)["silver.keyless"]
    lakehouse.tables.drop("bronze.keyless")
    lakehouse.tables.drop("ops.files")
    other = Lakehouse(lakehouse.settings, lakehouse.spark)
    assert not other.run(folder).succeeded
    with pytest.raises(MedallionError, match=r"had read bronze\.keyless up to version 2, and that was made"):
        other.restore("silver.keyless", at, folder)


@pytest.mark.slow
@pytest.mark.parametrize("cut_off", [False, True])  # once bronze has it, and before it leaves quarantine
def test_what_was_corrected_since_does_not_come_back_to_quarantine(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off: bool
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    key, at = "silver.keyless", versions(lakehouse)["silver.keyless"]
    then = rows(lakehouse, key)
    (bad,) = (row.id for row in lakehouse.quarantined(key, folder).collect())
    corrected = {bad: '{"id": 9, "seq": 1, "v": "mended"}'}

    def failing(*given: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        if cut_off:
            patched.setattr(
                importlib.import_module("medallion_pipelines.silver.corrections"), "settle", failing
            )
        assert lakehouse.replay(key, folder, corrected=corrected).succeeded is not cut_off
    lakehouse.restore(key, at, folder)
    assert len(rows(lakehouse, f"{key}_quarantine")) == cut_off
    assert lakehouse.run(folder).succeeded
    now = contents(lakehouse)
    assert now == {key: [*then, (9, 1, "mended")], f"{key}_quarantine": []}
    assert [row.outcome for row in lakehouse.table("ops.quarantine_log").collect()] == ["corrected"]
    again = lakehouse.replay(key, folder, corrected=corrected)
    assert (again.succeeded, again.changed) == (True, False)
    assert contents(lakehouse) == now


@pytest.mark.slow
def test_a_restore_that_cannot_be_finished_gives_way_to_a_rebuild(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    at = versions(lakehouse)["silver.keyless"]
    run(lakehouse, folder, 1)
    now = contents(lakehouse)

    def failing(*given: object) -> None:
        raise MedallionError("files of it are gone")

    monkeypatch.setattr(Tables, "restore", failing)
    with pytest.raises(MedallionError, match="are gone"):
        lakehouse.restore("silver.keyless", at, folder)
    assert "are gone" in step(lakehouse.run(folder), "silver.keyless").error
    assert lakehouse.rebuild("silver.keyless", folder).succeeded
    assert lakehouse.run(folder).succeeded
    assert contents(lakehouse) == now


@pytest.mark.slow
def test_a_log_of_an_earlier_release_gains_what_it_lacks_and_its_steps_are_refused(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = one_table(tmp_path / "p")
    run(lakehouse, folder, 0)
    name, key = lakehouse.tables.name("ops.table_metrics"), "silver.keyless"
    old = lakehouse.spark.read.table(name).drop("beside_versions")
    old.write.format("delta").mode("overwrite").option("overwriteSchema", "true").saveAsTable(name)
    at = versions(lakehouse)[key]
    with pytest.raises(MedallionError, match="does not say what its quarantine was then"):
        lakehouse.restore(key, at, folder)
    run(lakehouse, folder, 1)
    now = contents(lakehouse)
    lakehouse.restore(key, versions(lakehouse)[key], folder)
    assert lakehouse.run(folder).succeeded
    assert contents(lakehouse) == now
