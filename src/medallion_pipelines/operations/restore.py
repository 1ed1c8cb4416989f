"""Bring a table back to an earlier version, with what belongs to it and with its progress.

The run log keeps, for each step, the versions of the table, of its sources, and of what lies beside the
table (quarantine, memory of changes). So a version that a step ended with can be had back exactly: the
tables by RESTORE, the progress by a new row in the log. First a row says what is to be (`restoring`); cut
off after that, whoever works on the table next does it again from the start, which changes nothing that
was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import MedallionError, spark_reason
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import Progress, RunLog
from medallion_pipelines.tables import Commit, Staging, Tables

_BY_HAND = {"DELETE", "TRUNCATE", "UPDATE"}  # no step makes such commits in tables of silver and gold
_SKEW = timedelta(minutes=1)  # between the clock that dates commits and the one that dates steps


def restore(log: RunLog, table: Table, to: int | datetime) -> StepResult:
    """Bring the table back to a version, or to the one it had at a time (UTC if it has no zone).

    Raises MedallionError, and changes nothing, where that is not exactly to be had.
    """
    history = log.tables.history(table.key)
    version = to if isinstance(to, int) else _version_at(table.key, history, to)
    step = _step_of(log, table, history, version)
    _check_beside(log.tables, table, step)
    sources = _sources_to_read_on_from(log.tables, table, step)
    beside = dict(step.beside_versions or {})
    if table.changes is not None:  # its columns and those of its memory go together
        version = step.version
    for key, at in {**beside, table.key: version}.items():
        _check_files(log.tables, key, at)
    plan = StepResult(
        table.key, "restoring", version=version, source_versions=sources, beside_versions=beside
    )
    log.step(plan, contract=step.contract)
    undone = [c for c in history if c.version > version and c.operation in _BY_HAND]
    result = finish_restore(log, table)
    told = f"{table.key}: version {_dated(history, version)} is back"
    if undone:
        told += "; that undoes what was done by hand, too: " + ", ".join(
            f"{c.operation} (version {c.version})" for c in undone
        )
    return replace(result, notes=(f"{told}. {_next(table)}",))


def finish_restore(log: RunLog, table: Table) -> StepResult:
    """Do what the log says of a restore that was begun."""
    tables, wanted = log.tables, log.progress(table.key)
    for key, version in (wanted.beside_versions or {}).items():
        if version >= 0:
            tables.restore(key, version)
        elif tables.exists(key):  # it is younger than what the table goes back to
            tables.overwrite(tables.read(key).limit(0), key)
    tables.restore(table.key, wanted.version)
    # a batch that was left is of bronze records which the next run reads again
    Staging(tables, table.key).drop()
    result = StepResult(
        table.key,
        "succeeded",
        version=tables.version(table.key),
        source_versions=wanted.source_versions,
        beside_versions={key: tables.version(key) for key in wanted.beside_versions or {}},
        notes=(f"{table.key}: back at version {wanted.version}.",),
    )
    log.step(result, contract=wanted.contract)
    return result


def _next(table: Table) -> str:
    if table.layer == "gold":
        return "The next run refreshes it from its inputs."
    return "The next run takes what bronze got since then, and refreshes marts."


def _version_at(key: str, history: list[Commit], time: datetime) -> int:
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    before = [commit.version for commit in history if commit.at <= time]
    if not before:
        first = history[0].version
        raise MedallionError(
            f"{key} was not there at {_text(time)}, or its log does not reach back to it: "
            f"the earliest version is {_dated(history, first)}."
        )
    return before[-1]


def _step_of(log: RunLog, table: Table, history: list[Commit], version: int) -> Progress:
    """The step that left the table as it was at a version."""
    key, commits = table.key, {commit.version: commit for commit in history}
    ends = {
        step.version: step  # of several that left it so, the last
        for step in _since_made(log.past(key))
        if step.version in commits and commits[step.version].at <= step.recorded_at + _SKEW
    }
    if version not in commits:
        raise MedallionError(
            f"{key} has no version {version}: its log has {history[0].version} to {history[-1].version}. "
            + _nearest(key, history, ends, version)
        )
    at = version
    while at not in ends and at in commits and commits[at].keeps_rows:
        at -= 1
    if at not in ends:
        raise MedallionError(
            f"{key} cannot be restored to version {version} ({commits[version].operation}): no step ended "
            "with it, so it is not known which records are in it. " + _nearest(key, history, ends, version)
        )
    return ends[at]


def _since_made(steps: list[Progress]) -> list[Progress]:
    """The steps of the table as it is: where versions fall, it was dropped and made again."""
    start = 0
    for place in range(1, len(steps)):
        if steps[place].version < steps[place - 1].version:
            start = place
    return steps[start:]


def _nearest(key: str, history: list[Commit], ends: Mapping[int, Progress], version: int) -> str:
    below = [end for end in ends if end < version]
    above = [end for end in ends if end > version]
    found = [*([max(below)] if below else []), *([min(above)] if above else [])]
    if not found:
        return f"There is none that it could be restored to; `medallion rebuild {key} PRODUCT` makes it anew."
    return f"What it can be restored to: {' or '.join(_dated(history, end) for end in found)}."


def _check_beside(tables: Tables, table: Table, step: Progress) -> None:
    """Raise where the versions of what belongs to the table are not known, or not of the tables there are."""
    rebuild = f"`medallion rebuild {table.key} PRODUCT` makes all of it anew."
    if table.layer == "silver" and not step.beside_versions:
        raise MedallionError(
            f"{table.key} cannot be restored to version {step.version}: the run log does not say what its "
            f"quarantine was then. {rebuild}"
        )
    for key, version in (step.beside_versions or {}).items():
        if version >= 0 and not _is_still(tables, key, version, step):
            raise MedallionError(
                f"{table.key} cannot be restored to version {step.version}: {key} belongs to it "
                f"and was dropped or made anew since. {rebuild}"
            )


def _sources_to_read_on_from(tables: Tables, table: Table, step: Progress) -> Mapping[str, int]:
    """Where the next run goes on; for a mart nothing, so that it is refreshed in full, if that is lost."""
    lost = [key for key, at in step.source_versions.items() if not _is_still(tables, key, at, step)]
    if lost and table.layer == "silver":
        raise MedallionError(
            f"{table.key} cannot be restored to version {step.version}: it had read {lost[0]} up to "
            f"version {step.source_versions[lost[0]]}, and that was made anew since, or does not keep its "
            f"changes since then. `medallion rebuild {table.key} PRODUCT` makes it anew from all of bronze."
        )
    return {} if lost else step.source_versions


def _is_still(tables: Tables, key: str, version: int, step: Progress) -> bool:
    """Whether a table is the one that a step saw at a version, and tells what came after it."""
    newest = tables.version(key)
    if newest < version:
        return False
    commits = {commit.version: commit for commit in tables.history(key)}
    if version in commits:
        return commits[version].at <= step.recorded_at + _SKEW
    return version == newest or version + 1 in commits


def _check_files(tables: Tables, key: str, version: int) -> None:
    if version < 0:
        return
    try:
        tables.read_through(key, version)
    except Exception as error:
        raise MedallionError(
            f"Version {version} of {key} cannot be read any more, perhaps because VACUUM removed "
            f"files of it: nothing was restored. ({spark_reason(error)})"
        ) from error


def _dated(history: list[Commit], version: int) -> str:
    at = next((commit.at for commit in history if commit.version == version), None)
    return f"{version} of {_text(at)}" if at else str(version)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
