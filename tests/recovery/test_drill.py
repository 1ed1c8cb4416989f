"""A lakehouse is lost with its region, and is had back, with nothing lost and nothing doubled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.support import column, gold, land_json, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.recovery import drill

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
