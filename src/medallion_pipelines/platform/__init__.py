"""A Databricks account on AWS from one file: workspaces, networks, Unity Catalog, principals, permissions."""

from medallion_pipelines.platform.apply import apply, changes
from medallion_pipelines.platform.clients import Clients, account_client
from medallion_pipelines.platform.desired import Platform, load_platform

__all__ = ["Clients", "Platform", "account_client", "apply", "changes", "load_platform"]
