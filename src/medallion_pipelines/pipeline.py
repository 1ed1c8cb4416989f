"""Run the steps of a product, each after what it is made from, side by side where it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from medallion_pipelines.bronze import capture
from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import MedallionError, spark_reason
from medallion_pipelines.gold import publish
from medallion_pipelines.operations import finish_restore
from medallion_pipelines.results import RunResult, StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver import refine
from medallion_pipelines.steps import Step
from medallion_pipelines.transient import retried

PARALLEL = 4  # steps at a time: local steps are mostly waiting for small Spark jobs


def run(
    log: RunLog,
    steps: Sequence[Step],
    *,
    full_refresh: bool = False,
    rebuild: Iterable[str] = (),
    instead: Callable[[RunLog, Table], StepResult] | None = None,
    on_start: Callable[[str], None] = lambda key: None,
    on_finish: Callable[[StepResult], None] = lambda result: None,
) -> RunResult:
    """Run steps; a failing one fails those that wait for it, and no other. Callbacks come from one thread.

    `instead` is other work on the steps' tables than to bring them up to date.
    """
    started = time.monotonic()
    anew = frozenset(rebuild)
    retried(log.begin, lambda told: None)  # tasks that begin together make its tables together
    results: dict[str, StepResult] = {}
    waiting = {step.key: step for step in steps}
    running: dict[Future[StepResult], Step] = {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        while waiting or running:
            for step in list(waiting.values()):
                if step.after <= results.keys() | (step.after - {s.key for s in steps}):
                    del waiting[step.key]
                    culprits = [key for key in sorted(step.after) if _failed(results.get(key))]
                    if culprits:
                        error = f"not run, because {', '.join(culprits)} failed"
                        results[step.key] = StepResult(step.key, "skipped", error=error)
                        on_finish(results[step.key])
                    else:
                        on_start(step.key)
                        running[pool.submit(_do, log, step, full_refresh, step.key in anew, instead)] = step
            if not running:
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                step = running.pop(future)
                results[step.key] = future.result()
                on_finish(results[step.key])
    # successful silver and gold steps wrote themselves into the log; the rest in one commit
    log.steps(r for r in results.values() if r.status != "succeeded" or r.table.startswith("bronze."))
    outcome = RunResult(
        log.run_id, log.product, tuple(results[step.key] for step in steps), time.monotonic() - started
    )
    log.finish(outcome.succeeded)
    return outcome


def _do(
    log: RunLog,
    step: Step,
    full_refresh: bool,
    rebuild: bool,
    instead: Callable[[RunLog, Table], StepResult] | None,
) -> StepResult:
    started = time.monotonic()
    retries: list[str] = []

    def work() -> StepResult:
        if step.key.startswith("bronze."):
            return capture(log, step.table)
        restoring = log.progress(step.key).restoring and not rebuild and log.tables.exists(step.key)
        notes = finish_restore(log, step.table).notes if restoring else ()
        if instead is not None:
            result = instead(log, step.table)
        elif step.table.layer == "silver":
            result = refine(log, step.table, rebuild=rebuild)
        else:
            result = publish(log, step.table, full_refresh=full_refresh or rebuild)
        return replace(result, notes=(*notes, *result.notes))

    try:
        result = retried(work, retries.append)
        return replace(result, notes=(*retries, *result.notes))
    except MedallionError as error:
        message = str(error)
    except Exception as error:  # one table's failure, whatever it is, must not take the others along
        message = f"{type(error).__name__}: {spark_reason(error)}"
    seconds = time.monotonic() - started
    return StepResult(step.key, "failed", seconds=seconds, error=message, notes=tuple(retries))


def _failed(result: StepResult | None) -> bool:
    return result is not None and result.status in ("failed", "skipped")
