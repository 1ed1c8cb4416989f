"""Tells others of a run while it goes on: OpenLineage, CloudWatch. None of them can make it fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from medallion_pipelines.operations.metrics import Metrics

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.results import RunResult, StepResult
    from medallion_pipelines.settings import Settings

METRICS_FILE = "MEDALLION_METRICS_FILE"


class Observer(Protocol):
    """Who is told of a run."""

    def start(self, key: str) -> None: ...

    def finish(self, result: StepResult) -> None: ...

    def end(self, succeeded: bool) -> None: ...


class Observed:
    """A run and those who are told of it; who fails once is told no more, and the run's result says so."""

    def __init__(
        self,
        product: Product,
        settings: Settings,
        run_id: str,
        on_start: Callable[[str], None],
        on_finish: Callable[[StepResult], None],
    ) -> None:
        self._on_start, self._on_finish = on_start, on_finish
        self._observers: dict[str, Observer] = {}
        self._notes: list[str] = []
        self._add("OpenLineage events", lambda: _events(product, settings, run_id))
        self._add("metrics", lambda: _metrics(product, run_id))

    def start(self, key: str) -> None:
        """A step begins."""
        self._tell(lambda observer: observer.start(key))
        self._on_start(key)

    def finish(self, result: StepResult) -> None:
        """A step has ended."""
        self._tell(lambda observer: observer.finish(result))
        self._on_finish(result)

    def end(self, outcome: RunResult) -> RunResult:
        """The run has ended; its result, with a note on each of those who could not be told of it."""
        self._tell(lambda observer: observer.end(outcome.succeeded))
        if not (self._notes and outcome.steps):
            return outcome
        *steps, last = outcome.steps
        return replace(outcome, steps=(*steps, replace(last, notes=(*last.notes, *self._notes))))

    def broke_off(self) -> None:
        """The run was stopped by an error of its own, and has no result."""
        self._tell(lambda observer: observer.end(False))

    def _add(self, what: str, make: Callable[[], Observer | None]) -> None:
        try:
            observer = make()
        except Exception as error:  # a bad configuration, a transport that is down, a package that is missing
            self._note(what, error)
            return
        if observer is not None:
            self._observers[what] = observer

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for what, observer in list(self._observers.items()):
            try:
                tell(observer)
            except Exception as error:  # see above
                del self._observers[what]
                self._note(what, error)

    def _note(self, what: str, error: Exception) -> None:
        """Messages of transports can hold what they were configured with, so only the kind is told."""
        self._notes.append(f"The run's {what} were not sent, or not all: {type(error).__name__}.")


def _events(product: Product, settings: Settings, run_id: str) -> Observer | None:
    """OpenLineage, where it is configured; the library is slow to load, and not looked for otherwise."""
    files = (Path("openlineage.yml"), Path.home() / ".openlineage" / "openlineage.yml")
    if not any(name.startswith("OPENLINEAGE_") for name in os.environ) and not any(
        f.is_file() for f in files
    ):
        return None
    from medallion_pipelines.lineage.events import Events, client

    sender = client()
    return None if sender is None else Events(sender, product, settings, run_id)


def _metrics(product: Product, run_id: str) -> Observer | None:
    file = os.environ.get(METRICS_FILE)
    return Metrics(Path(file), product.name, run_id) if file else None
