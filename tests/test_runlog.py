"""The run log, by tasks that know nothing of each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.tables import Tables
from medallion_pipelines.transient import retried
from tests.support import rows


@pytest.mark.slow
@pytest.mark.engine
def test_tasks_that_begin_together_make_its_tables_once_and_each_notes_its_step(lakehouse: Lakehouse) -> None:
    def task(number: int) -> None:
        log = RunLog(Tables(lakehouse.spark, lakehouse.settings), "p")
        retried(log.begin, lambda told: None)
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
