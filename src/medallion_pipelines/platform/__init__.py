"""A Databricks account on AWS from one file: workspaces, networks, Unity Catalog, principals, permissions."""

from medallion_pipelines.platform.apply import apply, changes
from medallion_pipelines.platform.clients import Clients, account_client
from medallion_pipelines.platform.desired import Platform, load_platform
from medallion_pipelines.platform.governed import Governed
from medallion_pipelines.platform.seats import seat

__all__ = [
    "Clients", "Governed", "Platform", "account_client", "apply", "changes", "load_platform", "seat",
]  # fmt: skip
