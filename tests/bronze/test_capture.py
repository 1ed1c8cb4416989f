"""Bronze keeps every record as it came, each file exactly once."""

from __future__ import annotations

import gzip
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from tests.support import (
    column,
    counts,
    land_json,
    land_text,
    rows,
    run_only,
    silver,
    step,
    versions,
    write_product,
)

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.testing import empty_lakehouse

ODD_LINES = [
    '{"id":1,"n":1.10,"z":007,"big":12345678901234567890.123456789}',
    '{"id":1,"id":2}',
    '{ "b" : 1 , "a" : 2 }',
    '{"id":1e400}',
    '{"id":"tab\\tand é ü 漢 🛫"}',
    '{"id":',
    "not json at all",
    '{"id":1} {"id":2}',
    "[1,2]",
    "   {}   ",
    '"text"',
]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "product", silver("things", [column("id", "integer")]))


NAMES = ["a b.json", "a[1].json", "a%20b.json", "a{x,y}.json", "\u00fc*?.json", "a+b#c.json"]
NO_TEXT = b'{"id":"\xff\xfe broken"}'
ARRAY, SINGLE = '[\n  {"id": 1.0, "x": 01},\n  {"id": 2}\n]\n', '{\n  "id": 3\n}'


@pytest.fixture(scope="module")
def captured(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakehouse]:
    """One run over feeds of every kind; the tests that only look share it."""
    home = tmp_path_factory.mktemp("captured")
    with empty_lakehouse(spark, home) as lakehouse:
        capture_all(lakehouse, home)
        yield lakehouse


def capture_all(lakehouse: Lakehouse, home: Path) -> None:
    number, texts = [column("id", "integer")], [column("id"), column("name")]
    product = write_product(
        home / "product",
        silver("odd", number),
        silver("no_text", number),
        silver("named", number),
        silver("docs", number, multi_line=True),
        silver("people", texts, kind="csv"),
        silver("lines", texts, kind="csv", multi_line=False),
        silver("bare", texts, kind="csv", options={"header": "false", "sep": ";", "quote": "'"}),
        silver("deep", number),
        silver("short", texts, kind="csv"),
    )
    land_text(lakehouse, "odd/a.json", "\ufeff" + "\r\n".join(ODD_LINES) + "\r\n\r\n")
    land_text(lakehouse, "odd/b.json.gz", "\n".join(ODD_LINES))
    land_text(lakehouse, "no_text/a.json", NO_TEXT + b"\n")
    for place, name in enumerate(NAMES):
        land_json(lakehouse, f"named/{name}", [place])
    land_text(lakehouse, "docs/a.json", ARRAY)
    land_text(lakehouse, "docs/b.json", "\ufeff" + SINGLE)
    land_text(lakehouse, "docs/c.json", '[{"id": 4}, 5, null, {"id": 6}]')
    land_text(lakehouse, "docs/d.json", '[{"id": 7}] trailing')
    land_text(
        lakehouse,
        "people/a.csv",
        '\ufeffid,name\r\n007,"Lee, ""Bo"""\r\n1.10,"two\nlines"\r\n\r\n3,5" pipe\r\n',
    )
    land_text(lakehouse, "people/b.csv", "name,extra,id\nAda,x,8\n")
    land_text(lakehouse, "people/c.csv", "id\n9\n")
    land_text(lakehouse, "lines/a.csv", '\ufeffid,name\r\n007,"Lee, Bo"\r\n\r\n8,\r\n')
    land_text(lakehouse, "lines/b.csv.gz", "name,id\nAda,9\n")
    land_text(lakehouse, "bare/a.csv", "1;'a;b'\n2;c\n")
    land_text(lakehouse, "short/a.csv", 'id,name\n007,"x, ""y"""\n8\n')
    land_text(lakehouse, "deep/a.json", '{"id":1,"deep":{"x":[1,2]}}\nbroken\n')
    feeds = [f"bronze.{folder.name}" for folder in (home / "landing").iterdir()]
    conformed = [f"silver.{name}" for name in ("no_text", "docs", "people", "lines", "bare")]
    assert run_only(lakehouse, product, *feeds, *conformed).succeeded
    assert not run_only(lakehouse, product, *feeds).changed


