"""Wrong places, disks that refuse, commands cut off: nothing that is there is lost by them."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.recovery.lake import Table, contents, files, lake, make

from medallion_pipelines.errors import LockedError, MedallionError, SetupError
from medallion_pipelines.operations import run_lock
from medallion_pipelines.recovery import failback, failover, replicate, slots, status, verify
from medallion_pipelines.recovery.point import FAILED_OVER, read_point
from medallion_pipelines.settings import Settings

NO_SPARK: Any = None  # these lakehouses have no ledger: nothing is asked of it


@pytest.fixture
def a(tmp_path: Path) -> Settings:
    return lake(tmp_path / "a")


@pytest.fixture
def b(tmp_path: Path) -> Settings:
    return lake(tmp_path / "b")


def failed_over(a: Settings, b: Settings) -> Table:
    """A table of B, which A was copied to and is lost for."""
    make(a, "silver.orders").commit("row 1")
    replicate(a, b.warehouse or "")
    failover(b, NO_SPARK)
    table = Table.of(Path(b.warehouse or "") / "silver" / "orders")
    table.commit("row 2")
    return table


def test_failing_back_leaves_alone_what_is_no_lakehouse_of_before(
    a: Settings, b: Settings, tmp_path: Path
) -> None:
    failed_over(a, b)
    landing = Path(a.landing)
    (landing / "orders").mkdir()
    (landing / "orders" / "1.json").write_text("{}")
    file = tmp_path / "a file"
    file.write_text("theirs")
    for typo in (tmp_path / "a", landing, file):
        with pytest.raises(MedallionError, match="is not where the lakehouse was"):
            failback(b, str(typo), a.landing, NO_SPARK)
    assert (landing / "orders" / "1.json").read_text() == "{}" and file.read_text() == "theirs"
    assert contents(a.warehouse or "") == {"silver.orders": (1, ["row 1"])}
    failback(b, a.warehouse or "", a.landing, NO_SPARK)
    assert contents(a.warehouse or "") == {"silver.orders": (2, ["row 1", "row 2"])}


def test_a_lakehouse_comes_back_to_a_place_that_has_nothing(a: Settings, b: Settings, tmp_path: Path) -> None:
    failed_over(a, b)
    shutil.rmtree(tmp_path / "a")  # with the region
    with pytest.raises(MedallionError, match="/a/landing is no folder of this machine: nothing was changed"):
        failback(b, a.warehouse or "", a.landing, NO_SPARK)
    assert not (tmp_path / "a").exists()
    Path(a.landing).mkdir(parents=True)
    failback(b, a.warehouse or "", a.landing, NO_SPARK)
    assert contents(a.warehouse or "") == {"silver.orders": (2, ["row 1", "row 2"])}


def test_after_failing_back_the_copy_is_of_that_moment(a: Settings, b: Settings) -> None:
    failed_over(a, b)
    copied, _ = failback(b, a.warehouse or "", a.landing, NO_SPARK)
    point = read_point(Path(b.warehouse or ""))
    assert point and (point.taken_at, point.landing) == (copied.taken_at, b.landing)
    assert status(a, b.warehouse or "").tables[0].versions_behind == 0
    assert failover(b, NO_SPARK).taken_at == copied.taken_at


STEPS = [("show", slots.Slots), ("empty_others", slots.Slots), ("unlink", Path), ("rename", Path)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("step", "of"), STEPS, ids=[name for name, _ in STEPS])
def test_failing_back_is_given_again_wherever_it_was_cut_off(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch, step: str, of: type, after: bool
) -> None:
    failed_over(a, b)
    wanted = contents(b.warehouse or "")
    number = 0
    while cut_off_at(number, monkeypatch, of, step, after, lambda: back(a, b)):
        if read_point(Path(b.warehouse or ""), FAILED_OVER):
            back(a, b)
        assert contents(a.warehouse or "") == wanted
        assert read_point(Path(a.warehouse or ""), FAILED_OVER) is None
        with run_lock(a.warehouse):
            pass
        with pytest.raises(LockedError), run_lock(b.warehouse):
            pass
        failover(b, NO_SPARK)
        number += 1
    assert number > 0


def back(a: Settings, b: Settings) -> None:
    failback(b, a.warehouse or "", a.landing, NO_SPARK)


def cut_off_at(
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    of: type,
    step: str,
    after: bool,
    command: Callable[[], None],
) -> bool:
    """Stop a command before or after its step of this number; False where it has not so many."""
    real, done = getattr(of, step), 0

    def stop(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal done
        done += 1
        if done != number + 1:
            return real(self, *args, **more)
        if after:
            real(self, *args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(of, step, stop)
        try:
            command()
        except KeyboardInterrupt:
            return True
    return False


def test_a_copy_of_one_lakehouse_is_not_written_over_by_another(
    a: Settings, b: Settings, tmp_path: Path
) -> None:
    make(a, "silver.orders").commit("years of orders")
    replicate(a, b.warehouse or "")
    had = files(tmp_path / "b")
    other = lake(tmp_path / "other")
    make(other, "silver.orders").commit("a try")
    shutil.rmtree(a.warehouse or "")
    make(a, "silver.orders").commit("begun anew, by the schedule")
    for wrong in (other, a):
        with pytest.raises(MedallionError, match="and none of its tables is in the one at"):
            replicate(wrong, b.warehouse or "")
        assert files(tmp_path / "b") == had
    assert verify(b.warehouse or "") == []


def test_a_link_of_the_users_own_is_followed(a: Settings, tmp_path: Path) -> None:
    make(a, "silver.orders").commit("Ada")
    disk, link = tmp_path / "disk" / "copy", tmp_path / "link"
    disk.mkdir(parents=True)
    link.symlink_to(disk)
    replicate(a, str(link))
    table = Table.of(Path(a.warehouse or "") / "silver" / "orders")
    shutil.rmtree(table.folder)
    table = make(a, "silver.orders")
    make(a, "ops.runs").commit("run 1")
    replicate(a, str(disk.parent / "other"))
    assert link.readlink() == disk
    assert (disk.parent / ".copy.slots").is_dir() and not (tmp_path / ".link.slots").exists()
    assert contents(link) == contents(disk) == {"silver.orders": (1, ["Ada"])}
    turning = tmp_path / "turning"
    turning.symlink_to(turning)
    assert slots.Slots(turning).location.name == "turning"


def test_relative_places_are_as_good(a: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(a, "silver.orders").commit("row 1")
    monkeypatch.chdir(tmp_path)
    replicate(replace(a, warehouse="a/warehouse"), "b")
    assert verify("b") == verify(str(tmp_path / "b")) == []
    assert (tmp_path / "b").readlink() == Path(".b.slots/0")


def test_a_disk_that_takes_no_more_is_told_in_words_and_the_copy_is_as_it_was(
    a: Settings, b: Settings
) -> None:
    table = make(a, "silver.orders")
    table.commit("row 1")
    replicate(a, b.warehouse or "")
    before = contents(b.warehouse or "")
    table.commit("x" * 10_000)
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from medallion_pipelines.settings import Settings;"
        "from medallion_pipelines.recovery import replicate;"
        "from medallion_pipelines.errors import SetupError\n"
        "try: replicate(Settings(warehouse=sys.argv[1]), sys.argv[2])\n"
        "except SetupError as error: print(error)"
    )
    words = [sys.executable, "-c", script, a.warehouse or "", b.warehouse or ""]
    done = subprocess.run(words, text=True, capture_output=True, check=True)
    assert done.stdout.startswith("The copy could not be put together (File too large: ")
    assert contents(b.warehouse or "") == before
    replicate(a, b.warehouse or "")
    assert contents(b.warehouse or "") == contents(a.warehouse or "")
    assert verify(b.warehouse or "") == []


def test_a_place_without_links_keeps_what_it_has(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_over(a, b)

    def refuse(*args: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(SetupError, match="takes no symbolic links"):
        failback(b, a.warehouse or "", a.landing, NO_SPARK)
    assert contents(a.warehouse or "") == {"silver.orders": (1, ["row 1"])}
    assert not Path(a.warehouse or "").is_symlink()


def test_without_hard_links_files_are_copied_within_the_copy(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make(a, "silver.orders")
    table.commit("row 1")
    replicate(a, b.warehouse or "")
    table.commit("row 2")

    def refuse(*args: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert replicate(a, b.warehouse or "").copied == 2
    assert contents(b.warehouse or "") == contents(a.warehouse or "")
    assert verify(b.warehouse or "") == []


@pytest.mark.slow
def test_a_copy_killed_again_and_again_comes_to_its_end(a: Settings, b: Settings) -> None:
    table = make(a, "silver.orders")
    for number in range(3):
        table.commit(*(f"row {number}.{one}" for one in range(100)))
    script = (
        "import sys; from medallion_pipelines.settings import Settings;"
        "from medallion_pipelines.recovery import replicate; print(flush=True);"
        "replicate(Settings(warehouse=sys.argv[1]), sys.argv[2])"
    )
    words = [sys.executable, "-c", script, a.warehouse or "", b.warehouse or ""]
    for wait in (0.001, 0.01, 0.05):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                process.wait(wait)
            process.kill()
        location = Path(b.warehouse or "")
        assert not location.exists() or contents(location) == contents(a.warehouse or "")
    replicate(a, b.warehouse or "")
    assert contents(b.warehouse or "") == contents(a.warehouse or "")
    assert verify(b.warehouse or "") == []


def test_once_failed_over_to_nothing_is_left_of_copies_before(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make(a, "silver.orders")
    table.commit("Ada")
    replicate(a, b.warehouse or "")
    with monkeypatch.context() as patched:
        patched.setattr(slots.Slots, "show", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replicate(a, b.warehouse or "")
    location = slots.Slots(b.warehouse or "")
    assert any(location.others())
    failover(b, NO_SPARK)
    assert not any(location.others())


def test_nothing_fails_over_to_a_landing_zone_that_is_not_there(a: Settings, b: Settings) -> None:
    make(a, "silver.orders").commit("row 1")
    replicate(a, b.warehouse or "")
    with pytest.raises(MedallionError, match="typo is no folder of this machine: nothing was changed"):
        failover(replace(b, landing=f"{b.landing}/typo"), NO_SPARK)
    assert verify(b.warehouse or "") == []
    failover(b, NO_SPARK)


def test_streams_checkpoints_are_where_runs_look_for_them(a: Settings, b: Settings, tmp_path: Path) -> None:
    make(a, "bronze.events").commit("record 1")
    elsewhere = tmp_path / "checkpoints"
    (elsewhere / "bronze.events").mkdir(parents=True)
    (elsewhere / "bronze.events" / "0").write_text("read up to 7")
    replicate(replace(a, checkpoints=str(elsewhere)), b.warehouse or "")
    told = replace(b, checkpoints=str(elsewhere))
    with pytest.raises(SetupError, match="MEDALLION_CHECKPOINTS has runs look for them in"):
        failover(told, NO_SPARK)
    failover(b, NO_SPARK)
    with pytest.raises(SetupError, match="MEDALLION_CHECKPOINTS has runs look for them in"):
        failback(told, a.warehouse or "", a.landing, NO_SPARK)
    failback(b, a.warehouse or "", a.landing, NO_SPARK)
    kept = Path(a.warehouse or "") / "_checkpoints" / "bronze.events" / "0"
    assert kept.read_text() == "read up to 7"


def test_a_log_that_cannot_be_read_is_named_and_the_status_tells_the_rest(a: Settings, b: Settings) -> None:
    orders, people = make(a, "silver.orders"), make(a, "silver.people")
    orders.commit("row 1")
    done = replicate(a, b.warehouse or "")
    (people.log / f"{0:020}.json").write_text('{"half')
    with pytest.raises(MedallionError, match="silver/people/_delta_log cannot be read"):
        replicate(a, b.warehouse or "")
    found = status(a, b.warehouse or "")
    assert found.taken_at == done.taken_at
    assert [(one.table, one.version, one.copied_version) for one in found.tables] == [
        ("silver.orders", 1, 1),
        ("silver.people", None, 0),
    ]


def test_of_two_who_copy_to_a_place_at_once_the_second_is_refused(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(a, "silver.orders").commit("row 1")
    real, refused = slots.put, []

    def meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(slots, "put", real)
        for command in (lambda: replicate(a, b.warehouse or ""), lambda: failover(b, NO_SPARK)):
            with pytest.raises(MedallionError) as error:
                command()
            refused.append(str(error.value))
        with run_lock(a.warehouse):  # a run need not wait for files to be copied
            pass
        return real(*args, **more)

    replicate(a, b.warehouse or "")
    make(a, "silver.people").commit("row 1")
    monkeypatch.setattr(slots, "put", meanwhile)
    replicate(a, b.warehouse or "")
    assert len(refused) == 2 and all(".warehouse.slots" in one for one in refused)
    assert contents(b.warehouse or "") == contents(a.warehouse or "")


def test_what_a_disk_has_harmed_is_found_and_had_again(a: Settings, b: Settings) -> None:
    """With the size and time that it had."""
    table = make(a, "silver.orders")
    (name,) = table.commit("row 1")
    replicate(a, b.warehouse or "")
    file = Path(b.warehouse or "") / "silver" / "orders" / name
    before = file.stat()
    file.write_text("row 7")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    replicate(a, b.warehouse or "")
    told = f"silver/orders/{name} has another content than was copied. Delete it, and replicate again."
    assert verify(b.warehouse or "") == [told]
    (Path(b.warehouse or "") / "silver" / "orders" / name).unlink()
    replicate(a, b.warehouse or "")
    assert verify(b.warehouse or "") == []
    assert contents(b.warehouse or "") == {"silver.orders": (1, ["row 1"])}


def test_a_copy_that_another_takes_the_place_of_is_not_called_harmed(
    a: Settings, b: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(a, "silver.orders").commit("row 1")
    replicate(a, b.warehouse or "")
    real = slots.digest_of

    def meanwhile(path: Path) -> str:
        monkeypatch.setattr(slots, "digest_of", real)
        replicate(a, b.warehouse or "")
        return real(path) if path.exists() else ""

    monkeypatch.setattr(slots, "digest_of", meanwhile)
    with pytest.raises(LockedError, match="A newer copy has taken the place"):
        verify(b.warehouse or "")
    assert verify(b.warehouse or "") == []


@pytest.mark.parametrize("name", ["sales 100%", "ümlaut", "a.b", "quote'd", "x#y?z"])
def test_tables_of_any_name_are_copied(a: Settings, b: Settings, name: str) -> None:
    table = Table(Path(a.warehouse or "") / "silver" / name)
    table.commit("row 1")
    replicate(a, b.warehouse or "")
    table.commit("row 2")
    assert [one.versions_behind for one in status(a, b.warehouse or "").tables] == [1]
    replicate(a, b.warehouse or "")
    assert contents(b.warehouse or "") == {f"silver.{name}": (2, ["row 1", "row 2"])}
    assert verify(b.warehouse or "") == []
    file = next((Path(b.warehouse or "") / "silver" / name).glob("*.parquet"))
    file.write_text("longer")
    assert verify(b.warehouse or "") == [f"silver/{name}/{file.name} has 6 bytes, and 5 were copied."]


def test_schemas_of_any_name_are_copied(a: Settings, b: Settings) -> None:
    Table(Path(a.warehouse or "") / "raw.v1" / "or.ders").commit("row 1")
    replicate(a, b.warehouse or "")
    assert verify(b.warehouse or "") == []
    assert [one.table for one in status(a, b.warehouse or "").tables] == ["raw.v1.or.ders"]
    failover(b, NO_SPARK)


def test_of_tables_that_a_catalog_keeps_there_is_no_folder_to_look_at(b: Settings) -> None:
    catalog = Settings(catalog="main", warehouse=None)
    for command in (
        lambda: status(catalog, b.warehouse or ""),
        lambda: failover(catalog, NO_SPARK),
        lambda: failback(catalog, b.warehouse or "", b.landing, NO_SPARK),
    ):
        with pytest.raises(SetupError, match="The tables of the catalog main are no folders"):
            command()
