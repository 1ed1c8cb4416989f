"""Groups and service principals of the account, and who is a member."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medallion_pipelines.platform.kinds import Kind, call, seen
from medallion_pipelines.platform.plan import Found, Key, Ref, Resource

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

_SCIM = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def _principal(kind: str, api: Callable[[Clients], Any]) -> Kind:
    """A group or service principal, found by its display name; whose account may have thousands of others."""

    def find(clients: Clients, _: str, wanted: Sequence[Resource]) -> Iterator[Found]:
        for resource in wanted:
            for each in api(clients).list(filter=f'displayName eq "{resource.key.name}"'):
                found = seen(resource.key, each.id, each.as_dict(), resource, clients.keys)
                if each.display_name != resource.key.name:  # grants are given to names as they are spelled
                    note = f"The account has it as `{each.display_name}`: spell it so."
                    found = replace(found, values={}, state="ambiguous", note=note)
                yield found

    def create(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
        return str(call(api(clients).create, display_name=key.name, **values).id)

    def update(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
        _patch(
            api(clients),
            found.id,
            [{"op": "replace", "path": name, "value": values[name]} for name in values],
        )

    return Kind(kind, "account", find, create, update)


def _find_member(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    group = clients.account.groups_v2.get(clients.ids[Key("group", place)])
    members = {member.value for member in group.members or ()}
    for resource in wanted:
        id_ = clients.ids.get(_member(resource.key))
        if id_ is not None and id_ in members:
            yield Found(resource.key, id_, {"value": Ref(_member(resource.key))})


def _create_member(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    operation = {"op": "add", "path": "members", "value": [{"value": values["value"]}]}
    _patch(clients.account.groups_v2, clients.ids[Key("group", key.within)], [operation])
    return str(values["value"])


def _member(key: Key) -> Key:
    kind, name = key.name.split(":", 1)
    return Key(kind, name)


def _patch(api: Any, id_: str, operations: list[dict[str, Any]]) -> None:
    call(api.patch, id_, operations=operations, schemas=[_SCIM])


PRINCIPALS = (
    _principal("service_principal", lambda clients: clients.account.service_principals_v2),
    _principal("group", lambda clients: clients.account.groups_v2),
    Kind("group_member", "group", _find_member, _create_member),
)
