"""A small table with a quarantine, and what tests ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import column, rows, silver

from medallion_pipelines.lakehouse import Lakehouse

KEY = "silver.things"


def things(maximum: int, **more: Any) -> dict[str, Any]:
    return silver("things", [column("id", "integer", logicalTypeOptions={"maximum": maximum})], **more)


def quarantine(lakehouse: Lakehouse) -> list[tuple[str, str]]:
    found = lakehouse.table(f"{KEY}_quarantine").selectExpr("record", "_errors.rule[0]").collect()
    return sorted(map(tuple, found))


def trail(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return rows(lakehouse, "ops.quarantine_log", "outcome", "rules")


def ids(lakehouse: Lakehouse, product: Path) -> dict[str, str]:
    return {row.record: row.id for row in lakehouse.quarantined(KEY, product).collect()}


def cut_off(*args: object, **kwargs: object) -> None:
    raise KeyError("the machine went away")
