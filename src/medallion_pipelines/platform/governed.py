"""What contracts ask of a metastore: catalogs for their tables, groups for their roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medallion_pipelines.contracts import check_product
from medallion_pipelines.contracts.names import suggestion
from medallion_pipelines.errors import UnknownNameError
from medallion_pipelines.shipped import product_folder

if TYPE_CHECKING:
    from medallion_pipelines.contracts.document import Node


@dataclass(frozen=True)
class Governed:
    """A product that a metastore serves, and from where that is governed: a workspace and a SQL warehouse of
    it, by name."""

    metastore: str
    workspace: str
    warehouse: str | None
    product: Path
    environment: str
    catalogs: tuple[str, ...]


def governed(node: Node, metastore: str, place: Node, folder: Path, groups: Sequence[str]) -> Governed | None:
    """A product in an environment, with the catalogs that its contracts' `servers` have there.

    `node` is an entry of the `contracts` of `place`, a metastore; a product's path is relative to `folder`.
    Problems are added where the product is not usable (then None), has no such environment, or has a role
    that is no group.
    """
    name, environment = node.text("product") or "", node.text("environment") or ""
    try:
        path = folder / name if (folder / name).is_dir() else product_folder(name)
    except UnknownNameError as error:
        node.at("product").problem(str(error))
        return None
    product, problems = check_product(path)
    if product is None:
        first = next(problem for problem in problems if problem.severity == "error")
        node.at("product").problem(f"its contracts are not usable: {first}")
        return None
    servers = [server for table in product.tables.values() for server in table.servers]
    catalogs = {s.catalog.lower() for s in servers if s.environment == environment and s.catalog}
    if not catalogs:
        known = sorted({server.environment for server in servers if server.catalog})
        node.at("environment").problem(
            f"no contract of {product.name} has a catalog in `{environment}`", suggestion(environment, known)
        )
    roles = [role for table in product.tables.values() for role in table.roles]
    for role in sorted({role.name for role in roles if role.recipients is None}):
        if role not in groups:
            node.problem(
                f"`{role}`, a role of {product.name}'s contracts, is no group", "Declare it in `groups`."
            )
    workspace, warehouse = place.text("governed_from") or "", place.text("warehouse")
    return Governed(metastore, workspace, warehouse, path, environment, tuple(sorted(catalogs)))
