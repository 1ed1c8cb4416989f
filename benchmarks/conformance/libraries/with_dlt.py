"""dlt (dlthub) on DuckDB: its merge strategies `scd2` and `delete-insert`.

`scd2` follows extracts of a table rather than changes: a load has one timestamp for all its rows (a sequence
n is n seconds after 1970), and there is no mark for a deleted row. Loads are incremental, with the keys as
`merge_key`, so that a row that is absent stays. Type 1 is its documented way with change data: `dedup_sort`
and `hard_delete`.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
from harness import Row, Scenario, has_deletes, play

TYPES = {"INT": "bigint", "STRING": "text"}


class Target:
    def __init__(self, scenario: Scenario, name: str) -> None:
        folder = tempfile.mkdtemp(prefix="conformance-")
        self.type, self.keys = scenario["type"], list(scenario["keys"])
        kinds = {**scenario["keys"], **scenario["values"]}
        self.columns: dict[str, dict[str, Any]] = {
            column: {"data_type": TYPES[kind]} for column, kind in kinds.items()
        }
        destination = dlt.destinations.duckdb(f"{folder}/{name}.duckdb")
        self.pipeline = dlt.pipeline(
            name, f"{folder}/pipelines", destination=destination, dataset_name="data"
        )

    @staticmethod
    def lacks(scenario: Scenario) -> str | None:
        if scenario["ignore_null_updates"]:
            return "updates of some columns"
        if scenario["type"] == 1:
            return None
        if has_deletes(scenario):
            return "deletes that are told as changes"
        if any(len({change["at"] for change in batch}) > 1 for batch in scenario["batches"]):
            return "several sequences in a batch"
        return None

    def apply(self, batch: list[Row]) -> None:
        if self.type == 2:
            at = datetime.fromtimestamp(batch[0]["at"], UTC).isoformat()
            rows = [{name: change[name] for name in self.columns} for change in batch]
            how: dict[str, Any] = {
                "write_disposition": {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": at},
                "merge_key": self.keys,
                "columns": self.columns,
            }
        else:
            names = (*self.columns, "at", "delete")
            rows = [{name: change.get(name) for name in names} for change in batch]
            told = {
                "at": {"data_type": "bigint", "dedup_sort": "desc"},
                "delete": {"data_type": "bool", "hard_delete": True},
            }
            how = {
                "write_disposition": "merge",
                "primary_key": self.keys,
                "columns": self.columns | told,
            }
        self.pipeline.run(dlt.resource(rows, name="changes", **how))

    def rows(self) -> list[Row]:
        names = [*self.columns, *(["_dlt_valid_from", "_dlt_valid_to"] if self.type == 2 else [])]
        with self.pipeline.sql_client() as client:
            found = client.execute_sql(f"SELECT {', '.join(names)} FROM changes")
        return [
            {
                {"_dlt_valid_from": "from", "_dlt_valid_to": "to"}.get(name, name): _plain(value)
                for name, value in zip(names, row, strict=True)
            }
            for row in found or []
        ]


def _plain(value: Any) -> Any:
    return int(value.timestamp()) if isinstance(value, datetime) else value


if __name__ == "__main__":
    play(Target, "dlt", "duckdb")
