"""How long the flights product takes: a first run, and a rerun with nothing new, each in a new process.

    python benchmarks/flights_run.py --days 2013-01-01..2013-01-31 --repeat 3

Prints seconds per run, Spark's start included and told apart: median, least and greatest.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEDALLION = Path(sys.executable).with_name("medallion")


def seconds(*arguments: str) -> float:
    """How long a command takes; the benchmark ends where it fails."""
    started = time.monotonic()
    subprocess.run([MEDALLION, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--days", default="2013-01-01..2013-01-31")
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    figures: dict[str, list[float]] = {"start": [], "first run": [], "rerun": []}
    for _ in range(given.repeat):
        with tempfile.TemporaryDirectory() as folder:
            landing, warehouse = f"{folder}/landing", f"{folder}/warehouse"
            seconds("sample", "land", landing, "--days", given.days, "--dirty")
            places = ("--landing", landing, "--warehouse", warehouse)
            figures["start"].append(seconds("sql", "SELECT 1", "--warehouse", warehouse))
            figures["first run"].append(seconds("run", "flights", *places))
            figures["rerun"].append(seconds("run", "flights", *places))
    for name, values in figures.items():
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:10} {statistics.median(values):7.1f} s  ({spread}, {given.repeat} times)")


if __name__ == "__main__":
    main()
