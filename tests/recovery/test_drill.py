"""A lakehouse is lost with its region, and is had back, with nothing lost and nothing doubled."""

from __future__ import annotations

import hashlib
import importlib
import shutil
from pathlib import Path

import pytest
from tests.support import column, gold, land_json, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import LockedError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.recovery import drill
from medallion_pipelines.settings import Settings

drilling = importlib.import_module("medallion_pipelines.recovery.drill")
COLUMNS = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
ORDERED = {"sequenceBy": ["seq"]}
CHANGES = {**ORDERED, "changes": {"applyAsDeletes": "op = 'D'", "storedAsScdType": 2}}


def product(folder: Path) -> Path:
    mart = gold(
        "per_v",
        [column("v"), column("n", "integer")],
        [{"table": "silver.keyless", "grain": {"v": "v"}}],
        key=["v"],
    )
    return write_product(
        folder,
        silver("keyless", COLUMNS, path="things/*"),
        silver("past", COLUMNS, key=["id"], path="things/*", custom=CHANGES),
        mart,
        per_v="SELECT v, count(*) AS n FROM {keyless} GROUP BY v",
    )


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".run.lock"
    }


@pytest.mark.slow
def test_a_drill_loses_region_a_and_has_everything_back_without_touching_the_lakehouse(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = product(tmp_path / "p")
    for batch in range(2):
        records = [{"id": n, "seq": batch, "v": f"v{n % 3}"} for n in range(5)]
        land_json(lakehouse, f"things/{batch}.json", [*records, {"id": "no number"}])
        assert lakehouse.run(folder).succeeded
    before = hashes(tmp_path)
    found = drill(lakehouse.settings, load_product(folder), lakehouse.spark, print)
    assert [(check.what, check.wrong) for check in found.checks if check.wrong] == []
    assert len(found.checks) == 7
    assert hashes(tmp_path) == before
    assert found.notes == []
    assert 0 < found.rpo_seconds < 600 and 0 < found.rto_seconds < 600
    assert 0 < found.next_copy_bytes < found.first_copy_bytes
    assert found.failback_bytes > 0


def test_what_streams_feed_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    clicks = silver("clicks", COLUMNS, key=["id"])
    for one in clicks["schema"][0]["customProperties"]:
        if one["property"] == "source":
            one["value"] = {"stream": "clicks", "format": "json"}
    mart = gold(
        "per_v",
        [column("v"), column("n", "integer")],
        [{"table": "silver.clicks", "grain": {"v": "v"}}],
        key=["v"],
    )
    folder = write_product(
        tmp_path / "p",
        clicks,
        silver("things", COLUMNS, key=["id"]),
        mart,
        per_v="SELECT v, count(*) AS n FROM {clicks} GROUP BY v",
    )
    settings, nothing = Settings(warehouse=str(tmp_path), landing=str(tmp_path)), None
    prepared = drilling.Drill(settings, load_product(folder), nothing, tmp_path, print)  # type: ignore[arg-type]
    assert prepared.found.notes == [
        "Copied, but not run in the drill, because streams feed them: silver.clicks, gold.per_v."
    ]


def test_a_drill_that_was_killed_leaves_nothing_to_the_next_and_two_do_not_mix(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    with drilling.scratch_beside(warehouse) as scratch:
        (scratch / "a" / "landing").mkdir(parents=True)
        (scratch / "a" / "landing" / "people.json").write_text("Ada")
        left = tmp_path / "left"
        shutil.copytree(scratch, left)
        with pytest.raises(LockedError), drilling.scratch_beside(warehouse):
            pass
        assert (scratch / "a" / "landing" / "people.json").exists()
    assert list(tmp_path.iterdir()) == [left]
    left.rename(scratch)
    with drilling.scratch_beside(warehouse) as scratch:
        assert [path.name for path in scratch.iterdir()] == [".run.lock"]
    assert list(tmp_path.iterdir()) == []
