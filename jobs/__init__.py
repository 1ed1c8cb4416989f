"""The jobs of the bundle: made from the contracts when it is deployed, so a contract more is a task more.

| job              | does                                        | begins                              |
| ---------------- | ------------------------------------------- | ----------------------------------- |
| `ingest`         | captures files, a task per bronze table     | when files arrive                   |
| `ingest_streams` | captures streams, likewise                  | on a schedule, or goes on and on    |
| `refine`         | conforms records, a task per silver table   | when `pipeline` says                |
| `publish`        | refreshes marts, a task per gold table      | when `pipeline` says                |
| `quality`        | checks what the contracts promise           | when `pipeline` says                |
| `maintain`       | OPTIMIZE, VACUUM, ANALYZE                   | at night                            |
| `pipeline`       | these, one after the other, but `maintain`  | on a schedule                       |

Each table is worked on by one job alone, and each job runs once at a time: what else comes waits.
"""

from __future__ import annotations

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
    name = given["product"]
    shipped = name in shipped_products()
    product = load_product(product_folder(name if shipped else ROOT / name))
    # a task finds a folder where the bundle's files are
    place = name if shipped else f"${{workspace.file_path}}/{name}"
    return definitions(product, place, Compute(given["compute"]), given["streams"])
