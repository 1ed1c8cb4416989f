"""Only the files that can hold touched keys are read."""

from __future__ import annotations

from pathlib import Path

from tests.support import column, gold, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.evolution import shape_of
from medallion_pipelines.gold.touched import restrict
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import reach

SQL = "SELECT to_date(at) AS day, count(*) AS n FROM {events} GROUP BY 1"
FILES_READ = {"at": 1, "AT": 1, "to_date(at)": 1, "CAST(`at` AS date)": 1, "date_add(at, 0)": 3}


def test_files_are_skipped_where_the_grain_is_a_column_or_its_day(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    events = silver("events", [column("id", "integer"), column("at", "timestamp")])
    marts = [
        gold(
            f"daily_{place}",
            [column("day", "date"), column("n", "integer")],
            [{"table": "silver.events", "grain": {"day": grain}}],
            key=["day"],
        )
        for place, grain in enumerate(FILES_READ)
    ]
    folder = write_product(tmp_path / "p", events, *marts, **{mart["name"]: SQL for mart in marts})
    product, tables = load_product(folder).tables, lakehouse.tables
    tables.create("silver.events", shape_of(product["silver.events"]))
    for day in (1, 2, 3):
        rows = f"SELECT 1L AS id, TIMESTAMP'2024-05-0{day} 12:00:00' AS at"
        tables.append(lakehouse.spark.sql(rows), "silver.events")
    keys = lakehouse.spark.sql("SELECT DATE'2024-05-02' AS day")
    spans = reach(keys, {"day": "DATE"})
    assert spans is not None
    found = {}
    for place, grain in enumerate(FILES_READ):
        mart = product[f"gold.daily_{place}"]
        read = restrict(mart.inputs[0], tables.read("silver.events"), keys, spans, mart)
        assert read.count() == 1
        found[grain] = len(read.inputFiles())
    assert found == FILES_READ
