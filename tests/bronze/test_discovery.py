"""How files are discovered: as Spark spells them, by a listing or by a stream that tells what is new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame
from tests.support import column, counts, land_json, rows, run_only, silver, step, write_product

from medallion_pipelines.bronze import discovery, listing
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.lakehouse import Lakehouse

ODD = [
    "a b.json", "a[1].json", "a%20b.json", "a{x,y}.json", "\u00fc*?.json", "a+b#c.json",
    "a\u00a0b\u2028c.json", "\u6f22\U0001f6eb\u200b\u00ad.json", "tab\tnew\nline\x7f\x85.json",
    "a!$&'()~;@=,^`|<>\"-_.json",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ["odd/*", "odd"])
def test_a_listing_says_what_spark_would_say(lakehouse: Lakehouse, pattern: str) -> None:
    for place, name in enumerate(ODD):
        land_json(lakehouse, f"odd/{name}", [place], modified=1_700_000_000.9876 + place)
    source = Source(pattern, "json", multi_line=False)
    ours = listing.listing(lakehouse.tables, source)
    theirs = listing._by_spark(lakehouse.tables, f"{lakehouse.settings.landing}/{pattern}")
    assert ours is not None and theirs is not None
    found = sorted(map(tuple, ours.collect()))
    assert found == sorted(map(tuple, theirs.collect()))
    assert len(found) == len(ODD)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "product", silver("things", [column("id", "integer")]))


@pytest.fixture
def told_by_a_stream(lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A lakehouse on Databricks, as far as discovery knows; Spark's own stream of files is in the place of
    Auto Loader."""

    def arriving(spark: Any, pattern: str) -> DataFrame:
        schema = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"
        # else it would pass over files a week older than the newest
        reader = spark.readStream.format("binaryFile").schema(schema).option("maxFileAge", "100000d")
        found: DataFrame = reader.load(pattern)
        return found

    monkeypatch.setattr(discovery, "on_databricks", lambda: True)
    monkeypatch.setattr(discovery, "_auto_loader", arriving)
    (tmp_path / "landing" / "things").mkdir()
    return Lakehouse(replace(lakehouse.settings, checkpoints=str(tmp_path / "checkpoints")), lakehouse.spark)


@pytest.mark.slow
def test_what_a_stream_tells_is_captured_once_whatever_the_ledger_forgets(
    told_by_a_stream: Lakehouse, product: Path
) -> None:
    lakehouse = told_by_a_stream
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (1, 1, 0, 0)
    land_json(lakehouse, "things/old.json", [{"id": 2}], modified=1_000)
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (1, 1, 0, 0)
    assert not run_only(lakehouse, product, "bronze.things").changed
    discovered = [path.rsplit("/", 1)[1] for (path,) in rows(lakehouse, "ops.discovered", "path")]
    assert discovered == ["a.json", "old.json"]  # each was told once
    lakehouse.tables.drop("ops.files")
    lakehouse.tables.drop("bronze.things")
    again = run_only(lakehouse, product, "bronze.things")  # the stream tells nothing new, and need not
    assert counts(again, "bronze.things") == (2, 2, 0, 0)


@pytest.mark.slow
def test_where_what_a_stream_told_was_lost_it_tells_all_again(
    told_by_a_stream: Lakehouse, product: Path
) -> None:
    lakehouse = told_by_a_stream
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    assert run_only(lakehouse, product, "bronze.things").succeeded
    lakehouse.tables.drop("ops.discovered")
    land_json(lakehouse, "things/b.json", [{"id": 2}])
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (1, 1, 0, 0)
    assert step(run_only(lakehouse, product, "bronze.things"), "bronze.things").status == "unchanged"


def test_auto_loader_passes_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    reader: Any = SimpleNamespace(load=lambda path: asked.update(path=path))
    reader.format = lambda name: asked.update(format=name) or reader
    reader.option = lambda name, value: asked.update({name.removeprefix("cloudFiles."): value}) or reader
    spark: Any = SimpleNamespace(readStream=reader)
    monkeypatch.delenv("MEDALLION_FILE_EVENTS", raising=False)
    discovery._auto_loader(spark, "s3://bucket/things/*")
    listed = {
        "format": "binaryFile", "includeExistingFiles": "true", "allowOverwrites": "true",
        "path": "s3://bucket/things/*",
    }  # fmt: skip
    assert asked == listed
    monkeypatch.setenv("MEDALLION_FILE_EVENTS", "1")
    discovery._auto_loader(spark, "s3://bucket/things/*")
    assert asked == {**listed, "useManagedFileEvents": "true"}


def test_on_databricks_without_a_place_for_checkpoints_files_are_listed(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    found = discovery.discovered(lakehouse.tables, "bronze.things", Source("things/*", "json", False))
    assert found is not None and Path(found.collect()[0].path).name == "a.json"
    assert not lakehouse.tables.exists("ops.discovered")
