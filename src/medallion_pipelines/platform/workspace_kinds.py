"""Within workspaces: who may enter, cluster policies, SQL warehouses, and what groups may do with things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medallion_pipelines.platform.kinds import (
    Kind,
    Postponed,
    accepted,
    call,
    canonical,
    listed,
    nested,
    picked,
    respelt,
    seen,
)
from medallion_pipelines.platform.plan import Found, Key, Resource

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

_ADMINS = "admins"  # of the workspace: may do anything, whatever is granted
_DECLARED = {"cluster-policies": "cluster_policy", "warehouses": "warehouse"}  # permissions within the file


def _find_assignment(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    """All groups that may enter: those that are not declared have to go."""
    by_name = {resource.key.name: resource for resource in wanted}
    for each in clients.account.workspace_assignment.list(int(clients.ids[Key("workspace", place)])):
        principal = each.principal
        if principal is not None and principal.group_name:
            key = Key("workspace_assignment", principal.group_name, place)
            resource = by_name.get(principal.group_name, Resource(key))
            yield seen(key, principal.principal_id, each.as_dict(), resource, clients.keys)


def _assign(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    id_ = clients.ids[Key("group", key.name)]
    workspace = int(clients.ids[Key("workspace", key.within)])
    call(clients.account.workspace_assignment.update, workspace, int(id_), permissions=values["permissions"])
    return id_


def _reassign(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    _assign(clients, found.key, values)


def _unassign(clients: Clients, found: Found) -> None:
    workspace = int(clients.ids[Key("workspace", found.key.within)])
    clients.account.workspace_assignment.delete(workspace, int(found.id))


def _find_policy(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    for found in _policies(clients, place, wanted):
        assert isinstance(found, Found)
        yield respelt(found, "definition", canonical(picked(found.raw, "definition")))


def _create_policy(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    return str(call(clients.workspace(key.within).cluster_policies.create, name=key.name, **values).policy_id)


def _edit_policy(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    edit = clients.workspace(found.key.within).cluster_policies.edit
    call(edit, **{**accepted(edit, found.raw), "policy_id": found.id, **values})


def _create_warehouse(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    made = call(clients.workspace(key.within).warehouses.create, name=key.name, **nested(values))
    return str(made.response.id)


def _edit_warehouse(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    edit = clients.workspace(found.key.within).warehouses.edit
    call(edit, **{**accepted(edit, found.raw), "id": found.id, **nested(values)})


def _find_access(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found | Postponed]:
    for resource in wanted:
        kind, name = resource.key.name.split(" ", 1)
        if kind in _DECLARED:  # where it is not there yet, it is made before its permissions are
            ids = [clients.ids[key] for key in [Key(_DECLARED[kind], name, place)] if key in clients.ids]
        else:
            ids = _objects(clients, place, kind, name)
            if not ids:
                yield Postponed(
                    resource.key, f"{place} has nothing of that name in {kind} yet: deploy it first."
                )
        for id_ in ids:
            groups = {f"{group}: {level}" for group, level in _of_groups(clients, place, kind, id_)}
            yield Found(resource.key, id_, {"access": tuple(sorted(groups))})


def _objects(clients: Clients, place: str, kind: str, name: str) -> list[str]:
    """The ids of jobs of a name, of the directory or notebook at a path."""
    from databricks.sdk.errors import NotFound

    client = clients.workspace(place)
    if kind == "jobs":
        listed_jobs = client.jobs.list(name=name)  # in any case
        return [str(job.job_id) for job in listed_jobs if job.settings and job.settings.name == name]
    try:
        return [str(client.workspace.get_status(name).object_id)]
    except NotFound:
        return []


def _of_groups(clients: Clients, place: str, kind: str, id_: str) -> Iterator[tuple[str, str]]:
    """What groups may do with an object by grants on itself."""
    for each in clients.workspace(place).permissions.get(kind, id_).access_control_list or ():
        for permission in each.all_permissions or ():
            level = permission.permission_level
            if each.group_name and each.group_name != _ADMINS and level and not permission.inherited:
                yield each.group_name, level.value


def _others(clients: Clients, place: str, kind: str, id_: str) -> Iterator[dict[str, str]]:
    """What is granted on an object itself to others than groups, its owner among them: it stays."""
    for each in clients.workspace(place).permissions.get(kind, id_).access_control_list or ():
        who = {"user_name": each.user_name, "service_principal_name": each.service_principal_name}
        for permission in each.all_permissions or ():
            if not each.group_name and permission.permission_level and not permission.inherited:
                named = {field: value for field, value in who.items() if value}
                yield {**named, "permission_level": permission.permission_level.value}


def _grant(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    kind, name = key.name.split(" ", 1)
    return _set(clients, key, clients.ids[Key(_DECLARED[kind], name, key.within)], values["access"])


def _regrant(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    _set(clients, found.key, found.id, values["access"])


def _set(clients: Clients, key: Key, id_: str, access: Sequence[str]) -> str:
    kind = key.name.split(" ", 1)[0]
    granted = list(_others(clients, key.within, kind, id_))
    for each in access:
        group, level = each.rsplit(": ", 1)
        granted.append({"group_name": group, "permission_level": level})
    call(clients.workspace(key.within).permissions.set, kind, id_, access_control_list=granted)
    return id_


_policies = listed(
    lambda clients, place: clients.workspace(place).cluster_policies.list(), "name", "policy_id"
)

ENTRY = Kind("workspace_assignment", "workspace", _find_assignment, _assign, _reassign, _unassign, whole=True)
IN_WORKSPACE = (
    Kind("cluster_policy", "workspace", _find_policy, _create_policy, _edit_policy),
    Kind(
        "warehouse", "workspace",
        listed(lambda clients, place: clients.workspace(place).warehouses.list(), "name", "id"),
        _create_warehouse, _edit_warehouse,
    ),
    Kind("permission", "workspace", _find_access, _grant, _regrant),
)  # fmt: skip
