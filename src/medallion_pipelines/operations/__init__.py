"""Running and watching a lakehouse: its lock, arrivals, status against what contracts promise, restore."""

from medallion_pipelines.operations.arrivals import register
from medallion_pipelines.operations.lock import run_lock
from medallion_pipelines.operations.restore import finish_restore, restore
from medallion_pipelines.operations.status import table_status

__all__ = ["finish_restore", "register", "restore", "run_lock", "table_status"]
