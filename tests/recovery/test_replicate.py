"""A copy of a lakehouse is all of it as of one moment, or the copy before."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.recovery.lake import Table, contents, files, lake, make

from medallion_pipelines.errors import LockedError, MedallionError, SetupError
from medallion_pipelines.operations import run_lock
from medallion_pipelines.recovery import replicate, slots, status, verify
from medallion_pipelines.recovery.replica import copy
from medallion_pipelines.settings import Settings


@pytest.fixture
def a(tmp_path: Path) -> Settings:
    return lake(tmp_path / "a")


@pytest.fixture
def b(tmp_path: Path) -> str:
    (tmp_path / "b").mkdir()
    return str(tmp_path / "b" / "warehouse")


def small(a: Settings) -> tuple[Table, Table]:
    """Two tables, a view, a stream's checkpoint."""
    bronze, silver = make(a, "bronze.orders"), make(a, "silver.orders")
    bronze.commit("record 1")
    silver.commit("row 1", change="change 1")
    warehouse = Path(a.warehouse or "")
    (warehouse / "bronze" / "orders_parsed.view.sql").write_text("CREATE VIEW ...")
    offsets = warehouse / "_checkpoints" / "bronze.orders" / bronze.id / "offsets"
    offsets.mkdir(parents=True)
    (offsets / "0").write_text("{}")
    (offsets / ".0.crc").write_text("Hadoop's own")
    return bronze, silver


class CutOffError(Exception):
    pass


