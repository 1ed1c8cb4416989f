"""The files of a table, as its log says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recovery.lake import Table, vector

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.recovery.deltalog import GoneError, read_version


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "silver" / "orders")


@pytest.mark.parametrize("kind", ["one file", "three parts", "sidecar as JSON", "sidecar as Parquet"])
def test_a_table_is_read_from_its_newest_checkpoint_on(table: Table, kind: str) -> None:
    (first,) = table.commit("1")
    (second,) = table.commit("2", without=[first])
    table.commit()
    if kind == "one file":
        table.checkpoint()
    elif kind == "three parts":
        table.checkpoint(parts=3)
    else:
        table.checkpoint_with_sidecar(as_json=kind.endswith("JSON"))
    (third,) = table.commit("3")
    whole = read_version(table.folder)
    assert (whole.id, whole.version, dict(whole.needed)) == (table.id, 4, {second: 1, third: 1})
    assert whole.older == {first, second, third}
    table.forget_log()
    rest = read_version(table.folder)
    assert (rest.id, rest.version, rest.needed) == (whole.id, 4, whole.needed)
    assert first not in rest.older
    there = {str(path.relative_to(table.folder)) for path in table.log.rglob("*") if path.is_file()}
    assert set(rest.log) == there
    assert sorted(rest.committed_at) == [3, 4]


def test_parts_that_are_not_all_there_are_no_checkpoint(table: Table) -> None:
    (first,) = table.commit("1")
    table.checkpoint(parts=2)
    next(table.log.glob("*.0000000002.0000000002.parquet")).unlink()
    assert read_version(table.folder).needed == {first: 1}
    table.commit("2")
    next(table.log.glob(f"{0:020}.json")).unlink()
    with pytest.raises(GoneError, match="has no commit 0, which version 2 needs"):
        read_version(table.folder)


@pytest.mark.parametrize("prefix", ["", "ab"])
def test_deletion_vectors_belong_to_a_table_and_the_newest_counts(table: Table, prefix: str) -> None:
    (name,) = table.commit("1 2 3")
    file = {"path": name, "size": 5}
    one, other = vector(table.folder, prefix), vector(table.folder, prefix)
    table.actions({"remove": file}, {"add": {**file, "deletionVector": one}})
    table.actions(
        {"add": {**file, "deletionVector": other}}, {"remove": {"path": name, "deletionVector": one}}
    )
    table.actions(
        {"add": {"path": "inline", "size": 1, "deletionVector": {"storageType": "i", "pathOrInlineDv": "x"}}}
    )
    found = read_version(table.folder)
    vectors = {str(path.relative_to(table.folder)) for path in table.folder.rglob("*.bin")}
    assert vectors < found.older and len(vectors) == 2
    (needed,) = vectors & found.needed.keys()
    assert found.needed == {name: 5, needed: None, "inline": 1}
    assert len((vectors - {needed}) & found.older) == 1


def test_names_are_decoded_and_change_files_are_of_the_past(table: Table) -> None:
    table.actions({"add": {"path": "day=a%2520b/part%20one.parquet", "size": 1}})
    table.actions({"cdc": {"path": "_change_data/cdc-1.parquet", "size": 1}})
    found = read_version(table.folder)
    assert found.needed == {"day=a%20b/part one.parquet": 1}
    assert "_change_data/cdc-1.parquet" in found.older


@pytest.mark.parametrize("path", ["file:///elsewhere/part.parquet", "/elsewhere/part.parquet", "s3://x/y"])
def test_a_shallow_clone_is_refused(table: Table, path: str) -> None:
    table.actions({"add": {"path": path, "size": 1}})
    with pytest.raises(MedallionError, match="it is a shallow clone, and cannot be copied"):
        read_version(table.folder)


def test_a_table_whose_commits_a_catalog_keeps_is_refused(table: Table) -> None:
    table.actions({"protocol": {"readerFeatures": ["catalogManaged"], "writerFeatures": ["catalogManaged"]}})
    with pytest.raises(MedallionError, match="are kept by a catalog"):
        read_version(table.folder)


def test_what_is_no_table_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(GoneError, match="is no Delta table"):
        read_version(tmp_path)
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(GoneError, match="has no commit"):
        read_version(tmp_path)


def test_where_a_newer_checkpoint_is_is_not_told(table: Table) -> None:
    table.commit("1")
    table.checkpoint()
    assert "_delta_log/_last_checkpoint" in read_version(table.folder).log
    (table.log / "_last_checkpoint").write_text('{"version": 7}')
    (table.log / f"{7:020}.checkpoint.parquet").write_text("of a version that is not yet")
    log = read_version(table.folder).log
    assert "_delta_log/_last_checkpoint" not in log
    assert not any("00007." in name for name in log)
