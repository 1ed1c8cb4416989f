"""Where a lakehouse is: catalog, schemas, landing zone. Environment variables override defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from medallion_pipelines.errors import SetupError

HOME = ".medallion"
ERASURE_KEY = "MEDALLION_ERASURE_KEY"  # a secret: no setting, only ever in the environment


@dataclass(frozen=True)
class Settings:
    """Catalog and schema names, and the places of landing zone and (local) warehouse.

    `warehouse` is a folder that holds external Delta tables, for a catalog that keeps nothing
    between sessions (`spark_catalog` here); None means the catalog manages the tables' places.
    """

    catalog: str = "spark_catalog"
    bronze: str = "bronze"
    silver: str = "silver"
    gold: str = "gold"
    ops: str = "ops"
    warehouse: str | None = f"{HOME}/warehouse"
    landing: str = f"{HOME}/landing"
    checkpoints: str | None = None  # of streams; None: below the warehouse folder
    environment: str | None = None  # picks the contracts' server entries

    def __post_init__(self) -> None:
        if self.warehouse is not None and ("://" in self.warehouse or self.warehouse.startswith("dbfs:")):
            on_s3 = (
                " (On S3, open-source Spark keeps writers of a Delta table apart within one process only: "
                "two at once lose commits, and are not told.)"
            )
            raise SetupError(
                f"The warehouse {self.warehouse} is not a folder of this machine. Leave it out and name a "
                "catalog (--catalog or MEDALLION_CATALOG) that keeps its tables where you want them."
                + (on_s3 if self.warehouse.startswith("s3") else "")
            )

    @classmethod
    def from_environment(cls, **overrides: str | None) -> Settings:
        """Defaults, then MEDALLION_HOME / _CATALOG / _WAREHOUSE / _LANDING / _CHECKPOINTS /
        _ENVIRONMENT and the MEDALLION_{BRONZE,SILVER,GOLD,OPS}_SCHEMA, then `overrides` that are not None."""
        env = os.environ
        home = env.get("MEDALLION_HOME", HOME)
        catalog = overrides.get("catalog") or env.get("MEDALLION_CATALOG", "spark_catalog")
        values: dict[str, str | None] = {
            "catalog": catalog,
            "warehouse": env.get("MEDALLION_WAREHOUSE", f"{home}/warehouse" if _local(catalog) else None),
            "landing": env.get("MEDALLION_LANDING", f"{home}/landing"),
            "checkpoints": env.get("MEDALLION_CHECKPOINTS"),
            "environment": env.get("MEDALLION_ENVIRONMENT"),
        }
        for layer in ("bronze", "silver", "gold", "ops"):
            values[layer] = env.get(f"MEDALLION_{layer.upper()}_SCHEMA", layer)
        values.update({name: value for name, value in overrides.items() if value is not None})
        for place in ("warehouse", "landing", "checkpoints"):
            value = values[place]
            if value is not None and "://" not in value and not value.startswith("dbfs:"):
                values[place] = str(Path(value).expanduser().absolute())
        return cls(**values)  # type: ignore[arg-type]

    def schema(self, layer: str) -> str:
        """The schema that holds a layer's tables."""
        return {"bronze": self.bronze, "silver": self.silver, "gold": self.gold, "ops": self.ops}[layer]


def _local(catalog: str) -> bool:
    """Whether the catalog keeps nothing: Databricks' own `spark_catalog` is a metastore."""
    return catalog == "spark_catalog" and "DATABRICKS_RUNTIME_VERSION" not in os.environ