def cut_off_after(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the copying of files stop after so many."""
    real, done = slots.put, 0

    def put(*args: object, **more: object) -> object:
        nonlocal done
        if done == number:
            raise CutOffError
        done += 1
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(slots, "put", put)


def test_a_copy_has_tables_views_and_checkpoints_and_leaves_hadoops_checksums(a: Settings, b: str) -> None:
    bronze, _ = small(a)
    done = replicate(a, b)
    assert (
        contents(b)
        == contents(a.warehouse or "")
        == {
            "bronze.orders": (1, ["record 1"]),
            "silver.orders": (1, ["row 1"]),
        }
    )
    offsets = f"_checkpoints/bronze.orders/{bronze.id}/offsets"
    assert files(b) == files(a.warehouse or "") - {f"{offsets}/.0.crc"}
    assert (done.tables, done.files, done.copied) == (2, 9, 9)
    assert verify(b) == []
    for name in files(b):  # of commits, time travel tells the times
        assert (Path(b) / name).stat().st_mtime_ns == (Path(a.warehouse or "") / name).stat().st_mtime_ns


def test_the_next_copy_takes_only_what_is_new(a: Settings, b: str) -> None:
    bronze, _ = small(a)
    replicate(a, b)
    again = replicate(a, b)
    assert (again.files, again.copied, again.bytes_copied) == (9, 0, 0)
    bronze.commit("record 2")
    more = replicate(a, b)
    assert (more.files, more.copied) == (11, 2)
    assert contents(b) == contents(a.warehouse or "")
    assert verify(b) == []


def test_a_copy_cut_off_after_any_file_leaves_the_one_before_and_the_next_is_whole(
    a: Settings, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze, silver = small(a)
    make(a, "gold.sales").commit("sums")
    replicate(a, b)
    before, had = contents(b), files(b)
    # all that can happen: it grows, loses files and versions, is dropped and made anew
    (first,) = bronze.commit("record 2")
    bronze.commit("record 1 and 2", without=[first])
    silver.commit("row 2", without=list(silver.live))
    silver.vacuum()
    gone = Path(a.warehouse or "") / "gold" / "sales"
    gone.rename(gone.parent / "dropped")
    for path in sorted((gone.parent / "dropped").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (gone.parent / "dropped").rmdir()
    make(a, "gold.sales").commit("other sums")
    wanted = contents(a.warehouse or "")
    total, number = len(files(a.warehouse or "")) - 1, 0
    while True:
        with monkeypatch.context() as patched:
            cut_off_after(patched, number)
            try:
                replicate(a, b)
                break
            except CutOffError:
                assert contents(b) == before
                assert files(b) == had
        number += 1
    assert number == total
    assert contents(b) == wanted
    assert files(b) == {name for name in files(a.warehouse or "") if not name.endswith(".crc")}
    assert verify(b) == []


def test_a_copy_cut_off_before_or_after_it_is_shown_is_finished_by_the_next(
    a: Settings, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze, _ = small(a)
    replicate(a, b)
    before = contents(b)
    bronze.commit("record 2")
    for step, seen in (("show", before), ("empty_others", contents(a.warehouse or ""))):
        with monkeypatch.context() as patched:

            def stop(*args: object) -> None:
                raise CutOffError

            patched.setattr(slots.Slots, step, stop)
            with pytest.raises(CutOffError):
                replicate(a, b)
        assert contents(b) == seen
        (said,) = verify(b)
        assert "has files of a copy that is on its way or was cut off, or of the one before" in said
    replicate(a, b)
    assert contents(b) == contents(a.warehouse or "")
    assert verify(b) == []


def test_what_a_copy_that_was_cut_off_has_left_is_not_in_the_next(
    a: Settings, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze, _ = small(a)
    replicate(a, b)
    bronze.commit("Ada, and others")
    with monkeypatch.context() as patched:
        cut_off_after(patched, 10)
        with pytest.raises(CutOffError):
            replicate(a, b)
    assert b"Ada" in everything(b)
    bronze.commit("others", without=list(bronze.live))
    bronze.vacuum()
    replicate(a, b)
    assert b"Ada" not in everything(b)
    assert verify(b) == []
    (Path(b) / "bronze" / "orders" / "left.parquet").write_text("Ada")
    assert verify(b) == ["bronze/orders/left.parquet was not copied."]


def test_what_is_erased_is_gone_from_the_copy_with_its_old_versions(a: Settings, b: str) -> None:
    _, silver = small(a)
    silver.commit("Ada, and others")
    replicate(a, b)
    assert b"Ada" in everything(b)
    (named,) = [name for name in silver.live if "Ada" in (silver.folder / name).read_text()]
    silver.commit("others", without=[named])
    silver.checkpoint()
    replicate(a, b)
    assert b"Ada" in everything(b)  # an old version still has her
    silver.vacuum()
    silver.forget_log()
    replicate(a, b)
    assert b"Ada" not in everything(b)
    assert verify(b) == []


def everything(b: str) -> bytes:
    """The bytes of every file at and beside a location."""
    return b"".join(path.read_bytes() for path in Path(b).parent.rglob("*") if path.is_file())


def test_a_file_that_is_vacuumed_while_it_is_copied_means_a_newer_cut(
    a: Settings, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, silver = small(a)
    real = slots.put

    def put(*args: object, **more: object) -> object:
        if silver.version == 1:
            silver.commit("row 1, compact", without=list(silver.live))
            silver.vacuum()
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(slots, "put", put)
    notes: list[str] = []
    replicate(a, b, notes.append)
    assert contents(b)["silver.orders"] == (2, ["row 1, compact"])
    (note,) = notes
    assert "went while the copy was made. Begun again with what is there now." in note


def test_a_table_that_lacks_a_file_is_named_and_the_copy_is_as_it_was(a: Settings, b: str) -> None:
    bronze, silver = small(a)
    replicate(a, b)
    before = contents(b)
    bronze.commit("record 2")
    (name,) = silver.live
    (silver.folder / name).unlink()
    with pytest.raises(MedallionError, match=f"silver/orders needs {name} at version 1, and it is gone"):
        replicate(a, b)
    assert contents(b) == before


def test_no_cut_is_taken_while_a_run_is_at_work(a: Settings, b: str) -> None:
    small(a)
    with run_lock(a.warehouse), pytest.raises(LockedError, match="Another run"):
        replicate(a, b)
    assert not Path(b).exists()


def test_a_copy_is_not_written_to(a: Settings, b: str) -> None:
    small(a)
    replicate(a, b)
    with pytest.raises(LockedError, match="is a copy of another lakehouse"), run_lock(b):
        pass


def test_only_a_copy_is_copied_over(a: Settings, b: str, tmp_path: Path) -> None:
    small(a)
    other = lake(tmp_path / "other")
    make(other, "silver.theirs").commit("theirs")
    for location, said in (
        (other.warehouse or "", "that is no copy of a lakehouse: nothing was written to it"),
        (a.warehouse or "", "is the lakehouse itself, or one is in the other"),
        (f"{a.warehouse}/inside", "is the lakehouse itself, or one is in the other"),
    ):
        with pytest.raises(MedallionError, match=said):
            replicate(a, location)
    assert contents(other.warehouse or "") == {"silver.theirs": (1, ["theirs"])}
    Path(b).mkdir()  # an empty folder is as good as none
    replicate(a, b)
    assert contents(b) == contents(a.warehouse or "")


def test_what_is_left_of_a_region_gives_way_to_what_was_done_in_the_other(
    a: Settings, b: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `failback` does it: A has commits under numbers that B has given to others."""
    bronze, _ = small(a)
    replicate(a, b)
    bronze.commit("only in A")
    left = contents(a.warehouse or "")
    (Path(b) / ".replica.json").unlink()
    there = Table.of(Path(b) / "bronze" / "orders")
    there.commit("only in B")
    there.commit("and more")
    wanted = contents(b)
    theirs, number = Settings(warehouse=b, landing=a.landing), 0
    while True:
        with monkeypatch.context() as patched:
            cut_off_after(patched, number)
            try:
                done = copy(theirs, slots.Slots(a.warehouse or ""), lambda: run_lock(b), print, lambda: None)
                break
            except CutOffError:
                assert contents(a.warehouse or "") == left
        number += 1
    assert number == done.files == 13
    assert done.copied == 0  # all had come by then
    assert contents(a.warehouse or "") == wanted
    assert verify(a.warehouse or "") == []


def test_going_back_copies_what_the_other_region_has_come_to_have(a: Settings, b: str) -> None:
    bronze, _ = small(a)
    replicate(a, b)
    bronze.commit("only in A")
    (Path(b) / ".replica.json").unlink()
    there = Table.of(Path(b) / "bronze" / "orders")
    there.commit("only in B")
    done = copy(
        Settings(warehouse=b, landing=a.landing),
        slots.Slots(a.warehouse or ""),
        nullcontext,
        print,
        lambda: None,
    )
    assert (done.files, done.copied) == (11, 2)  # the commit and its file
    assert contents(a.warehouse or "") == contents(b)


def test_where_there_is_no_lakehouse_nothing_is_copied(a: Settings, b: str, tmp_path: Path) -> None:
    small(a)
    replicate(a, b)
    Path(a.warehouse or "").rename(tmp_path / "lost")
    with pytest.raises(SetupError, match="There is no lakehouse at"):
        replicate(a, b)
    Path(a.warehouse or "").mkdir()  # mounted, and empty
    with pytest.raises(SetupError, match="it has no tables"):
        replicate(a, b)
    assert contents(b) == contents(tmp_path / "lost")
    assert verify(b) == []


def test_a_catalog_has_no_folders_to_copy(b: str) -> None:
    with pytest.raises(SetupError, match="The tables of the catalog main are no folders"):
        replicate(Settings(catalog="main", warehouse=None), b)


def test_the_status_tells_how_far_each_table_is_behind(a: Settings, b: str, tmp_path: Path) -> None:
    bronze, _ = small(a)
    assert status(a, b).taken_at is None
    done = replicate(a, b)
    bronze.commit("record 2")
    bronze.commit("record 3")
    make(a, "gold.sales")
    found = status(a, b)
    assert (found.taken_at, found.failed_over, found.source_is_there) == (done.taken_at, False, True)
    assert [(one.table, one.version, one.copied_version, one.versions_behind) for one in found.tables] == [
        ("bronze.orders", 3, 1, 2),
        ("gold.sales", 0, None, None),
        ("silver.orders", 1, 1, 0),
    ]
    behind = {one.table: one.seconds_behind for one in found.tables}
    assert 0 < (behind["bronze.orders"] or 0) < 60 and behind["silver.orders"] == 0
    Path(a.warehouse or "").rename(tmp_path / "lost")
    lost = status(a, b)
    assert (lost.taken_at, lost.source_is_there) == (done.taken_at, False)
    assert [(one.table, one.version, one.copied_version) for one in lost.tables] == [
        ("bronze.orders", None, 1),
        ("silver.orders", None, 1),
    ]


def test_a_copy_that_was_harmed_is_not_whole(a: Settings, b: str) -> None:
    bronze, _ = small(a)
    replicate(a, b)
    (name,) = bronze.live
    target = Path(b) / "bronze" / "orders" / name
    target.write_text("record 7")
    harmed = f"bronze/orders/{name} has another content than was copied. Delete it, and replicate again."
    assert verify(b) == [harmed]
    target.unlink()
    assert verify(b) == [f"bronze/orders/{name} is missing.", f"bronze.orders lacks {name}."]
    (Path(b) / "silver" / "orders" / "_delta_log" / f"{2:020}.json").write_text("{}")
    assert verify(b)[-2:] == [
        "silver.orders is at version 2, and 1 was copied.",
        f"silver/orders/_delta_log/{2:020}.json was not copied.",
    ]
    replicate(a, b)
    assert verify(b) == []


def test_a_copy_knows_what_it_is_of(a: Settings, b: str) -> None:
    small(a)
    done = replicate(a, b)
    said = json.loads((Path(b) / ".replica.json").read_text())
    assert (said["source"], said["landing"]) == (a.warehouse, a.landing)
    assert said["taken_at"] == done.taken_at.isoformat()