def test_json_lines_are_kept_as_they_came(captured: Lakehouse) -> None:
    kept = [row[0] for row in rows(captured, "bronze.odd", "record")]
    assert kept == sorted(ODD_LINES * 2, key=lambda text: repr((text,)))


def test_bytes_that_are_no_text_are_kept_as_they_came(captured: Lakehouse) -> None:
    kept = captured.table("bronze.no_text").selectExpr("CAST(record AS BINARY) AS bytes").first()
    assert kept is not None and bytes(kept.bytes) == NO_TEXT
    errors = captured.table("silver.no_text_quarantine").selectExpr("_errors.rule AS rules").first()
    assert errors is not None and errors.rules == ["malformed"]


def test_any_file_name_will_do(captured: Lakehouse) -> None:
    kept = rows(captured, "bronze.named", "record")
    assert kept == [(str(place),) for place in range(len(NAMES))]


def test_a_document_of_many_lines_is_kept_whole(captured: Lakehouse) -> None:
    kept = sorted(text for (text,) in rows(captured, "bronze.docs", "record"))
    assert kept[-1] == SINGLE and ARRAY in kept
    # "01" is no JSON number, so a.json is one broken document; c has two elements that are no objects
    assert rows(captured, "silver.docs", "id") == [(3,), (4,), (6,)]
    log = captured.table("ops.table_metrics").where("table = 'silver.docs'").first()
    assert log is not None and (log.rows_in, log.rows_valid, log.rows_quarantined) == (7, 3, 4)


def test_csv_records_are_kept_under_the_header_they_came_with(captured: Lakehouse) -> None:
    assert rows(captured, "bronze.people", "_header", "record") == sorted(
        [
            ("id,name", '007,"Lee, ""Bo"""'),
            ("id,name", '1.10,"two\nlines"'),
            ("id,name", '3,5" pipe'),
            ("name,extra,id", "Ada,x,8"),
            ("id", "9"),
        ],
        key=repr,
    )
    assert rows(captured, "silver.people") == sorted(
        [("007", 'Lee, "Bo"'), ("1.10", "two\nlines"), ("3", '5" pipe'), ("8", "Ada"), ("9", None)], key=repr
    )


def test_a_csv_may_be_read_line_by_line_and_without_a_header(captured: Lakehouse) -> None:
    assert rows(captured, "bronze.lines", "_header", "record") == sorted(
        [("id,name", '007,"Lee, Bo"'), ("id,name", "8,"), ("name,id", "Ada,9")], key=repr
    )
    assert rows(captured, "silver.lines") == sorted([("007", "Lee, Bo"), ("8", None), ("9", "Ada")], key=repr)
    assert rows(captured, "silver.bare") == [("1", "a;b"), ("2", "c")]


def test_the_parsed_view_shows_records_as_variants(captured: Lakehouse) -> None:
    deep = captured.table("bronze.deep_parsed").selectExpr("CAST(record:deep.x[1] AS STRING) AS x")
    assert sorted(repr(row.x) for row in deep.collect()) == ["'2'", "None"]
    parsed = captured.table("bronze.short_parsed").selectExpr("CAST(record AS STRING) AS r")
    assert sorted(repr(row.r) for row in parsed.collect()) == [
        repr('{"id":"007","name":"x, \\"y\\""}'),
        "None",
    ]


