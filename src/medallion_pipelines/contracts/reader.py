"""Reads YAML 1.2 as ODCS means it: dates and `no` are text, every value has a line, nothing explodes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from .document import Document, Step
from .problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 2_000_000
MOST_VALUES = 100_000
DEEPEST = 64

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}|0x[0-9a-fA-F]{1,32}|0o[0-7]{1,40}")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UnreadableError(Exception):
    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


def read_document(file: Path) -> Document | Problem:
    """Parses one contract file; a Problem where it is no readable YAML mapping."""
    try:
        return _parse(file, _text(file))
    except _UnreadableError as error:
        return Problem(file, error.line, "", error.message, error.hint)


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            raise _UnreadableError(0, "is not a file", "A contract is a YAML file; rename the folder.")
        if file.stat().st_size > MOST_BYTES:
            raise _UnreadableError(
                0, f"is larger than {MOST_BYTES // 1_000_000} MB", "A contract describes one table."
            )
        raw = file.read_bytes()
    except OSError as error:
        raise _UnreadableError(0, f"cannot be read: {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, "is not UTF-8 text", "Save the file as UTF-8.") from error


def _parse(file: Path, text: str) -> Document:
    builder = _Builder()
    try:
        value = builder.document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        at = "".join(text.split("\n")[mark.line : mark.line + 1]) if mark else ""
        hint = "Indent with spaces, not tabs." if at.lstrip(" ").startswith("\t") else ""
        raise _UnreadableError(mark.line + 1 if mark else 1, f"is not valid YAML: {message}", hint) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise _UnreadableError(
            line, "holds a character that YAML does not allow", "Is it a text file?"
        ) from error
    if not isinstance(value, dict):
        found = "empty" if value is None else "a list" if isinstance(value, list) else "a single value"
        raise _UnreadableError(
            1, f"is {found}, not a mapping", "A contract starts with `apiVersion: v3.1.0`."
        )
    return Document(file, value, builder.lines)


class _Builder:
    """Turns parser events into values, so depth and size are bounded before anything is built."""

    def __init__(self) -> None:
        self.lines: dict[tuple[Step, ...], int] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}  # value, how many values it holds
        self._values = 0

    def document(self, events: Iterator[Any]) -> Any:
        value = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _UnreadableError(
                        event.start_mark.line + 1,  # type: ignore[union-attr]
                        "a second YAML document starts here",
                        "Put each contract into a file of its own.",
                    )
                value = self._value(next(events), events, ())
        return value

    def _value(self, event: Any, events: Iterator[Any], path: tuple[Step, ...]) -> Any:
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _UnreadableError(
                    line, f"`*{event.anchor}` refers to nothing above it", "An alias cannot contain itself."
                )
            value, size = self._anchors[event.anchor]
            self._count(size, line)
            return value
        before = self._values
        self._count(1, line)
        if len(path) > DEEPEST:
            raise _UnreadableError(line, f"is nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, line)
        else:
            if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
                raise _UnreadableError(line, f"the tag `{event.tag}` is not allowed", "Write plain YAML.")
            mapping = isinstance(event, yaml.MappingStartEvent)
            value = self._mapping(events, path) if mapping else self._sequence(events, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _mapping(self, events: Iterator[Any], path: tuple[Step, ...]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise _UnreadableError(line, "a key must be text")
            key = event.value
            if key == "<<" and event.implicit[0]:
                raise _UnreadableError(
                    line, "merge keys (`<<`) are not part of YAML 1.2", "Write the keys out."
                )
            if key in mapping:
                first = self.lines[(*path, key)]
                raise _UnreadableError(
                    line, f"the key `{key}` is here twice (first on line {first})", "Remove one of them."
                )
            self._count(1, line)
            self.lines[(*path, key)] = line
            mapping[key] = self._value(next(events), events, (*path, key))
        return mapping

    def _sequence(self, events: Iterator[Any], path: tuple[Step, ...]) -> list[Any]:
        sequence: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            sequence.append(self._value(event, events, (*path, len(sequence))))
        return sequence

    def _count(self, size: int, line: int) -> None:
        self._values += size
        if self._values > MOST_VALUES:
            raise _UnreadableError(
                line, f"holds more than {MOST_VALUES:,} values", "Aliases count for all that they repeat."
            )


def _scalar(event: Any, line: int) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        if event.tag in (None, "!", f"{_TAG}str"):
            return text
        raise _UnreadableError(line, f"the tag `{event.tag}` is not allowed", "Write plain YAML.")
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _LEADING_ZERO.fullmatch(text):
        raise _UnreadableError(
            line, f"`{text}` is a number to some and text to others", f"Write '{text}' or drop the zero."
        )
    if _SPECIAL_FLOAT.fullmatch(text) or (_FLOAT.fullmatch(text) and math.isinf(float(text))):
        raise _UnreadableError(
            line, f"`{text}` is not a number that a contract can hold", f"Write '{text}' for the text."
        )
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
