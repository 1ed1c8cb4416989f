"""Running and watching a lakehouse: its lock, arrivals, status against what contracts promise, maintenance,
restore."""

from medallion_pipelines.operations.arrivals import register
from medallion_pipelines.operations.lock import run_lock
from medallion_pipelines.operations.promises import check_promises
from medallion_pipelines.operations.restore import finish_restore, restore
from medallion_pipelines.operations.status import table_status
from medallion_pipelines.operations.upkeep import maintain, tables_of

__all__ = [
    "check_promises",
    "finish_restore",
    "maintain",
    "register",
    "restore",
    "run_lock",
    "table_status",
    "tables_of",
]
