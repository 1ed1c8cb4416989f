"""Walks a runbook: takes the commands out of the page and runs them, one after the other, in one shell.

In a page, blocks marked `sh` are commands. `sh cloud` are those that only AWS or Databricks can show: they
are not run, and the page says so right before. `sh exits 1` ends with that code.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "runbooks"
ONLY_CLOUD = "Only in the cloud:"
_BLOCK = re.compile(r"^```sh(?P<marks>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Step:
    text: str
    cloud: bool
    exits: int
    said_before: str  # the paragraph above


def steps(page: Path) -> list[Step]:
    """The commands of a page."""
    whole, found = page.read_text(encoding="utf-8"), []
    for block in _BLOCK.finditer(whole):
        marks = block["marks"].split()
        exits = int(marks[marks.index("exits") + 1]) if "exits" in marks else 0
        assert set(marks) <= {"cloud", "exits", str(exits)}, f"{page.name}: what is `{block['marks']}`?"
        before = whole[: block.start()].rstrip().rsplit("\n\n", 1)[-1]
        found.append(Step(block["text"], "cloud" in marks, exits, before))
    return found


def commands(text: str, program: str) -> list[list[str]]:
    """The command lines of a program in a block, each as its words."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("();<>|&\n"):
            found.append([])
        else:
            found[-1].append(word)
    return [words[1:] for words in found if words[:1] == [program]]


def walk(page: Path, home: Path, environment: Mapping[str, str]) -> str:
    """Run what can be run of a page in a folder; what was said. An assertion fails where a step does."""
    script = ["set -euo pipefail"]
    for number, step in enumerate(steps(page), 1):
        if step.cloud:
            continue
        script.append(f"echo '### step {number}'")
        if step.exits:
            script.append(f"code=0\n(\n{step.text}) || code=$?\n[ $code = {step.exits} ]")
        else:
            script.append(step.text)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=home,
        env=dict(environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{page.name} stopped:\n{done.stdout}"
    return done.stdout
