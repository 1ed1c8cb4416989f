"""One run at a time on a local warehouse. (On Databricks the job's `max_concurrent_runs: 1` sees to it.)"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medallion_pipelines.errors import LockedError, SetupError

REPLICA = ".replica.json"  # in a folder that is a copy of another lakehouse: see `recovery`


@contextmanager
def run_lock(warehouse: str | None) -> Iterator[None]:
    """Hold the warehouse for one run; the system lets go of it however the process ends.

    Raises LockedError while another process holds it, or where it is a copy that the next `medallion dr
    replicate` writes over, SetupError where the folder cannot be written.
    """
    if warehouse is None:
        yield
        return
    if (Path(warehouse) / REPLICA).exists():
        raise LockedError(
            f"{warehouse} is a copy of another lakehouse: what is written to it would be lost. "
            f"To work on it in place of the other, `medallion dr failover --to {warehouse}` first."
        )
    path = Path(warehouse) / ".run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The warehouse folder {warehouse} cannot be written ({error.strerror}). "
            "Give yourself write permission, or name another with --warehouse or MEDALLION_WAREHOUSE."
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise LockedError(
                f"Another run (process {holder}) is working on {warehouse}. Run again when it has ended."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
