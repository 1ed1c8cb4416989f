"""Checks the bundle in this folder for every target: python -m scripts.bundle

Variables are given as the CLI takes them from the environment: BUNDLE_VAR_product=sales.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from scripts.bundle.config import Config, Problem, load
from scripts.bundle.files import check_files
from scripts.bundle.installed import check_entry_points, import_problem
from scripts.bundle.queries import check_queries
from scripts.bundle.references import resolve
from scripts.bundle.targets import check_commands, check_target
from scripts.bundle.tasks import check_jobs
from scripts.bundle.wheel import ROOT, build

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import Product
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.shipped import product_folder, shipped_products

# what jobs can be made of beside the defaults, and what was given
VARIANTS: tuple[Mapping[str, str], ...] = (
    {},
    {"compute": "job_cluster"},
    {"product": "live/product", "compute": "job_cluster", "streams": "continuous"},
)


def checked(
    root: Path,
    target: str,
    given: Mapping[str, str] = MappingProxyType({}),
    *,
    variant: Mapping[str, str] = MappingProxyType({}),
) -> Config:
    """The bundle for a target, with all that is wrong with it; `variant` is other variables for its jobs."""
    config = load(root, target, {**given, **variant})
    if target not in (config.top.get("targets") or {}) or not config.shaped:
        return config
    resolve(config)
    check_jobs(config)
    check_files(config)
    check_commands(config)
    name = given.get("product") or config.top["variables"].get("product", {}).get("default")
    if name is None:
        config.problem("variables.product", "has no default, and BUNDLE_VAR_product is not set")
        return config
    try:
        product = _product(root, name)
    except MedallionError:  # the jobs could not be made of it, either: that is told
        return config
    check_queries(config, product)
    check_target(config, product)
    return config


@cache
def _product(root: Path, name: str) -> Product:
    """The product that dashboards and catalogs are of; jobs may be made of another."""
    return load_product(product_folder(name if name in shipped_products() else root / name))


def main() -> int:
    wheel = build(ROOT / "dist" / "bundle")
    print(f"built {wheel.relative_to(ROOT)}")
    targets, unread = read_targets(ROOT)
    problems = dict.fromkeys(unread)
    given = from_environment()
    for target in targets:
        for variant in VARIANTS:
            config = checked(ROOT, target, given, variant=variant)
            if config.shaped:
                check_entry_points(config, wheel)
            problems |= dict.fromkeys(config.problems)
        print(f"checked the target {target}; a workspace has to know: {', '.join(config.asked) or 'nothing'}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    failed = bool(problems)
    if said := import_problem(wheel):
        print(
            f"error: {wheel.name} cannot be imported beside what Databricks brings:\n{said}", file=sys.stderr
        )
        failed = True
    else:
        print("imported its entry point beside what Databricks brings, and nothing else")
    return int(not validated(targets) or failed)


def from_environment() -> Mapping[str, str]:
    """The variables that the environment gives."""
    begin = "BUNDLE_VAR_"
    return {name.removeprefix(begin): os.environ[name] for name in os.environ if name.startswith(begin)}


def read_targets(root: Path) -> tuple[list[str], list[Problem]]:
    """The bundle's targets; what stands in their way where there are none."""
    config = load(root)
    targets = list(config.top.get("targets") or {})
    if not targets and not config.problems:
        config.problem("targets", "there is none")
    return targets, config.problems


def validated(targets: Iterable[str]) -> bool:
    """Have the CLI validate every target; True, and said, where that cannot be."""
    cli = shutil.which("databricks")
    if cli is None:
        print("not done: `databricks bundle validate --strict`, because there is no databricks on PATH")
        return True
    if not any(name in os.environ for name in ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE")):
        print("not done: `databricks bundle validate --strict`, for want of a workspace (DATABRICKS_HOST)")
        return True
    done = [
        subprocess.run([cli, "bundle", "validate", "--strict", "--target", target], cwd=ROOT, check=False)
        for target in targets
    ]
    return all(one.returncode == 0 for one in done)


if __name__ == "__main__":
    sys.exit(main())