@pytest.mark.slow
def test_parquet_columns_are_merged_and_a_conflict_is_reported(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(
        tmp_path / "product",
        silver(
            "points",
            [column("id", "integer"), column("x", "number")],
            path="points/*.parquet",
            kind="parquet",
        ),
    )
    folder = Path(lakehouse.settings.landing) / "points"

    def land(name: str, sql: str, when: int) -> None:
        lakehouse.spark.sql(sql).coalesce(1).write.mode("overwrite").parquet(str(tmp_path / "out"))
        folder.mkdir(exist_ok=True)
        part = next((tmp_path / "out").glob("*.parquet"))
        part.rename(folder / name)
        os.utime(folder / name, (when, when))

    land("a.parquet", "SELECT 1 AS id, CAST(1.5 AS DOUBLE) AS x", 1_000)
    lakehouse.run(product)
    land("b.parquet", "SELECT 2L AS id, 'more' AS note", 2_000)
    land("c.parquet", "SELECT 'three' AS id", 3_000)
    land_text(lakehouse, "points/d.parquet", "no parquet")
    result = lakehouse.run(product)
    assert counts(result, "bronze.points") == (1, 1, 0, 0)
    assert rows(lakehouse, "silver.points") == [(1, 1.5), (2, None)]
    records = lakehouse.table("bronze.points").selectExpr("to_json(record) AS r")
    assert sorted(row.r for row in records.collect()) == ['{"id":1,"x":1.5}', '{"id":2,"note":"more"}']
    notes = " ".join(step(result, "bronze.points").notes)
    assert "points/c.parquet cannot be read (schema conflict: record.id is string, and" in notes
    assert "points/d.parquet cannot be read" in notes
    assert "note" in " ".join(step(result, "silver.points").notes)


def test_each_file_is_captured_once_and_only_new_ones_are_read(lakehouse: Lakehouse, product: Path) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    assert counts(lakehouse.run(product), "bronze.things") == (1, 1, 0, 0)
    before = versions(lakehouse)
    again = lakehouse.run(product)
    assert not again.changed and again.succeeded
    assert versions(lakehouse) == before
    land_json(
        lakehouse, "things/b.json", [{"id": 2}, {"id": 3}], modified=1_000
    )  # an old date is no reason to skip
    assert counts(lakehouse.run(product), "bronze.things") == (2, 2, 0, 0)
    assert rows(lakehouse, "silver.things") == [(1,), (2,), (3,)]


def test_a_broken_file_is_reported_and_tried_again_and_stops_no_other(
    lakehouse: Lakehouse, product: Path
) -> None:
    whole = gzip.compress(b'{"id":1}\n' * 10_000)
    broken = land_text(lakehouse, "things/broken.json", b"")
    broken.unlink()
    broken = broken.with_name("broken.json.gz")
    broken.write_bytes(whole[: len(whole) // 2])
    for number in range(5):
        land_json(lakehouse, f"things/{number}.json", [{"id": number}])
    result = run_only(lakehouse, product, "bronze.things")
    assert counts(result, "bronze.things") == (5, 5, 0, 0)
    (note,) = step(result, "bronze.things").notes
    assert note.startswith("things/broken.json.gz cannot be read (") and note.endswith(
        "the next run tries again."
    )
    broken.write_bytes(whole)
    again = run_only(lakehouse, product, "bronze.things")
    assert counts(again, "bronze.things") == (10_000, 10_000, 0, 0)
    assert not run_only(lakehouse, product, "bronze.things").changed


@pytest.mark.slow
def test_a_file_that_grows_after_it_was_captured_is_reported_and_not_doubled(
    lakehouse: Lakehouse, product: Path
) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    run_only(lakehouse, product, "bronze.things")
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 2}], modified=2_000_000_000)
    result = run_only(lakehouse, product, "bronze.things")
    (note,) = step(result, "bronze.things").notes
    assert note.startswith("things/a.json changed after it was captured")
    assert rows(lakehouse, "bronze.things", "record") == [('{"id": 1}',)]
    assert step(run_only(lakehouse, product, "bronze.things"), "bronze.things").notes == ()  # said once


@pytest.mark.slow
def test_an_empty_file_that_is_filled_later_is_captured_then(lakehouse: Lakehouse, product: Path) -> None:
    land_text(lakehouse, "things/a.json", "")
    land_text(lakehouse, "things/b.json.gz", "")
    (Path(lakehouse.settings.landing) / "things/c.json.gz").write_bytes(b"")
    run_only(lakehouse, product, "bronze.things")
    assert rows(lakehouse, "bronze.things") == []
    assert not run_only(lakehouse, product, "bronze.things").changed
    land_json(lakehouse, "things/a.json", [{"id": 1}], modified=2_000_000_000)
    run_only(lakehouse, product, "bronze.things")
    assert rows(lakehouse, "bronze.things", "record") == [('{"id": 1}',)]


@pytest.mark.parametrize("moment", ["before the write", "after the write"])
@pytest.mark.slow
def test_a_capture_that_was_cut_off_is_finished_by_the_next_run(
    lakehouse: Lakehouse, product: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 1}])
    with monkeypatch.context() as patch:
        name = "_write" if moment == "before the write" else "_captured"
        patch.setattr(importlib.import_module("medallion_pipelines.bronze.capture"), name, _cut_off)
        cut_off = run_only(lakehouse, product, "bronze.things")
        assert step(cut_off, "bronze.things").status == "failed"
    land_json(lakehouse, "things/b.json", [{"id": 2}])
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (3, 3, 0, 0)
    assert rows(lakehouse, "bronze.things", "record") == [('{"id": 1}',), ('{"id": 1}',), ('{"id": 2}',)]


