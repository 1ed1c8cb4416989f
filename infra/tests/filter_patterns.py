"""What a filter pattern of CloudWatch Logs finds in an event that is JSON: a helper of tests.

It knows comparisons with a text, `NOT EXISTS`, `&&`, `||` and brackets. What else there is, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

_TOKENS = re.compile(r'\s*(\(|\)|&&|\|\||!=|=|NOT EXISTS|\$[\w.]+|"[^"]*")')


def finds(pattern: str, event: Mapping[str, Any]) -> bool:
    """Whether an event fits a pattern."""
    inner = re.fullmatch(r"\{(.*)\}", pattern.strip(), re.DOTALL)
    assert inner, f"no pattern for JSON: {pattern}"
    tokens, at, text = [], 0, inner[1].rstrip()
    while at < len(text):
        found = _TOKENS.match(text, at)
        assert found, f"not known: {text[at:]}"
        tokens.append(found[1])
        at = found.end()
    result = _either(tokens, event)
    assert not tokens, f"left over: {tokens}"
    return result


def _either(tokens: list[str], event: Mapping[str, Any]) -> bool:
    result = _both(tokens, event)
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        result = _both(tokens, event) or result
    return result


def _both(tokens: list[str], event: Mapping[str, Any]) -> bool:
    result = _one(tokens, event)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        result = _one(tokens, event) and result
    return result


def _one(tokens: list[str], event: Mapping[str, Any]) -> bool:
    first = tokens.pop(0)
    if first == "(":
        result = _either(tokens, event)
        assert tokens.pop(0) == ")"
        return result
    value: Any = event
    for name in first.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    operator = tokens.pop(0)
    if operator == "NOT EXISTS":
        return value is None
    wanted = tokens.pop(0).strip('"')
    fits = value is not None and fnmatchcase(str(value), wanted)
    return fits if operator == "=" else value is not None and not fits
