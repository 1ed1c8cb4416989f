"""Objects of the account: what workspaces are made of, workspaces, log delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medallion_pipelines.platform.kinds import Kind, call, listed, nested, picked, seen
from medallion_pipelines.platform.plan import Found, Key, Resource

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

_ANEW = (
    "Declare a new one under another name, let what uses this one use that, and put this one under `removed`."
)
_NEVER_AGAIN = "Nothing is made anew that data or people depend on: decide by hand."


def _made(
    kind: str,
    api: Callable[[Clients], Any],
    name: str,
    id_: str,
    fixed: Sequence[str],
    **more: Any,
) -> Kind:
    """A configuration that is made once, listed and deleted by id; the API has no way to change it."""

    def create(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
        return str(picked(call(api(clients).create, **{name: key.name}, **nested(values)).as_dict(), id_))

    def delete(clients: Clients, found: Found) -> None:
        api(clients).delete(found.id)

    find = listed(lambda clients, _: api(clients).list(), name, id_)
    return Kind(kind, "account", find, create, delete=delete, fixed=tuple(fixed), advice=_ANEW, **more)


def _find_key(clients: Clients, _: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    """Key configurations have no name; the key's ARN is theirs."""
    for each in clients.account.encryption_keys.list():
        for resource in wanted:
            arn = resource.values.get("aws_key_info.key_arn", resource.key.name)
            if each.aws_key_info and each.aws_key_info.key_arn == arn:
                yield seen(resource.key, each.customer_managed_key_id, each.as_dict(), resource, clients.keys)


def _create_key(clients: Clients, _: Key, values: Mapping[str, Any]) -> str:
    made = call(clients.account.encryption_keys.create, **nested(values))
    return str(made.customer_managed_key_id)


def _delete_key(clients: Clients, found: Found) -> None:
    clients.account.encryption_keys.delete(found.id)


