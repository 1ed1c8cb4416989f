"""Tables by the names that a session knows, in place of a lakehouse's keys."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from medallion_pipelines.settings import Settings
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables.store import Tables

_PART = re.compile(r"`(?:[^`]|``)+`|[^.`]+")


class NamedTables(Tables):
    """A key is a name as SQL has it: `catalog.schema.table`, or less where the session adds the rest."""

    def __init__(self, spark: SparkSession) -> None:
        super().__init__(spark, Settings(warehouse=None))

    def name(self, key: str) -> str:
        """The name with every part of it quoted."""
        return ".".join(map(quoted, parts(key)))

    def _ensure_schema(self, layer: str) -> None:
        """Schemas are the user's own."""


def parts(name: str) -> list[str]:
    """The parts of a name, without quotes. Raises ValueError where it is none."""
    found = _PART.findall(name)
    if not found or ".".join(found) != name:
        raise ValueError(f"{name!r} is no table name: write catalog.schema.table, odd parts in backticks.")
    return [part[1:-1].replace("``", "`") if part.startswith("`") else part for part in found]
