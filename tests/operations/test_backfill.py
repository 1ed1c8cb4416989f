"""Old files of an archive are taken into a table that is in use already."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import column, counts, gold, land_json, rows, silver, step, versions, write_product

from medallion_pipelines.errors import SourceError, UnknownNameError
from medallion_pipelines.lakehouse import Lakehouse

COLUMNS = [column("id", "integer"), column("seq", "integer"), column("v")]
WAY = {"sequenceBy": ["seq"], "changes": {"storedAsScdType": 2, "applyAsDeletes": "op = 'D'"}}


@pytest.mark.slow
def test_an_archive_is_taken_once_in_any_order_and_marts_follow(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(
        tmp_path / "p",
        silver("things", COLUMNS, key=["id"], custom=WAY),
        gold(
            "open",
            [column("v"), column("n", "integer")],
            [{"table": "silver.things", "grain": {"v": "v"}}],
            key=["v"],
        ),
        open="SELECT v, count(*) AS n FROM {things} WHERE __END_AT IS NULL GROUP BY v",
    )
    land_json(lakehouse, "things/now.json", [{"id": 1, "seq": 5, "v": "c"}])
    assert lakehouse.run(product).succeeded
    land_json(lakehouse, "archive/2.json", [{"id": 1, "seq": 3, "v": "b"}, {"id": 2, "seq": 1, "v": "c"}])
    land_json(lakehouse, "archive/1.json", [{"id": 1, "seq": 1, "v": "a"}, {"op": "D", "id": 1, "seq": 4}])
    assert counts(lakehouse.backfill("silver.things", "archive/2.json", product), "silver.things") == (
        2,
        2,
        0,
        0,
    )
    archive = str(Path(lakehouse.settings.landing) / "archive")
    assert counts(lakehouse.backfill("silver.things", archive, product), "silver.things") == (2, 2, 0, 0)
    assert rows(lakehouse, "silver.things", "id", "v", "__START_AT", "__END_AT") == [
        (1, "a", 1, 3), (1, "b", 3, 4), (1, "c", 5, None), (2, "c", 1, None),
    ]  # fmt: skip
    there = versions(lakehouse)
    assert not lakehouse.backfill("silver.things", archive, product).changed
    assert versions(lakehouse) == there
    assert step(lakehouse.run(product), "bronze.things").status == "unchanged"
    assert rows(lakehouse, "gold.open") == [("c", 2)]
    with pytest.raises(SourceError, match="has no files"):
        lakehouse.backfill("silver.things", "archive/3.json", product)
    with pytest.raises(UnknownNameError, match=r"has no silver table gold\.open"):
        lakehouse.backfill("gold.open", archive, product)
