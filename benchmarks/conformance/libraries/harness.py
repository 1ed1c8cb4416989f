"""What the scripts of all libraries share. Runs in each one's environment: nothing but Python here.

    python with_<library>.py scenarios.json results.json

A library's script has one class, `Target`: a table that takes batches of changes and shows its rows.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]
Scenario = dict[str, Any]


class Target(Protocol):
    """A table of one library."""

    def __init__(self, scenario: Scenario, name: str) -> None:
        """A new and empty table for a scenario's columns."""

    @staticmethod
    def lacks(scenario: Scenario) -> str | None:
        """What the library would need for this scenario, and does not have."""

    def apply(self, batch: list[Row]) -> None:
        """Apply one batch of changes."""

    def rows(self) -> list[Row]:
        """What the table holds: keys and values, and for type 2 `from` and `to`."""


def play(target: type[Target], *packages: str) -> None:
    """Play the scenarios and write down what came out; a run that was cut off goes on where it was."""
    given, results = map(Path, sys.argv[1:3])
    scenarios = json.loads(given.read_text())
    outcomes = json.loads(results.read_text())["outcomes"] if results.exists() else []
    if len(outcomes) == len(scenarios):
        outcomes = []
    versions = {name: metadata.version(name) for name in packages}
    for number, scenario in list(enumerate(scenarios))[len(outcomes) :]:
        outcome = _outcome(target, scenario, f"t{number}")
        outcomes.append({"name": scenario["name"], "type": scenario["type"], **outcome})
        results.write_text(json.dumps({"versions": versions, "outcomes": outcomes}, indent=1))
        told = outcome.get("lacks") or outcome.get("error") or "played"
        print(f"  type {scenario['type']}, {scenario['name']}: {told}", flush=True)


def has_deletes(scenario: Scenario) -> bool:
    return any(change.get("delete") for batch in scenario["batches"] for change in batch)


def _outcome(target: type[Target], scenario: Scenario, name: str) -> dict[str, Any]:
    if lacks := target.lacks(scenario):
        return {"lacks": lacks}
    tables = []
    for number, order in enumerate(scenario["orders"]):
        table = target(scenario, f"{name}_{number}")
        try:
            for place in order:
                table.apply(scenario["batches"][place])
        except Exception as error:
            first = next((line for line in str(error).splitlines() if line.strip()), "")
            return {"error": f"{type(error).__name__}: {first.strip()[:300]}"}
        tables.append(table.rows())
    return {"tables": tables}
