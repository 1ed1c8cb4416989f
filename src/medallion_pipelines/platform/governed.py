"""What contracts ask of a metastore: catalogs for their tables, groups for their roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medallion_pipelines.contracts import check_product
from medallion_pipelines.contracts.names import suggestion
from medallion_pipelines.errors import UnknownNameError
from medallion_pipelines.shipped import product_folder

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.contracts.document import Node


def governed(node: Node, folder: Path, groups: Sequence[str]) -> list[str]:
    """The catalogs that a product has in an environment, by its contracts' `servers`.

    `node` is an entry of a metastore's `contracts`; a product's path is relative to `folder`. Problems are
    added where the product is not usable, has no such environment, or has a role that is no group.
    """
    name, environment = node.text("product") or "", node.text("environment")
    try:
        path = folder / name if (folder / name).is_dir() else product_folder(name)
    except UnknownNameError as error:
        node.at("product").problem(str(error))
        return []
    product, problems = check_product(path)
    if product is None:
        first = next(problem for problem in problems if problem.severity == "error")
        node.at("product").problem(f"its contracts are not usable: {first}")
        return []
    servers = [server for table in product.tables.values() for server in table.servers]
    catalogs = {server.catalog for server in servers if server.environment == environment and server.catalog}
    if not catalogs:
        known = sorted({server.environment for server in servers if server.catalog})
        node.at("environment").problem(
            f"no contract of {product.name} has a catalog in `{environment}`",
            suggestion(environment or "", known),
        )
    for role in sorted({role.name for table in product.tables.values() for role in table.roles}):
        if role not in groups:
            node.problem(
                f"`{role}`, a role of {product.name}'s contracts, is no group", "Declare it in `groups`."
            )
    return sorted(catalogs)
