"""A contract file as values that know their line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Step = str | int


def dotted(path: tuple[Step, ...]) -> str:
    """`("schema", 0, "name")` as `schema[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@dataclass(frozen=True)
class Document:
    """A parsed file; `lines` holds the line of each path that is spelt out in it."""

    file: Path
    value: dict[str, Any]
    lines: Mapping[tuple[Step, ...], int]
    problems: list[Problem] = field(default_factory=list)
    _refused: set[tuple[Step, ...]] = field(default_factory=set)

    def line(self, path: tuple[Step, ...]) -> int:
        """The line of `path`, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def add(self, path: tuple[Step, ...], message: str, hint: str = "") -> None:
        """Adds a problem, unless the value there has been refused already."""
        problem = Problem(self.file, self.line(path), dotted(path), message, hint)
        if path not in self._refused and problem not in self.problems:
            self.problems.append(problem)

    def refuse(self, path: tuple[Step, ...], message: str, hint: str = "") -> None:
        """Adds a problem and lets nothing further be said of the same value."""
        self.add(path, message, hint)
        self._refused.add(path)

    @property
    def root(self) -> Node:
        return Node(self, self.value, ())


@dataclass(frozen=True)
class Node:
    """A value in a document and the way to it.

    The readers answer "nothing" for a value of another type: the ODCS schema check has reported
    that already, so compiling goes on and finds the file's other problems.
    """

    document: Document
    value: Any
    path: tuple[Step, ...]

    def problem(self, message: str, hint: str = "") -> None:
        self.document.add(self.path, message, hint)

    def get(self, key: str) -> Node | None:
        """The value at `key`, None where absent or null."""
        if not isinstance(self.value, dict) or self.value.get(key) is None:
            return None
        return Node(self.document, self.value[key], (*self.path, key))

    def at(self, key: str) -> Node:
        """The place of `key`, to report on, whether it is there or not."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(self.document, value, (*self.path, key))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.value) if isinstance(self.value, dict) else ()

    def items(self, key: str) -> Iterator[Node]:
        """The entries of the list at `key`."""
        found = self.get(key)
        if found is not None and isinstance(found.value, list):
            yield from found.entries()

    def entries(self) -> Iterator[Node]:
        for index, value in enumerate(self.value if isinstance(self.value, list) else ()):
            yield Node(self.document, value, (*self.path, index))

    def text(self, key: str) -> str | None:
        value = self.at(key).value
        return value if isinstance(value, str) and value.strip() else None

    def flag(self, key: str) -> bool:
        return self.at(key).value is True

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(entry.value for entry in self.items(key) if isinstance(entry.value, str))
