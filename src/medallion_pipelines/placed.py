"""Where a product's tables are, as its contracts' servers say."""

from __future__ import annotations

from dataclasses import replace

from medallion_pipelines.contracts.model import Product
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.settings import Settings

SPARK_CATALOG = "spark_catalog"


def placed(settings: Settings, product: Product) -> Settings:
    """Settings with the catalog and schemas of the contracts' servers for their environment, if any.

    Raises MedallionError where a contract has no server for it, or where servers do not agree.
    """
    if settings.environment is None:
        return settings
    places: dict[str, set[str]] = {"catalog": set()}
    for table in product.tables.values():
        server = next((s for s in table.servers if s.environment == settings.environment), None)
        if server is None:
            known = ", ".join(s.environment for s in table.servers) or "it has none"
            raise MedallionError(
                f"{table.path} has no server for the environment {settings.environment!r}: "
                f"add one, or name another ({known})."
            )
        if server.catalog:
            places["catalog"].add(server.catalog)
        if server.schema:
            places.setdefault(table.layer, set()).add(server.schema)
    for what, names in places.items():
        if len(names) > 1:
            kind = what if what == "catalog" else f"schema for {what}"
            raise MedallionError(
                f"In the environment {settings.environment!r} the contracts of {product.name} name "
                f"more than one {kind}: {', '.join(sorted(names))}. "
                "A product lives in one catalog, each layer in one schema."
            )
    found = {what: next(iter(names)) for what, names in places.items() if names}
    warehouse = settings.warehouse if found.get("catalog", SPARK_CATALOG) == SPARK_CATALOG else None
    return replace(settings, **found, warehouse=warehouse)
