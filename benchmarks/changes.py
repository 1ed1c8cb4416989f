"""Changes to a large table: type 2 beside mack and laktory, type 1 beside laktory and a bare MERGE INTO.

    python benchmarks/changes.py --rows 1000000 --changes 10000 --repeat 5

Nine changes in ten are of keys from all over the table, one is of a new key; none is late and no key is there
twice, since not all could be given that. Each library is in a process and an environment of its own
(`benchmarks/conformance`), with the same settings of Spark; they take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from measure import in_turns, told

sys.path.insert(0, str(Path(__file__).parent / "conformance"))
from environments import OURS, ROOT, SCRIPTS, clean_environment, python_for


class Library:
    """A process with a table in it."""

    def __init__(self, name: str, *arguments: int) -> None:
        environment = OURS if name == "merge" else name
        self.scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        print(f"  loading the table of {name} ...", flush=True)
        self.log = ROOT / "build" / "conformance" / f"{name}-timed.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                [python_for(environment), SCRIPTS / "timed.py", name, *map(str, arguments)],
                env=clean_environment(environment, self.scratch.name), cwd=self.scratch.name,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self._until("ready")

    def turn(self) -> None:
        """Have it apply its next batch."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._until("done")

    def rows(self) -> int:
        """How many rows its table has in the end."""
        return int(self._until("rows"))

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.scratch.cleanup()

    def _until(self, word: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.split()[:1] == [word]:
                return line.removeprefix(word).strip()
        raise SystemExit(f"error: a library stopped. What it said is in {self.log}.")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--changes", type=int, default=10_000)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--type", type=int, choices=(1, 2), help="only this one")
    given = options.parse_args()
    for kind, names, base in ((2, (OURS, "mack", "laktory"), OURS), (1, ("merge", OURS, "laktory"), "merge")):
        if given.type not in (None, kind):
            continue
        print(f"\n{given.changes:,} changes to a type {kind} table of {given.rows:,} rows", flush=True)
        with ExitStack() as stack:
            sizes = (kind, given.rows, given.changes, given.repeat + 1)
            libraries = {name: stack.enter_context(Library(name, *sizes)) for name in names}
            seconds = in_turns({name: one.turn for name, one in libraries.items()}, given.repeat)
            rows = {name: one.rows() for name, one in libraries.items()}
        assert len(set(rows.values())) == 1, f"the tables differ: {rows}"
        print(told(seconds, base), flush=True)


if __name__ == "__main__":
    main()
