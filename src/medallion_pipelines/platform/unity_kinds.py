"""Unity Catalog: metastores, who is assigned to them, and what they need before tables can be governed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medallion_pipelines.platform.kinds import Kind, Postponed, call, listed, nested, seen
from medallion_pipelines.platform.plan import Found, Key, Resource

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

_BY_HAND = "Tables depend on it, so it is never moved or made anew here: decide by hand."


def _create_metastore(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    made = call(clients.account.metastores.create, metastore_info={"name": key.name, **values})
    return str(made.metastore_info.metastore_id)


def _update_metastore(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(clients.account.metastores.update, found.id, metastore_info=dict(values))


def _find_assignment(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    from databricks.sdk.errors import NotFound

    id_ = int(clients.ids[Key("workspace", place)])
    try:
        assigned = clients.account.metastore_assignments.get(id_).metastore_assignment
    except NotFound:
        return
    if assigned is not None:
        for resource in wanted:
            yield seen(resource.key, str(id_), assigned.as_dict(), resource, clients.keys)


def _create_assignment(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    id_ = clients.ids[Key("workspace", key.within)]
    clients.account.metastore_assignments.create(int(id_), values["metastore_id"])
    return id_


def _create_storage_credential(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    metastore = clients.ids[Key("metastore", key.within)]
    body = {"name": key.name, **nested(values)}
    call(clients.account.storage_credentials.create, metastore, credential_info=body)
    return key.name


def _update_storage_credential(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    metastore = clients.ids[Key("metastore", found.key.within)]
    call(
        clients.account.storage_credentials.update, metastore, found.key.name, credential_info=nested(values)
    )


def _create_location(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    call(clients.unity(key.within).external_locations.create, key.name, **nested(values))
    return key.name


def _update_location(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(clients.unity(found.key.within).external_locations.update, found.key.name, **nested(values))


def _delete_location(clients: Clients, found: Found) -> None:
    clients.unity(found.key.within).external_locations.delete(found.key.name)


def _create_catalog(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    call(clients.unity(key.within).catalogs.create, key.name, **nested(values))
    return key.name


def _update_catalog(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    call(clients.unity(found.key.within).catalogs.update, found.key.name, **nested(values))


def _find_connection(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found | Postponed]:
    there = {}
    for found in _connections(clients, place, wanted):
        assert isinstance(found, Found)
        there[found.key] = found
    for resource in wanted:
        found_ = there.get(resource.key)
        if found_ is not None:
            # a workspace that does not tell which secrets a connection reads cannot be compared by them
            untold = {path: value for path, value in resource.values.items()
                      if path.startswith("secrets.") and "secrets" not in found_.raw}  # fmt: skip
            yield Found(found_.key, found_.id, {**found_.values, **untold}, raw=found_.raw)
            continue
        missing = _missing_secret(clients, resource)
        if missing:
            yield Postponed(
                resource.key, f"The secret {missing} is not there: put it into Unity Catalog first."
            )


def _missing_secret(clients: Clients, resource: Resource) -> str | None:
    """The first secret that a connection reads and that is not there. No value of one is asked for."""
    from databricks.sdk.errors import NotFound

    for path, name in sorted(resource.values.items()):
        if path.startswith("secrets."):
            try:
                clients.unity(resource.key.within).secrets_uc.get_secret(str(name))
            except NotFound:
                return str(name)
    return None


def _create_connection(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    call(clients.unity(key.within).connections.create, key.name, **{"options": {}, **nested(values)})
    return key.name


def _update_connection(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    """Options are replaced as a whole, so those that stay are sent again."""
    changed = nested(values)
    told = found.raw.get("options")
    options = {**(told if isinstance(told, dict) else {}), **changed.pop("options", {})}
    call(clients.unity(found.key.within).connections.update, found.key.name, options=options, **changed)


def _delete_connection(clients: Clients, found: Found) -> None:
    clients.unity(found.key.within).connections.delete(found.key.name)


def _find_binding(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    """All bindings of the catalogs that have any declared: those that are not declared have to go."""
    from databricks.sdk.errors import NotFound

    resources = {resource.key: resource for resource in wanted}
    for catalog in sorted({key.name.split("/")[0] for key in resources}):
        try:
            bound = list(clients.unity(place).workspace_bindings.get_bindings("catalog", catalog))
        except NotFound:
            continue
        for each in bound:
            workspace = clients.keys.get(f"workspace/{each.workspace_id}")
            key = Key("binding", f"{catalog}/{workspace.name if workspace else each.workspace_id}", place)
            resource = resources.get(key, Resource(key))
            yield seen(key, str(each.workspace_id), each.as_dict(), resource, clients.keys)


def _bind(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    id_ = clients.ids[Key("workspace", key.name.split("/")[1])]
    binding = {"workspace_id": int(id_), "binding_type": values["binding_type"]}
    bindings = clients.unity(key.within).workspace_bindings
    call(bindings.update_bindings, "catalog", key.name.split("/")[0], add=[binding])
    return id_


def _unbind(clients: Clients, found: Found) -> None:
    bindings = clients.unity(found.key.within).workspace_bindings
    call(bindings.update_bindings, "catalog", found.key.name.split("/")[0], remove=[dict(found.raw)])


def _rebind(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    _bind(clients, found.key, values)


def _isolate(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    call(clients.unity(key.within).catalogs.update, key.name, isolation_mode=values["isolation_mode"])
    return key.name


def _isolate_again(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    _isolate(clients, found.key, values)


def _locations(clients: Clients, place: str) -> Any:
    return clients.unity(place).external_locations.list(include_unbound=True)


def _catalogs(clients: Clients, place: str) -> Any:
    return clients.unity(place).catalogs.list(include_unbound=True)


_connections = listed(lambda clients, place: clients.unity(place).connections.list(), "name", "name")

METASTORE = Kind(
    "metastore", "account",
    listed(lambda clients, _: clients.account.metastores.list(), "name", "metastore_id"),
    _create_metastore, _update_metastore,
    changing={"region": "never", "storage_root": "created"},  # it comes back with the metastore's id in it
    later=("owner", "delta_sharing_scope", "delta_sharing_recipient_token_lifetime_in_seconds"),
    advice=_BY_HAND,
)  # fmt: skip
ASSIGNMENT = Kind(
    "metastore_assignment", "workspace", _find_assignment, _create_assignment,
    fixed=("metastore_id",),
    advice=f"{_BY_HAND} (Databricks assigns a new workspace itself where its region has a metastore.)",
)  # fmt: skip
STORAGE_CREDENTIAL = Kind(
    "storage_credential", "metastore",
    listed(
        lambda clients, place: clients.account.storage_credentials.list(clients.ids[Key("metastore", place)]),
        "name", "name",
    ),
    _create_storage_credential, _update_storage_credential,
    later=("owner",),
)  # fmt: skip
IN_METASTORE = (
    Kind(
        "external_location", "unity", listed(_locations, "name", "name"), _create_location, _update_location,
        delete=_delete_location,
        later=("owner",),
    ),
    Kind(
        "catalog", "unity", listed(_catalogs, "name", "name"), _create_catalog, _update_catalog,
        fixed=("storage_root",), later=("owner",), advice=_BY_HAND,
    ),
    Kind(
        "connection", "unity", _find_connection, _create_connection, _update_connection,
        delete=_delete_connection,
        fixed=("connection_type", "comment"), later=("owner",),
        advice="Put it under `removed`, apply, and declare it anew.",
    ),
    Kind(
        "foreign_catalog", "unity", listed(_catalogs, "name", "name"), _create_catalog, _update_catalog,
        fixed=("connection_name", "options.database"), later=("owner",), advice=_BY_HAND,
    ),
    Kind("binding", "unity", _find_binding, _bind, _rebind, _unbind, whole=True),
    Kind("isolation", "unity", listed(_catalogs, "name", "name"), _isolate, _isolate_again),
)  # fmt: skip
