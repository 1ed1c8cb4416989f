"""Runs a state machine whose steps are calls of AWS SDKs: a helper of tests, for services that no server has.

It knows what the machines here use, and stops at anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


class FailedError(Exception):
    """The machine ended in a Fail state; the message is its error."""


def run(
    definition: Mapping[str, Any], given: dict[str, Any], name: str, client: Callable[[str], Any]
) -> tuple[dict[str, Any], list[str]]:
    """What is known at the end, and the states that were passed. Raises FailedError."""
    known, at, passed = dict(given), definition["StartAt"], []
    while True:
        state = definition["States"][at]
        passed.append(at)
        assert len(passed) < 200, f"it goes round: {passed[-6:]}"
        if state["Type"] == "Succeed":
            return known, passed
        if state["Type"] == "Fail":
            raise FailedError(state["Error"])
        if state["Type"] == "Choice":
            at = next((each["Next"] for each in state["Choices"] if _holds(each, known)), state["Default"])
            continue
        if state["Type"] == "Task":
            service, action = re.fullmatch(
                r"arn:aws:states:::aws-sdk:(\w+):(\w+)", state["Resource"]
            ).groups()
            method = re.sub("([A-Z])", lambda letter: f"_{letter[1].lower()}", action)
            answer = getattr(client(service), method)(**_filled(state["Parameters"], known, name))
            if state.get("End"):
                return {**known, "answer": answer}, passed
            known[state["ResultPath"].removeprefix("$.")] = answer
        else:
            assert state["Type"] == "Wait", state["Type"]
        at = state["Next"]


def _filled(value: Any, known: Mapping[str, Any], name: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key.removesuffix(".$"): _found(each, known, name)
            if key.endswith(".$")
            else _filled(each, known, name)
            for key, each in value.items()
        }
    return value


def _found(path: str, known: Mapping[str, Any], name: str = "") -> Any:
    if path == "$$.Execution.Name":
        return name
    found: Any = known
    for part in path.removeprefix("$.").split("."):
        found = found[part]
    return found


def _holds(choice: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    if "And" in choice:
        return all(_holds(each, known) for each in choice["And"])
    [operator] = set(choice) - {"Variable", "Next"}
    assert operator in ("StringEquals", "NumericEquals"), operator
    return bool(_found(choice["Variable"], known) == choice[operator])
