"""Silver tables that follow full snapshots, as contracts declare them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support import column, counts, land_text, rows, run_only, silver, step, versions, write_product

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.silver import changed

BY_DAY = "to_date(substring(_metadata.file_name, 1, 10))"
JAN, FEB, MAR = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)


def ports(**way: object) -> dict[str, Any]:
    columns = [column("code"), column("name", required=True), column("gates", "integer")]
    changes = {"snapshotVersion": BY_DAY, "storedAsScdType": 2, **way}
    return silver("ports", columns, key=["code"], kind="csv", custom={"changes": changes})


def land(lakehouse: Lakehouse, day: str, *lines: str) -> None:
    land_text(lakehouse, f"ports/{day}.csv", "\n".join(["code,name,gates", *lines, ""]))


def history(lakehouse: Lakehouse) -> list[tuple[object, ...]]:
    return rows(lakehouse, "silver.ports", "code", "name", "gates", "__START_AT", "__END_AT")


@pytest.mark.slow
def test_a_table_follows_the_snapshots_of_its_feed_in_order(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", ports())
    land(lakehouse, "2024-02-01", "A,Ahus,2", "B,Bodo,1")
    land(lakehouse, "2024-01-01", "A,Ahus,1", "B,Bodo,1", "C,Cork,1", "A,Aahus,1")
    assert counts(lakehouse.run(product), "silver.ports") == (6, 5, 0, 1)
    assert history(lakehouse) == [
        ("A", "Ahus", 1, JAN, FEB), ("A", "Ahus", 2, FEB, None), ("B", "Bodo", 1, JAN, None),
        ("C", "Cork", 1, JAN, FEB),
    ]  # fmt: skip

    # B is there, and cannot be read: it is not taken for one that is gone
    land(lakehouse, "2024-03-01", "A,Ahus,2", "B,Bodo,one", "D,Dover,4")
    assert counts(lakehouse.run(product), "silver.ports") == (3, 2, 1, 0)
    assert history(lakehouse)[2:] == [
        ("B", "Bodo", 1, JAN, None), ("C", "Cork", 1, JAN, FEB), ("D", "Dover", 4, MAR, None),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_snapshot_with_a_record_of_no_key_deletes_nothing(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", ports(storedAsScdType=1))
    land(lakehouse, "2024-01-01", "A,Ahus,1", "B,Bodo,1")
    land(lakehouse, "2024-02-01", "A,Ahus,2", ",Bodo,1")
    lakehouse.run(product)
    assert rows(lakehouse, "silver.ports") == [("A", "Ahus", 2), ("B", "Bodo", 1)]
    land(lakehouse, "2024-03-01", "A,Ahus,2")
    lakehouse.run(product)
    assert rows(lakehouse, "silver.ports") == [("A", "Ahus", 2)]


@pytest.mark.slow
def test_a_late_snapshot_is_refused_with_the_way_out(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", ports())
    land(lakehouse, "2024-02-01", "A,Ahus,2")
    lakehouse.run(product)
    land(lakehouse, "2024-01-01", "A,Ahus,1", "B,Bodo,1")
    run_only(lakehouse, product, "bronze.ports")
    before = versions(lakehouse)
    for _ in range(2):
        failed = step(run_only(lakehouse, product, "silver.ports"), "silver.ports")
        assert "follows the snapshot 2024-02-01 already, and 2024-01-01 came after it" in failed.error
        assert versions(lakehouse) == before
    assert lakehouse.rebuild("silver.ports", product).succeeded
    assert history(lakehouse) == [
        ("A", "Ahus", 1, JAN, FEB), ("A", "Ahus", 2, FEB, None), ("B", "Bodo", 1, JAN, FEB),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("applied", [1, 2])
def test_a_run_that_was_cut_off_between_snapshots_is_finished_by_the_next(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, applied: int
) -> None:
    product = write_product(tmp_path / "p", ports())
    land(lakehouse, "2024-01-01", "A,Ahus,1", "B,Bodo,1")
    land(lakehouse, "2024-02-01", "A,Ahus,2")
    land(lakehouse, "2024-03-01", "B,Bodo,3")
    real, done = changed.apply_snapshot, list[int]()

    def cut_off(*given: Any, **more: Any) -> Any:
        if len(done) == applied:
            raise RuntimeError("cut off")
        done.append(1)
        return real(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(changed, "apply_snapshot", cut_off)
        assert "cut off" in step(lakehouse.run(product), "silver.ports").error
    assert counts(lakehouse.run(product), "silver.ports") == (4, 4, 0, 0)
    assert history(lakehouse) == [
        ("A", "Ahus", 1, JAN, FEB), ("A", "Ahus", 2, FEB, MAR), ("B", "Bodo", 1, JAN, FEB),
        ("B", "Bodo", 3, MAR, None),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_time_of_a_file_can_be_the_version_of_its_snapshot(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", ports(snapshotVersion="_metadata.file_modification_time"))
    texts = ["A,Ahus,1\nB,Bodo,1\n", "A,Ahus,2\n"]
    moments = [datetime(2024, month, 1, 12, tzinfo=UTC) for month in (1, 2)]
    for text, at in zip(texts, moments, strict=True):
        land_text(lakehouse, f"ports/{at.month}.csv", f"code,name,gates\n{text}", modified=at.timestamp())
        assert lakehouse.run(product).succeeded
    first, second = (at.astimezone().replace(tzinfo=None) for at in moments)
    assert history(lakehouse) == [
        ("A", "Ahus", 1, first, second), ("A", "Ahus", 2, second, None), ("B", "Bodo", 1, first, second),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_file_that_says_no_version_is_quarantined(lakehouse: Lakehouse, tmp_path: Path) -> None:
    contract = ports(snapshotVersion="try_to_date(substring(_metadata.file_name, 1, 10))")
    product = write_product(tmp_path / "p", contract)
    land(lakehouse, "newest", "A,Ahus,1")
    assert counts(lakehouse.run(product), "silver.ports") == (1, 0, 1, 0)
    (row,) = lakehouse.table("silver.ports_quarantine").collect()
    assert [error.rule for error in row._errors] == ["snapshot_version"]
