"""All kinds in the order in which they can be made, and what of them an account has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from medallion_pipelines.platform.account_kinds import CONFIGURATIONS, LOG_DELIVERY, WORKSPACE
from medallion_pipelines.platform.budgets import BUDGET
from medallion_pipelines.platform.kinds import Kind, Postponed
from medallion_pipelines.platform.plan import Found, Key, Ref, Resource
from medallion_pipelines.platform.principals import PRINCIPALS
from medallion_pipelines.platform.unity_kinds import ASSIGNMENT, IN_METASTORE, METASTORE, STORAGE_CREDENTIAL
from medallion_pipelines.platform.workspace_kinds import ENTRY, IN_WORKSPACE

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients
    from medallion_pipelines.platform.desired import Platform

KINDS: tuple[Kind, ...] = (
    *PRINCIPALS, *CONFIGURATIONS, METASTORE, WORKSPACE, ASSIGNMENT, ENTRY, STORAGE_CREDENTIAL, *IN_METASTORE,
    *IN_WORKSPACE, LOG_DELIVERY, BUDGET,
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass
class State:
    """What an account has of what is declared. Of places that are not there yet nothing can be known."""

    found: dict[Key, Found] = field(default_factory=dict)
    postponed: dict[Key, str] = field(default_factory=dict)
    seats: dict[str, str] = field(default_factory=dict)
    stirred: set[str] = field(default_factory=set)  # workspaces that do not run while they are changed

    def readable(self, key: Key) -> bool:
        """Whether what an object lies in is there, so that it was looked for."""
        match BY_NAME[key.kind].place:
            case "account":
                return True
            case "group":
                return Key("group", key.within) in self.found
            case "configuration":
                return Key("network_connectivity_config", key.within) in self.found
            case "metastore":
                return Key("metastore", key.within) in self.found
            case "workspace":
                return self._runs(key.within)
            case "unity":
                seat = self.seats[key.within]
                assigned = self.found.get(Key("metastore_assignment", "metastore", seat))
                of = Ref(Key("metastore", key.within))
                return self._runs(seat) and assigned is not None and assigned.values["metastore_id"] == of

    def _runs(self, workspace: str) -> bool:
        found = self.found.get(Key("workspace", workspace))
        return found is not None and found.state == "ready" and workspace not in self.stirred


def read(clients: Clients, platform: Platform) -> State:
    """Look for all that is declared or to be removed."""
    clients.forget(platform.seats)
    state = State(seats=platform.seats)
    wanted = [*platform.resources, *(Resource(key) for key in platform.removed)]
    for kind in KINDS:
        places: dict[str, list[Resource]] = {}
        for resource in wanted:
            if resource.key.kind == kind.name and state.readable(resource.key):
                places.setdefault(resource.key.within, []).append(resource)
        for place, resources in places.items():
            for each in kind.find(clients, place, resources):
                _note(state, each, clients)
    return state


def _note(state: State, each: Found | Postponed, clients: Clients) -> None:
    if isinstance(each, Postponed):
        state.postponed[each.key] = each.reason
        return
    first = state.found.get(each.key)
    if first is not None:
        note = f"There are two of that name, {first.id} and {each.id}: rename the one not meant."
        each = replace(first, values={}, state="ambiguous", note=note)
    state.found[each.key] = each
    clients.know(each.key, each.id)
