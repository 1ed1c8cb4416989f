"""Tables as Delta writes them, with all it knows: every version of the copy is that of the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.recovery import replicate, verify

PROPERTIES = """
    'delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true',
    'delta.columnMapping.mode' = 'name', 'delta.checkpointPolicy' = '{policy}',
    'delta.checkpointInterval' = '3',
    'delta.randomizeFilePrefixes' = 'true', 'delta.minReaderVersion' = '3', 'delta.minWriterVersion' = '7'
"""


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["classic", "v2"])
def test_every_version_and_every_change_is_in_the_copy(
    lakehouse: Lakehouse, tmp_path: Path, policy: str
) -> None:
    spark, settings = lakehouse.spark, lakehouse.settings
    a = f"{settings.warehouse}/{settings.silver}/orders"
    b = f"{tmp_path}/b/{settings.silver}/orders"
    table = f"delta.`{a}`"
    spark.sql(
        f"CREATE TABLE {table} (id INT, `what for` STRING, day DATE) USING DELTA PARTITIONED BY (day) "
        f"TBLPROPERTIES ({PROPERTIES.format(policy=policy)})"
    )
    spark.sql(f"INSERT INTO {table} SELECT id, 'a', DATE'2026-01-01' FROM range(20)")
    spark.sql(f"DELETE FROM {table} WHERE id % 5 = 0")
    spark.sql(f"UPDATE {table} SET `what for` = 'b' WHERE id % 7 = 1")
    replicate(settings, f"{tmp_path}/b")
    equal(lakehouse, a, b, 1, 3)
    spark.sql(f"ALTER TABLE {table} RENAME COLUMN `what for` TO purpose")
    spark.sql(f"INSERT INTO {table} SELECT id, 'c', DATE'2026-01-02' FROM range(20, 30)")
    spark.sql(f"DELETE FROM {table} WHERE id = 21")
    spark.sql(f"OPTIMIZE {table}")
    spark.sql(f"RESTORE TABLE {table} TO VERSION AS OF 5")
    done = replicate(settings, f"{tmp_path}/b")
    assert 0 < done.copied < done.files
    equal(lakehouse, a, b, 4, 8)
    assert verify(f"{tmp_path}/b") == []
    vectors = {path.name for path in Path(f"{tmp_path}/b").rglob("deletion_vector_*.bin")}
    assert vectors and list(Path(b).rglob("*.checkpoint*"))
    lakehouse.tables._known.discard("silver.orders")
    lakehouse.tables.drop_versions("silver.orders")
    replicate(settings, f"{tmp_path}/b")
    assert verify(f"{tmp_path}/b") == []
    assert rows(lakehouse, a) == rows(lakehouse, b)
    assert not vectors & {path.name for path in tmp_path.rglob("deletion_vector_*.bin")}


def equal(lakehouse: Lakehouse, a: str, b: str, first: int, last: int) -> None:
    for version in range(first, last + 1):
        assert rows(lakehouse, a, versionAsOf=version) == rows(lakehouse, b, versionAsOf=version)
    feed = {"readChangeFeed": "true", "startingVersion": first, "endingVersion": last}
    assert rows(lakehouse, a, **feed) == rows(lakehouse, b, **feed)
    assert rows(lakehouse, a)


def rows(lakehouse: Lakehouse, path: str, **options: object) -> list[str]:
    frame = lakehouse.spark.read.format("delta").options(**options).load(path)  # type: ignore[arg-type]
    return sorted(row[0] for row in frame.selectExpr("to_json(struct(*))").collect())
