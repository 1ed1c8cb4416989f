"""The run log, by tasks that know nothing of each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.tables import Tables
from tests.support import rows


@pytest.mark.slow
@pytest.mark.engine
def test_tasks_that_run_together_each_note_their_step(lakehouse: Lakehouse) -> None:
    # the very first ones would make the tables together, which folders, unlike catalogs, do not take
    RunLog(lakehouse.tables, "p").begin()

    def task(number: int) -> None:
        log = RunLog(Tables(lakehouse.spark, lakehouse.settings), "p")
        log.begin()
        log.step(StepResult(f"silver.t{number}", "succeeded", version=number))
        log.finish(True)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(task, number) for number in range(4)]:
            done.result()
    assert rows(lakehouse, "ops.table_metrics", "table", "version") == [(f"silver.t{n}", n) for n in range(4)]
    assert rows(lakehouse, "ops.runs", "status") == [("succeeded",)] * 4
    log = RunLog(lakehouse.tables, "p")
    log.begin()
    assert [log.progress(f"silver.t{number}").version for number in range(4)] == [0, 1, 2, 3]
