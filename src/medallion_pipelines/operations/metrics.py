"""What steps did as metrics of CloudWatch: lines of its embedded metric format (EMF).

A CloudWatch agent that reads the file, or a log group that the lines are sent to, makes metrics of them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from medallion_pipelines.results import StepResult

NAMESPACE = "Medallion"
_COUNTS = {
    "rows_in": "RowsIn",
    "rows_valid": "RowsValid",
    "rows_quarantined": "RowsQuarantined",
    "rows_duplicate": "RowsDuplicate",
    "rows_written": "RowsWritten",
    "rows_deleted": "RowsDeleted",
    "warnings": "Warnings",
}


class Metrics:
    """Appends a line per step, and one per run, to a file."""

    def __init__(self, file: Path, product: str, run_id: str) -> None:
        self._file = file
        self._product = product
        self._run_id = run_id
        self._began = time.time()
        self._failed = 0
        file.parent.mkdir(parents=True, exist_ok=True)

    def start(self, key: str) -> None:
        """Nothing is counted yet."""

    def finish(self, result: StepResult) -> None:
        failed = result.status in ("failed", "skipped")
        self._failed += failed
        values: dict[str, tuple[float, str]] = {
            name: (getattr(result, field), "Count") for field, name in _COUNTS.items()
        }
        values["Seconds"] = (round(result.seconds, 3), "Seconds")
        values["Failed"] = (int(failed), "Count")
        if result.millis_behind_latest is not None:
            values["MillisBehindLatest"] = (result.millis_behind_latest, "Milliseconds")
        of = {"Product": self._product, "Table": result.table}
        self._append(of, values, {"status": result.status, "version": result.version})

    def end(self, succeeded: bool) -> None:
        values: dict[str, tuple[float, str]] = {
            "RunSeconds": (round(time.time() - self._began, 3), "Seconds"),
            "FailedSteps": (self._failed, "Count"),
            "FailedRuns": (int(not succeeded), "Count"),
        }
        self._append({"Product": self._product}, values, {})

    def _append(self, of: dict[str, str], values: dict[str, tuple[float, str]], more: dict[str, Any]) -> None:
        line = embedded(of, values, {"run_id": self._run_id, **more}, round(time.time() * 1000))
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


def embedded(
    of: dict[str, str], values: dict[str, tuple[float, str]], properties: dict[str, Any], millis: int
) -> dict[str, Any]:
    """One EMF record: metrics with their units, by the dimensions `of`; properties are for searching logs."""
    metrics = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(of)], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": millis, "CloudWatchMetrics": [directive]},
        **of,
        **{name: value for name, (value, _) in values.items()},
        **properties,
    }
