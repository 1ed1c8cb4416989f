"""What the account would refuse once half of it is made: said before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medallion_pipelines.contracts.document import Node


def entries(node: Node, section: str) -> Iterator[tuple[str, Node]]:
    """The entries of a mapping: name and value."""
    mapping = node.at(section)
    for name in mapping.keys:
        yield name, mapping.at(name)


def check(root: Node) -> None:
    """Adds problems to a platform file whose objects do not fit each other."""
    networks: dict[Any, str] = {}
    regions = {
        "metastore": "metastores", "private_access_settings": "private_access_settings",
        "network_connectivity_config": "network_connectivity_configs",
    }  # fmt: skip
    for name, node in entries(root, "workspaces"):
        network = node.text("network")
        first = networks.setdefault(network, name)
        if network and first != name:
            node.at("network").problem(
                f"`{network}` is the network of `{first}`", "Give each workspace its own."
            )
        for key, section in regions.items():
            other = root.at(section).at(node.text(key) or "").text("region")
            if other is not None and other != node.text("region"):
                node.at(key).problem(
                    f"`{node.text(key)}` is in {other}", f"The workspace is in {node.text('region')}."
                )
    seen: dict[Any, str] = {}
    for name, node in entries(root, "metastores"):
        first = seen.setdefault(node.text("region"), name)
        if first != name:
            node.at("region").problem(f"`{first}` is the metastore of this region", "A region has one.")
    arns: dict[Any, str] = {}
    for name, node in entries(root, "customer_managed_keys"):
        first = arns.setdefault(node.text("key_arn"), name)
        if first != name:
            node.at("key_arn").problem(f"`{first}` is of the same key", "Give one both use cases.")
