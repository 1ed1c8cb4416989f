"""What a table was: made to go, so that what was deleted is gone from its files, too."""

from __future__ import annotations

from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables.catalog import Catalog

_KEEPING = {
    "delta.deletedFileRetentionDuration": "interval 0 seconds",  # VACUUM asks it, serverless too
    "delta.checkpointInterval": "1",  # the next commit writes one
}


class History(Catalog):
    """Tables with a past."""

    def drop_versions(self, key: str) -> None:
        """Delete the data and change files of all versions but the newest. Time travel and change feed begin
        anew; statistics of the old files stay in the log, see `drop_log`."""
        at = self._at(key)
        before = self.spark.sql(f"DESCRIBE DETAIL {at}").select("properties").first()
        assert before is not None
        # a run that was killed in here left ours: they are no one's own
        own = {
            name: value
            for name, value in before.properties.items()
            if name in _KEEPING and value != _KEEPING[name]
        }
        self._alter(at, _KEEPING)
        self.spark.sql(f"REORG TABLE {at} APPLY (PURGE)")  # rows that a deletion vector only hides
        self.spark.sql(f"VACUUM {at}")
        self._alter(at, own, [name for name in _KEEPING if name not in own])

    def deep_clone(self, key: str, catalog: str, version: int) -> None:
        """Make a table of another catalog, with the same schema and name, what this one is at a version;
        given again, only what is new is copied. Databricks alone can."""
        layer, table = key.split(".", 1)
        schema = f"{quoted(catalog)}.{quoted(self.settings.schema(layer))}"
        if not self.spark.catalog.databaseExists(schema):
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self.spark.sql(
            f"CREATE OR REPLACE TABLE {schema}.{quoted(table)} DEEP CLONE {self._at(key)} "
            f"VERSION AS OF {int(version)}"
        )

    def drop_log(self, key: str) -> int:
        """Delete the log before the newest checkpoint, with the least and greatest values that it keeps of
        each file there was. Says how many files; none where the catalog keeps the tables' files to itself."""
        folder = self._folder(key)
        if folder is None:
            return 0
        log = folder / "_delta_log"
        newest = max((path.name[:20] for path in log.glob("*.checkpoint*.parquet")), default="")
        # a checksum file has its own beside it, hidden
        old = [
            path for path in log.iterdir() if (name := path.name.lstrip("."))[:20].isdigit() and name < newest
        ]
        # oldest first: cut off in between, what is left is still a log
        for path in sorted(old, key=lambda path: path.name.lstrip(".")):
            path.unlink(missing_ok=True)
        return len(old)

    def _alter(self, at: str, values: dict[str, str], unset: list[str] | None = None) -> None:
        if values:
            pairs = ", ".join(f"{string(name)} = {string(value)}" for name, value in values.items())
            self.spark.sql(f"ALTER TABLE {at} SET TBLPROPERTIES ({pairs})")
        if unset:
            names = ", ".join(map(string, unset))
            self.spark.sql(f"ALTER TABLE {at} UNSET TBLPROPERTIES IF EXISTS ({names})")