def _replace_access(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    told = {
        name: value for name, value in found.raw.items() if not name.endswith(("account_id", "settings_id"))
    }
    call(
        clients.account.private_access.replace,
        found.id,
        customer_facing_private_access_settings={**told, **nested(values)},
    )


def _connectivity(clients: Clients, _: str) -> Any:
    return clients.account.network_connectivity.list_network_connectivity_configurations()


def _create_connectivity(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    api = clients.account.network_connectivity
    body = {"name": key.name, **values}
    made = call(api.create_network_connectivity_configuration, network_connectivity_config=body)
    return str(made.network_connectivity_config_id)


def _find_endpoint_rule(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    id_ = clients.ids[Key("network_connectivity_config", place)]
    by_name = {resource.key.name: resource for resource in wanted}
    for each in clients.account.network_connectivity.list_private_endpoint_rules(id_):
        resource = by_name.get(each.endpoint_service or "")
        if resource is not None and not each.deactivated:
            yield seen(resource.key, each.rule_id, each.as_dict(), resource, clients.keys)


def _create_endpoint_rule(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    id_ = clients.ids[Key("network_connectivity_config", key.within)]
    rule = {"endpoint_service": key.name, **nested(values)}
    made = call(
        clients.account.network_connectivity.create_private_endpoint_rule, id_, private_endpoint_rule=rule
    )
    return str(made.rule_id)


def _update_endpoint_rule(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(
        clients.account.network_connectivity.update_private_endpoint_rule,
        clients.ids[Key("network_connectivity_config", found.key.within)],
        found.id,
        private_endpoint_rule=nested(values),
        update_mask=",".join(values),
    )


def _find_workspace(clients: Clients, _: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    for found in _listed_workspaces(clients, "", wanted):
        assert isinstance(found, Found)
        status, message = found.raw.get("workspace_status"), found.raw.get("workspace_status_message") or ""
        if status == "RUNNING":
            yield found
        elif status in ("FAILED", "BANNED", "CANCELLING"):
            mend = "Mend what it says, or declare what it should be made of instead."
            yield replace(found, state="failed", note=f"The workspace is {status}: {message} {mend}")
        else:
            yield replace(found, state="pending", note=f"The workspace is {status}; it is waited for.")


def _create_workspace(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    waiter = call(clients.account.workspaces.create, workspace_name=key.name, **nested(values))
    return str(waiter.response.workspace_id)


def _update_workspace(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(
        clients.account.workspaces.update,
        int(found.id),
        customer_facing_workspace=nested(values),
        update_mask=",".join(sorted(values)),
    )


def _find_delivery(clients: Clients, _: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    """A disabled one of the same name is left over: it can be enabled, but not deleted."""
    found = [each for each in _deliveries(clients, "", wanted) if isinstance(each, Found)]
    enabled = {each.key for each in found if each.raw.get("status") != "DISABLED"}
    for each in found:
        if each.raw.get("status") != "DISABLED" or each.key not in enabled:
            yield each
            enabled.add(each.key)


def _create_delivery(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    body = {"config_name": key.name, **nested(values)}
    made = call(clients.account.log_delivery.create, log_delivery_configuration=body)
    return str(made.log_delivery_configuration.config_id)


def _enable_delivery(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(clients.account.log_delivery.patch_status, found.id, status=values["status"])


_listed_workspaces = listed(
    lambda clients, _: clients.account.workspaces.list(), "workspace_name", "workspace_id"
)
_deliveries = listed(lambda clients, _: clients.account.log_delivery.list(), "config_name", "config_id")

CONFIGURATIONS = (
    _made(
        "credential", lambda clients: clients.account.credentials, "credentials_name", "credentials_id",
        ["aws_credentials.sts_role.role_arn"],
    ),
    _made(
        "storage_configuration", lambda clients: clients.account.storage, "storage_configuration_name",
        "storage_configuration_id", ["root_bucket_info.bucket_name"],
    ),
    Kind(
        "customer_managed_key", "account", _find_key, _create_key,
        delete=_delete_key,
        fixed=("aws_key_info.key_alias", "use_cases"), advice=_ANEW,
    ),
    _made(
        "vpc_endpoint", lambda clients: clients.account.vpc_endpoints, "vpc_endpoint_name", "vpc_endpoint_id",
        ["aws_vpc_endpoint_id", "region"],
    ),
    _made(
        "network", lambda clients: clients.account.networks, "network_name", "network_id",
        [
            "vpc_id", "subnet_ids", "security_group_ids", "vpc_endpoints.rest_api",
            "vpc_endpoints.dataplane_relay",
        ],
    ),
    replace(
        _made(
            "private_access_settings", lambda clients: clients.account.private_access,
            "private_access_settings_name", "private_access_settings_id", ["region"],
        ),
        update=_replace_access,
    ),
    Kind(
        "network_connectivity_config", "account",
        listed(_connectivity, "name", "network_connectivity_config_id"),
        _create_connectivity,
        delete=lambda clients, found:
            clients.account.network_connectivity.delete_network_connectivity_configuration(found.id),
        fixed=("region",), advice=_ANEW,
    ),
    Kind(
        "private_endpoint_rule", "configuration", _find_endpoint_rule,
        _create_endpoint_rule, _update_endpoint_rule,
    ),
)  # fmt: skip
WORKSPACE = Kind(
    "workspace",
    "account",
    _find_workspace,
    _create_workspace,
    _update_workspace,
    changing={
        "aws_region": "never",
        "storage_configuration_id": "never",
        "network_id": "swap",
        "storage_customer_managed_key_id": "once",
        "deployment_name": "created",  # comes back with the account's prefix
        "pricing_tier": "created",
    },
    advice=_NEVER_AGAIN,
)
LOG_DELIVERY = Kind(
    "log_delivery",
    "account",
    _find_delivery,
    _create_delivery,
    _enable_delivery,
    fixed=("log_type", "output_format", "credentials_id", "storage_configuration_id", "delivery_path_prefix",
           "workspace_ids_filter"),
    advice="Declare a new one under another name and give this one `status: DISABLED`: none is deleted.",
)  # fmt: skip
