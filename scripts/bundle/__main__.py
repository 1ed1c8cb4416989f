"""Checks the bundle in this folder for every target: python -m scripts.bundle"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

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

# what jobs can be made of beside the defaults
VARIANTS: tuple[Mapping[str, str], ...] = (
    {},
    {"compute": "job_cluster"},
    {"product": "live/product", "compute": "job_cluster", "streams": "continuous"},
)


def checked(root: Path, target: str, given: Mapping[str, str] | None = None) -> Config:
    """The bundle for a target, with all that is wrong with it."""
    config = load(root, target, given)
    if target not in config.top.get("targets", {}) or not config.shaped:
        return config
    resolve(config)
    check_jobs(config)
    check_files(config)
    check_commands(config)
    try:
        product = _product(root, config.top["variables"]["product"]["default"])
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
    problems: dict[Problem, None] = {}
    targets = _targets(ROOT)
    for target in targets:
        for given in VARIANTS:
            config = checked(ROOT, target, given)
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


def _targets(root: Path) -> list[str]:
    return list(load(root, "").top.get("targets", {}))


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
