"""Gold as others read it: the features of Delta it needs, and Redshift's marts, by DuckDB, against Spark."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion_pipelines.sample import land

from . import oracle
from .compare import assert_same_rows

if TYPE_CHECKING:
    import pandas as pd

    from medallion_pipelines.lakehouse import Lakehouse

pytestmark = [pytest.mark.engine, pytest.mark.slow]
INFRA = Path(__file__).parents[2] / "infra"
# What AWS says of Athena: reader versions up to 3, column mapping and TIMESTAMP_NTZ.
ATHENA = {"columnMapping", "timestampNtz"}
MANIFESTS = "delta.compatibility.symlinkFormatManifest.enabled"
VIEWS = {"network_planning", "operations", "public_on_time"}


def test_redshifts_marts_are_sparks_gold_and_athena_can_read_what_gold_is_written_with(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake import DeltaTable

    monkeypatch.setattr(sys, "path", [str(INFRA), *sys.path])
    import datamarts

    land(lakehouse.settings.landing, days="2013-01-03..2013-01-05")
    assert lakehouse.run("flights").succeeded
    names, schema = sorted(oracle.KEYS.keys() - VIEWS), lakehouse.settings.schema("gold")
    for name in names:
        lakehouse.spark.sql(f"ALTER TABLE {schema}.{name} SET TBLPROPERTIES ('{MANIFESTS}' = 'true')")
        lakehouse.spark.sql(f"GENERATE symlink_format_manifest FOR TABLE {schema}.{name}")
    land(lakehouse.settings.landing, days="2013-01-06..2013-01-06")
    assert lakehouse.run("flights").succeeded

    folder = Path(str(lakehouse.settings.warehouse)) / schema
    for name in names:
        delta = DeltaTable(str(folder / name))
        needed = delta.protocol()
        assert needed.min_reader_version <= 3, name
        assert set(needed.reader_features or ()) <= ATHENA, name
        assert needed.min_reader_version == 1, f"gold.{name}: docs/analytics.md says any reader can"
        assert sorted(map(Path, listed(folder / name))) == sorted(map(Path, delta.file_uris())), name

    redshift = Redshift({name: listed(folder / name) for name in names})
    outer = ["CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG"]
    datamarts.bring_up(redshift.execute, redshift.together, "flights", outer)
    assert redshift.swapped and len(redshift.granted) > 20
    for name, keys in oracle.KEYS.items():
        expected = lakehouse.table(f"gold.{name}").toPandas()
        assert len(expected) > 0, name
        assert_same_rows(redshift.rows(name), expected, keys)


def listed(table: Path) -> list[str]:
    """The files that Delta's manifest lists: what Spectrum reads, and nothing else."""
    text = (table / "_symlink_format_manifest" / "manifest").read_text(encoding="utf-8")
    return [line.removeprefix("file:") for line in text.splitlines()]


class Redshift:
    """Runs Redshift's SQL on DuckDB: all but outer schemas, roles, grants and the swap, which it notes."""

    def __init__(self, lake: dict[str, list[str]]) -> None:
        import duckdb

        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._duck.execute("CREATE SCHEMA lake")
        for name, files in lake.items():
            listed = ", ".join(f"'{file}'" for file in files)
            self._duck.execute(f"CREATE VIEW lake.{name} AS SELECT * FROM read_parquet([{listed}])")
        self.granted: list[str] = []
        self.swapped = False

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        import sqlglot

        if statement.startswith("GRANT "):
            self.granted.append(statement)
        elif statement.startswith("SELECT role_name"):
            return [("flights_analyst",)]
        elif not statement.startswith(("CREATE EXTERNAL", "CREATE ROLE")):
            [ours] = sqlglot.transpile(statement, read="redshift", write="duckdb")
            self._duck.execute(ours)
        return []

    def together(self, statements: list[str]) -> None:
        self.swapped = any(each.startswith("ALTER SCHEMA ") for each in statements)

    def rows(self, name: str) -> pd.DataFrame:
        # by Arrow, which keeps decimals
        return self._duck.sql(f'SELECT * FROM datamart_next."{name}"').to_arrow_table().to_pandas()
