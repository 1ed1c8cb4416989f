"""The jobs of the bundle: made from the contracts when it is deployed, so a contract more is a task more.

| job              | does                                        | begins                              |
| ---------------- | ------------------------------------------- | ----------------------------------- |
| `ingest`         | captures files, a task per bronze table     | when files arrive                   |
| `ingest_streams` | captures streams, likewise                  | on a schedule, or goes on and on    |
| `refine`         | conforms records, a task per silver table   | when `pipeline` says                |
| `publish`        | refreshes marts, a task per gold table      | when `pipeline` says                |
| `quality`        | checks what the contracts promise           | when `pipeline` says                |
| `report`         | writes the report page                      | when `pipeline` says                |
| `maintain`       | OPTIMIZE, VACUUM, ANALYZE                   | at night                            |
| `pipeline`       | these, one after the other, but `maintain`  | on a schedule                       |

Each table is worked on by one job alone, and each job runs once at a time: what else comes waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from databricks.bundles.core import Bundle, Location, Resources
from databricks.bundles.jobs import Job

from jobs.compute import Compute
from jobs.definitions import definitions
from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.shipped import product_folder, shipped_products

ROOT = Path(__file__).parent.parent
_PATH = re.compile(r"[\w ./@+=-]+", re.ASCII)  # what a tag of a job takes


def load_resources(bundle: Bundle) -> Resources:
    """The jobs of the bundle's product, for the CLI; what stands in their way is in its diagnostics."""
    resources = Resources()
    try:
        made = _jobs(bundle.variables)
    except (MedallionError, ValueError) as error:
        resources.add_diagnostic_error(str(error))
        return resources
    for key, job in made.items():  # paths in them are relative to databricks.yml
        resources.add_job(key, job, location=Location(file=str(ROOT / "databricks.yml")))
    return resources


def _jobs(given: Mapping[str, str]) -> Mapping[str, Job]:
    folder, place = _found(given["product"])
    return definitions(load_product(folder), place, Compute(given["compute"]), given["streams"])


def _found(name: str) -> tuple[Path, str]:
    """Where a product is here, and where tasks find it: by its name, or where the bundle's files are."""
    shipped = shipped_products()
    if name in shipped:
        return shipped[name], name
    root, folder = ROOT.resolve(), (ROOT / name).resolve()
    if root not in folder.parents:
        raise ValueError(f"The product {name!r} is not a folder in this bundle: only its files are deployed.")
    inside = folder.relative_to(root).as_posix()
    if not _PATH.fullmatch(inside):
        raise ValueError(f"The product's folder {inside!r}: letters, digits, spaces and . _ / @ + = - only.")
    return product_folder(folder), f"${{workspace.file_path}}/{inside}"
