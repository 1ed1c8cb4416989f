"""Synthesises the platform, with all its parts and as settings.toml has it, and gives it to cfn-lint, cdk-nag
and checkov. What they find must be in acknowledged.toml with its reason, and what is there must be found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The package comes first: it finds the node that CDK starts when it is imported.
from medallion_platform.platform import compose
from medallion_platform.settings import load

from aws_cdk import Validations  # isort: skip
from cdk_nag import AwsSolutionsChecks  # isort: skip

HERE = Path(__file__).parent
CHECKOV = HERE.parent / ".venv-infra-checkov" / "bin" / "checkov"
EVERYTHING = {
    "on_premises": True,
    "edge": True,
    "organization": True,
    "database": True,
    "data_exchange": True,
    "emr": True,
    "rds": True,
    "failover": True,
    "backup": True,
    "apis": True,
    "catalog": True,
    "athena": True,
    "redshift": True,
    "federation": True,
    "quicksight": True,
    "datazone": True,
}


@dataclass(frozen=True)
class Finding:
    tool: str
    rule: str
    where: str  # a stack and the construct, or logical id, in it
    text: str


def synthesised(folder: Path, **changes: Any) -> Iterator[Finding]:
    """Write the templates, and tell what cdk-nag finds meanwhile."""
    app = compose(load(environ={}, **changes), folder)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    report = json.loads((folder / "validation-report.json").read_text())
    for plugin in report["pluginReports"]:
        for found in plugin["violations"]:
            for construct in found["violatingConstructs"]:
                yield Finding("cdk-nag", found["ruleName"], construct["constructPath"], found["description"])


def linted(folder: Path) -> Iterator[Finding]:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json"]
    command += map(str, sorted(folder.glob("*.template.json")))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    for found in json.loads(run.stdout):
        path = "/".join(map(str, found["Location"]["Path"] or []))
        stack = Path(found["Filename"]).name.removesuffix(".template.json")
        yield Finding("cfn-lint", found["Rule"]["Id"], f"{stack}/{path}", found["Message"])


def scanned(folder: Path) -> Iterator[Finding]:
    command = [str(CHECKOV), "--skip-download", "--framework", "cloudformation", "--directory", str(folder)]
    run = subprocess.run([*command, "--output", "json"], capture_output=True, text=True, check=False)
    report = json.loads(run.stdout)
    assert report["summary"]["parsing_errors"] == 0, report["results"]["parsing_errors"]
    assert report["summary"]["resource_count"] > 50, "checkov saw next to nothing"
    for found in report["results"]["failed_checks"]:
        stack = Path(found["file_path"]).name.removesuffix(".template.json")
        yield Finding("checkov", found["check_id"], f"{stack}/{found['resource']}", found["check_name"])


def main() -> int:
    acknowledged = tomllib.loads((HERE / "acknowledged.toml").read_text())["finding"]
    found: set[Finding] = set()
    for name, changes in (("as it is", {}), ("with all parts", {"parts": {**EVERYTHING, "residency": True}})):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            print(f"Synthesising and checking the platform {name} ...", flush=True)
            found |= {*synthesised(place, **changes), *linted(place), *scanned(place)}
    used = dict.fromkeys(range(len(acknowledged)), 0)
    open_: list[Finding] = []
    for finding in sorted(found, key=lambda one: (one.tool, one.rule, one.where)):
        fit = [number for number, each in enumerate(acknowledged) if _fits(each, finding)]
        for number in fit:
            used[number] += 1
        if not fit:
            open_.append(finding)
    for finding in open_:
        print(f"{finding.tool} {finding.rule}  {finding.where}\n    {finding.text}")
    stale = [acknowledged[number] for number, times in used.items() if not times]
    for each in stale:
        print(f"acknowledged.toml: {each['tool']} {each['rule']} in {each['where']} is found no more.")
    print(f"{len(found)} findings, {len(open_)} of them not acknowledged.")
    return 1 if open_ or stale else 0


def _fits(acknowledged: dict[str, str], finding: Finding) -> bool:
    return acknowledged["tool"] == finding.tool and all(
        re.fullmatch(acknowledged[name], getattr(finding, name)) for name in ("rule", "where")
    )


if __name__ == "__main__":
    sys.exit(main())