@pytest.mark.slow
def test_a_ledger_that_was_lost_is_made_again_from_bronze(lakehouse: Lakehouse, product: Path) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 1}])
    run_only(lakehouse, product, "bronze.things")
    lakehouse.tables.drop("ops.files")
    land_json(lakehouse, "things/b.json", [{"id": 2}])
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (1, 1, 0, 0)
    assert rows(lakehouse, "bronze.things", "record") == [('{"id": 1}',), ('{"id": 1}',), ('{"id": 2}',)]
    ledger = rows(lakehouse, "ops.files", "status", "records")
    assert ledger == [("captured", 1), ("captured", 2), ("found", None)]


@pytest.mark.slow
def test_a_ledger_that_was_restored_to_an_earlier_version_learns_from_bronze_what_it_forgot(
    lakehouse: Lakehouse, product: Path
) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    run_only(lakehouse, product, "bronze.things")
    then = lakehouse.tables.version("ops.files")
    land_json(lakehouse, "things/b.json", [{"id": 2}, {"id": 2}])
    run_only(lakehouse, product, "bronze.things")
    lakehouse.tables.restore("ops.files", then)
    land_json(lakehouse, "things/c.json", [{"id": 3}])
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (1, 1, 0, 0)
    records = [record for (record,) in rows(lakehouse, "bronze.things", "record")]
    assert records == ['{"id": 1}', '{"id": 2}', '{"id": 2}', '{"id": 3}']
    captured = lakehouse.tables.read("ops.files").where("status = 'captured'")
    assert sorted(row.records for row in captured.collect()) == [1, 1, 2]


@pytest.mark.slow
def test_bronze_that_is_gone_is_not_made_anew_of_new_files_alone(lakehouse: Lakehouse, product: Path) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    lakehouse.run(product)
    lakehouse.tables.drop("bronze.things")
    land_json(lakehouse, "things/b.json", [{"id": 2}])
    before = versions(lakehouse)
    for ledger in ("there", "lost"):
        if ledger == "lost":
            lakehouse.tables.drop("ops.files")
        other = Lakehouse(lakehouse.settings, lakehouse.spark)
        failed = step(other.run(product), "bronze.things")
        assert "bronze.things is gone, and records of it had been read" in failed.error
        nothing = step(other.rebuild("silver.things", product), "silver.things")
        assert "Bring it back" in nothing.error
        assert versions(lakehouse) == before
    # the way out that the error names
    other = Lakehouse(lakehouse.settings, lakehouse.spark)
    assert other.recapture("silver.things", product).succeeded
    assert rows(lakehouse, "silver.things") == [(1,), (2,)]
    assert not other.run(product).changed
    with pytest.raises(MedallionError, match=r"bronze\.things is there: `medallion rebuild"):
        other.recapture("silver.things", product)


@pytest.mark.slow
def test_a_ledger_that_cannot_be_read_stops_the_run_before_anything_is_written(
    lakehouse: Lakehouse, product: Path
) -> None:
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    run_only(lakehouse, product, "bronze.things")
    before = versions(lakehouse)
    (newest, *_) = sorted(Path(str(lakehouse.settings.warehouse)).glob("ops_*/files/_delta_log/*.json"))[::-1]
    newest.write_text("{ this is no commit")
    for leftover in newest.parent.glob(".*.crc"):
        leftover.unlink()
    land_json(lakehouse, "things/b.json", [{"id": 2}])
    failed = step(run_only(lakehouse, product, "bronze.things"), "bronze.things")
    assert failed.status == "failed" and "files" in failed.error
    assert versions(lakehouse) == before


def test_a_landing_zone_that_is_not_there_is_an_error_that_names_it(
    lakehouse: Lakehouse, product: Path
) -> None:
    Path(lakehouse.settings.landing).rmdir()
    failed = step(run_only(lakehouse, product, "bronze.things"), "bronze.things")
    assert failed.status == "failed"
    assert "things is not a folder" in failed.error and "--landing" in failed.error


def _cut_off(*args: object, **kwargs: object) -> None:
    raise KeyError("the machine went away")
