"""A run in a process of its own, on a Spark Connect server that survives it, killed where a test says.

A boundary is a moment before or after a write: `before append silver.orders #1`. Names do not depend on how
the steps of a run happen to overlap, so the same boundary is met every time.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medallion_pipelines.errors import LockedError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.session import remote_session
from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables

WRITES = (
    "_make", "create_as", "append", "overwrite", "merge", "drop", "set_property", "add_columns", "view",
)  # fmt: skip
_TOKEN = re.compile(r"__[0-9a-f]{32}")
# of a run itself: what was read when, and under which token
_PASSING = ("_ingested_at", "_quarantined_at", "_batch_id")


def run(
    address: str, settings: Settings, product: str, only: Sequence[str], kill_at: str | None, answer: str
) -> None:
    """Run a product; killed by SIGKILL at a boundary, else the boundaries met and the outcome are written to
    `answer` as JSON, with what every table holds."""
    met: list[str] = []
    for name in WRITES:
        _watch(name, met, kill_at)
    lakehouse = Lakehouse(settings, remote_session(address))
    try:
        result = lakehouse.run(product, tables=only or None)
    except LockedError as error:
        Path(answer).write_text(json.dumps({"errors": [str(error)]}), encoding="utf-8")
        return
    told = {
        "boundaries": met,
        "errors": [f"{step.table}: {step.error}" for step in result.steps if step.error],
        "notes": [note for step in result.steps for note in step.notes],
        "tables": _contents(lakehouse),
    }
    Path(answer).write_text(json.dumps(told), encoding="utf-8")


def _watch(name: str, met: list[str], kill_at: str | None) -> None:
    real: Callable[..., Any] = getattr(Tables, name)
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def pass_by(moment: str) -> None:
        if moment == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        met.append(moment)

    def watched(self: Tables, *args: Any, **more: Any) -> Any:
        key = next(arg for arg in (*args, *more.values()) if isinstance(arg, str) and "." in arg)
        what = f"{name.strip('_')} {_TOKEN.sub('', key)}"
        with lock:
            seen[what] += 1
            what = f"{what} #{seen[what]}"
        pass_by(f"before {what}")
        done = real(self, *args, **more)
        pass_by(f"after {what}")
        return done

    setattr(Tables, name, watched)


def _contents(lakehouse: Lakehouse) -> dict[str, list[str]]:
    """Per table how many rows it has and a sum of their hashes; of `ops` the files by status."""
    tables, queries = lakehouse.tables, []
    for layer in ("bronze", "silver", "gold"):
        for key in tables.keys(layer):
            if not key.endswith("_parsed"):
                columns = [name for name in tables.read(key).columns if name not in _PASSING]
                row = f"to_json(struct({', '.join(f'`{name}`' for name in columns)}))"
                queries.append(
                    f"SELECT '{key}' AS k, CAST(count(*) AS STRING) AS n, "
                    f"CAST(sum(CAST(xxhash64({row}) AS DECIMAL(38))) AS STRING) AS h FROM {tables.name(key)}"
                )
    queries.append(
        "SELECT concat('file ', path), max(status), CAST(count(*) AS STRING) "
        f"FROM {tables.name('ops.files')} WHERE status <> 'found' GROUP BY path"
    )
    found = {row[0]: [row[1], row[2]] for row in lakehouse.sql(" UNION ALL ".join(queries)).collect()}
    found["staged"] = [key for key in tables.keys("ops") if key.startswith("ops.staging_")]
    return found
