"""Running and watching a lakehouse: the lock of a run, status against what contracts promise, restore."""

from medallion_pipelines.operations.lock import run_lock
from medallion_pipelines.operations.restore import finish_restore, restore
from medallion_pipelines.operations.status import table_status

__all__ = ["finish_restore", "restore", "run_lock", "table_status"]
