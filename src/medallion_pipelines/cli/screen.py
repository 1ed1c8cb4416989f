"""What people see: data on stdout, everything else on stderr, and no colour into pipes."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PIPED_WIDTH = 10_000  # a line in a pipe is as long as it must be
_LONGEST_MESSAGE = 12


@dataclass
class _Mode:
    json: bool = False


_mode = _Mode()


def answer_in_json(wanted: bool) -> None:
    """Remember that stdout gets exactly one JSON document, also when something fails."""
    _mode.json = wanted


def wants_json() -> bool:
    return _mode.json


@cache
def out() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


@cache
def err() -> Console:
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPED_WIDTH)


def say(message: str, style: str = "") -> None:
    """A line for people, on stderr."""
    err().print(Text(message, style), soft_wrap=True)


def plain(text: str) -> str:
    """A text that anybody may have written, as one line that controls no terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def complain(message: str) -> None:
    """An error, on stderr."""
    err().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def suggest(commands: Sequence[str]) -> None:
    """What to try next, on stderr."""
    say("\nTry next:", "bold")
    for command in commands:
        say(f"  {command}", "cyan")


def document(value: object) -> None:
    """The one JSON document of a command, on stdout."""
    write_lines([json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"])


def table(headings: Sequence[str], rows: Iterable[Sequence[Text | str]], numeric: Iterable[int] = ()) -> None:
    """A table on stdout; `numeric` are the columns to align right."""
    numeric = set(numeric)
    shape = box.SIMPLE_HEAD if sys.stdout.isatty() else None
    padding = (0, 0) if shape else (0, 1)
    view = Table(box=shape, pad_edge=False, padding=padding, header_style="bold")
    for index, heading in enumerate(headings):
        view.add_column(Text(heading), justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        view.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    with out().capture() as shown:
        out().print(view)
    write_lines(line.rstrip() + "\n" for line in shown.get().splitlines())


def write_lines(lines: Iterable[str]) -> None:
    """Write to stdout; end quietly when the reader has gone (`| head`)."""
    try:
        for line in lines:
            sys.stdout.write(line)
        sys.stdout.flush()
    except BrokenPipeError:
        _hang_up()


def brief(message: str) -> str:
    """An error of Spark's without its Java stack and plan."""
    kept: list[str] = []
    for line in message.split("JVM stacktrace:")[0].strip().splitlines():
        if line.startswith(("\tat ", "'Project", "Caused by:")) or len(kept) == _LONGEST_MESSAGE:
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip().rstrip(";")


def command(words: str) -> str:
    """A command line as it can be typed here: `medallion` may not be on PATH."""
    import shutil

    if shutil.which("medallion"):
        return f"medallion {words}"
    program = os.path.relpath(sys.argv[0])
    return f"{program if not program.startswith('..') else sys.argv[0]} {words}"


def _hang_up() -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail
    sys.exit(128 + 13)  # as a program has it that SIGPIPE ends
