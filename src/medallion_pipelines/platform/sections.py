"""The sections of a platform file: what kind of object each holds, and which field of the API each key is."""

from __future__ import annotations

from collections.abc import Mapping

from medallion_pipelines.platform.budgets import WORKSPACES

# for each key the field of the API, and the section whose objects it names
Fields = Mapping[str, str | tuple[str, str]]
SECTIONS: Mapping[str, tuple[str, Fields]] = {
    "credentials": ("credential", {"role_arn": "aws_credentials.sts_role.role_arn"}),
    "storage_configurations": ("storage_configuration", {"bucket": "root_bucket_info.bucket_name"}),
    "customer_managed_keys": (
        "customer_managed_key",
        {"key_arn": "aws_key_info.key_arn", "key_alias": "aws_key_info.key_alias", "use_cases": "use_cases"},
    ),
    "vpc_endpoints": ("vpc_endpoint", {"aws_vpc_endpoint_id": "aws_vpc_endpoint_id", "region": "region"}),
    "networks": (
        "network",
        {
            "vpc_id": "vpc_id",
            "subnet_ids": "subnet_ids",
            "security_group_ids": "security_group_ids",
            "rest_api": ("vpc_endpoints.rest_api", "vpc_endpoints"),
            "dataplane_relay": ("vpc_endpoints.dataplane_relay", "vpc_endpoints"),
        },
    ),
    "private_access_settings": (
        "private_access_settings",
        {
            "region": "region",
            "public_access_enabled": "public_access_enabled",
            "private_access_level": "private_access_level",
            "allowed_vpc_endpoints": ("allowed_vpc_endpoint_ids", "vpc_endpoints"),
        },
    ),
    "network_connectivity_configs": ("network_connectivity_config", {"region": "region"}),
    "metastores": (
        "metastore",
        {
            name: name
            for name in (
                "region", "storage_root", "owner", "delta_sharing_scope",
                "delta_sharing_recipient_token_lifetime_in_seconds",
            )
        },
    ),
    "workspaces": (
        "workspace",
        {
            "region": "aws_region",
            "pricing_tier": "pricing_tier",
            "deployment_name": "deployment_name",
            "tags": "custom_tags",
            "credentials": ("credentials_id", "credentials"),
            "storage_configuration": ("storage_configuration_id", "storage_configurations"),
            "network": ("network_id", "networks"),
            "private_access_settings": ("private_access_settings_id", "private_access_settings"),
            "network_connectivity_config": (
                "network_connectivity_config_id", "network_connectivity_configs",
            ),
            "managed_services_key": ("managed_services_customer_managed_key_id", "customer_managed_keys"),
            "storage_key": ("storage_customer_managed_key_id", "customer_managed_keys"),
        },
    ),
    "log_delivery": (
        "log_delivery",
        {
            "log_type": "log_type",
            "credentials": ("credentials_id", "credentials"),
            "storage_configuration": ("storage_configuration_id", "storage_configurations"),
            "prefix": "delivery_path_prefix",
            "workspaces": ("workspace_ids_filter", "workspaces"),
            "status": "status",
        },
    ),
    "budgets": ("budget", {"workspaces": (WORKSPACES, "workspaces"), "tags": "tags"}),
}  # fmt: skip
WITHIN_METASTORE: Mapping[str, tuple[str, Fields]] = {
    "storage_credentials": (
        "storage_credential",
        {
            "role_arn": "aws_iam_role.role_arn", "comment": "comment", "read_only": "read_only",
            "owner": "owner",
        },
    ),
    "external_locations": (
        "external_location",
        {
            "url": "url", "credential": "credential_name", "comment": "comment", "read_only": "read_only",
            "owner": "owner",
        },
    ),
    "catalogs": ("catalog", {"storage_root": "storage_root", "comment": "comment", "owner": "owner"}),
    "connections": ("connection", {"type": "connection_type", "comment": "comment", "owner": "owner"}),
    "foreign_catalogs": (
        "foreign_catalog",
        {
            "connection": "connection_name", "database": "options.database", "comment": "comment",
            "owner": "owner",
        },
    ),
}  # fmt: skip


def _same(*names: str) -> Fields:
    """Keys that the API calls the same."""
    return {name: name for name in names}


ENDPOINT_RULE = _same("resource_names", "domain_names")
CLUSTER_POLICY = _same("description", "max_clusters_per_user")
WAREHOUSE = _same(
    "cluster_size", "auto_stop_mins", "min_num_clusters", "max_num_clusters", "enable_serverless_compute",
    "warehouse_type",
)  # fmt: skip
