"""The same changes through this library and its peers; the table in docs/conformance.md.

    python benchmarks/conformance/conformance.py [LIBRARY ...]

With names, only these libraries are run; the others' columns come from their last run with these scenarios.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from environments import LIBRARIES, ROOT, SCRIPTS, clean_environment, python_for

RESULTS = ROOT / "build" / "conformance"
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- written by make conformance -->\n", "<!-- until here -->\n"
Row = dict[str, Any]


def scenarios() -> list[dict[str, Any]]:
    """The scenarios, with what they leave out filled in."""
    read: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("scenarios.yaml").read_text())
    for one in read:
        one["keys"] = _columns(one.get("keys", ["k"]), "INT")
        one["values"] = _columns(one.get("values", ["v"]), "STRING")
        one.setdefault("tracked", "all")
        one.setdefault("ignore_null_updates", False)
        one.setdefault("orders", [list(range(len(one["batches"])))])
        one["either"] = one.pop("either", None) or [one.pop("expect")]
    return read


def verdict(scenario: dict[str, Any], outcome: dict[str, Any]) -> str:
    """right, wrong, refused (an error) or not supported."""
    if "lacks" in outcome:
        return "not supported"
    if "error" in outcome:
        return "refused"
    tables = [_table(scenario, rows) for rows in outcome["tables"]]
    same = all(table == tables[0] for table in tables)
    return "right" if same and tables[0] in [_table(scenario, t) for t in scenario["either"]] else "wrong"


def run(library: str) -> None:
    """Play all scenarios in the library's environment; its results are kept in build/conformance."""
    python = python_for(library)
    print(f"{library}:", flush=True)
    script, given, results = SCRIPTS / f"with_{library}.py", RESULTS / "scenarios.json", _results(library)
    log = RESULTS / f"{library}.log"
    with log.open("w") as errors, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        environment = clean_environment(library, scratch)
        done = subprocess.run([python, script, given, results], env=environment, stderr=errors, cwd=scratch)
    if done.returncode != 0:
        raise SystemExit(f"error: {library} did not run to its end. What it said is in {log}.")


def page(read: list[dict[str, Any]]) -> str:
    """The generated part of docs/conformance.md."""
    found = {name: json.loads(_results(name).read_text()) for name in LIBRARIES if _results(name).exists()}
    found = {name: one for name, one in found.items() if len(one["outcomes"]) == len(read)}
    verdicts = {
        name: [verdict(*pair) for pair in zip(read, one["outcomes"], strict=True)]
        for name, one in found.items()
    }
    lines = []
    for kind, heading in ((2, "Type 2"), (1, "Type 1")):
        lines += [f"| {heading} | {' | '.join(found)} |", "| --- |" + " --- |" * len(found)]
        places = [place for place, one in enumerate(read) if one["type"] == kind]
        for place in places:
            cells = [verdicts[name][place].replace("wrong", "**wrong**") for name in found]
            lines.append(f"| {read[place]['name']} | {' | '.join(cells)} |")
        right = [sum(verdicts[name][place] == "right" for place in places) for name in found]
        lines += [f"| right, of {len(places)} | {' | '.join(map(str, right))} |", ""]
    for name, one in found.items():
        lines.append(f"- {name}: {', '.join(f'{p} {v}' for p, v in one['versions'].items())}.")
        if lacks := sorted({o["lacks"] for o in one["outcomes"] if "lacks" in o}):
            lines.append(f"  Not supported: {'; '.join(lacks)}.")
        for message in dict.fromkeys(o["error"] for o in one["outcomes"] if "error" in o):
            lines.append(f"  Refused: `{message}`")
    return "\n".join([*lines, ""])


def _columns(given: list[str] | dict[str, str], kind: str) -> dict[str, str]:
    return given if isinstance(given, dict) else dict.fromkeys(given, kind)


def _table(scenario: dict[str, Any], rows: list[Row]) -> list[str]:
    names = [*scenario["keys"], *scenario["values"], *(["from", "to"] if scenario["type"] == 2 else [])]
    return sorted(json.dumps([row.get(name) for name in names]) for row in rows)


def _results(library: str) -> Path:
    return RESULTS / f"{library}.json"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("libraries", nargs="*", metavar="LIBRARY", help=", ".join(LIBRARIES))
    chosen = options.parse_args().libraries or LIBRARIES
    if unknown := set(chosen) - set(LIBRARIES):
        options.error(f"there is no {', '.join(unknown)}, only {', '.join(LIBRARIES)}")
    read = scenarios()
    given, text = RESULTS / "scenarios.json", json.dumps(read)
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not given.exists() or given.read_text() != text:
        for library in LIBRARIES:
            _results(library).unlink(missing_ok=True)
        given.write_text(text)
    for library in chosen:
        run(library)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{page(read)}\n{END}{after}")
    print(f"Written to {PAGE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
