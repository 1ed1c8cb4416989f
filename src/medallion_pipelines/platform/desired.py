"""What a platform file declares, as objects: pure, and refused where it cannot come true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.document import Node
from medallion_pipelines.contracts.names import suggestion
from medallion_pipelines.platform.budgets import alert
from medallion_pipelines.platform.checks import check, entries
from medallion_pipelines.platform.document import read_platform, refuse
from medallion_pipelines.platform.governed import Governed, governed
from medallion_pipelines.platform.plan import Key, Ref, Resource, Value
from medallion_pipelines.platform.sections import (
    CLUSTER_POLICY,
    ENDPOINT_RULE,
    SECTIONS,
    WAREHOUSE,
    WITHIN_METASTORE,
    Fields,
)

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.contracts.document import Document

_SECRET = ("pass", "pwd", "secret", "token", "key", "credential", "user", "jaas")
_LOGIN = re.compile(r"//[^/@]*@")  # of a URL


@dataclass(frozen=True)
class Platform:
    """The objects that a file declares, and those it wants gone. `seats`: from where metastores are seen.
    `governed`: the products that metastores serve."""

    file: Path
    resources: tuple[Resource, ...]
    removed: tuple[Key, ...] = ()
    seats: dict[str, str] = field(default_factory=dict)
    governed: tuple[Governed, ...] = ()


def load_platform(file: Path, variables: Mapping[str, str] | None = None) -> Platform:
    """What a platform file declares, with values of its variables.

    Raises ContractError with every problem of the file, and of the contracts that it names.
    """
    document = read_platform(file, variables or {})
    reader = _Reader(document)
    resources = list(reader.all())
    removed = list(reader.removed({resource.key for resource in resources}))
    refuse(document)
    seats = {name: node.text("governed_from") or "" for name, node in entries(document.root, "metastores")}
    return Platform(file, tuple(resources), tuple(removed), seats, tuple(reader.governed))


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._root = document.root
        self.governed: list[Governed] = []

    def all(self) -> Iterator[Resource]:
        principals = self._root.at("service_principals")
        for principal in principals.entries():
            yield self._resource(principal, Key("service_principal", principal.value), {"active": True})
        for name, node in entries(self._root, "groups"):
            yield self._resource(node, Key("group", name))
            yield from self._members(name, node.at("members"))
        for section, (kind, fields) in SECTIONS.items():
            for name, node in entries(self._root, section):
                values = self._values(node, fields) | self._more(section, node)
                yield self._resource(node, Key(kind, name), values)
        for name, node in entries(self._root, "network_connectivity_configs"):
            for service, rule in entries(node, "private_endpoint_rules"):
                key = Key("private_endpoint_rule", service, name)
                yield self._resource(rule, key, self._values(rule, ENDPOINT_RULE))
        for name, node in entries(self._root, "metastores"):
            yield from self._metastore(name, node)
        for name, node in entries(self._root, "workspaces"):
            yield from self._workspace(name, node)
        check(self._root)

    def removed(self, declared: set[Key]) -> Iterator[Key]:
        places = [("", self._root, SECTIONS)]
        places += [(name, node, WITHIN_METASTORE) for name, node in entries(self._root, "metastores")]
        for within, place, sections in places:
            for section in place.at("removed").keys:
                for name in place.at("removed").items(section):
                    key = Key(sections[section][0], name.value, within)
                    if key in declared:
                        name.problem(f"{key} is declared, too", "Keep one of both.")
                    yield key

    def _resource(
        self, node: Node, key: Key, values: Mapping[str, Value] | None = None, after: tuple[Key, ...] = ()
    ) -> Resource:
        where = f"{self._document.file}:{self._document.line(node.path)}"
        return Resource(key, values or {}, after, where)

    def _values(self, node: Node, fields: Fields) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, meaning in fields.items():
            found = node.get(name)
            if found is None:
                continue
            several = isinstance(found.value, list)
            each = list(found.entries()) if several else [found]
            if name == "owner":
                self._known(found, "groups")
            if isinstance(meaning, str):
                values[meaning] = tuple(one.value for one in each) if several else found.value
                continue
            path, section = meaning
            for one in each:
                self._known(one, section)
            refs = tuple(Ref(Key(SECTIONS[section][0], one.value)) for one in each)
            values[path] = refs if several else refs[0]
        return values

    def _more(self, section: str, node: Node) -> dict[str, Value]:
        """Values that are made of several keys, or of none."""
        if section == "log_delivery":
            return {"output_format": "JSON" if node.text("log_type") == "AUDIT_LOGS" else "CSV"}
        if section == "budgets":
            told = [(each, to) for each in node.items("alerts") for to in each.texts("notify")]
            return {"alerts": tuple(alert(each.at("usd_a_month").value, to) for each, to in told)}
        return {}

    def _known(self, name: Node, section: str, within: Node | None = None) -> Node | None:
        """What a name of a section stands for; a problem where it is not declared."""
        known = (within or self._root).at(section)
        if name.value in known.keys:
            return known.at(name.value)
        listed = known.value if isinstance(known.value, list) else known.keys
        if name.value not in listed:
            where = f"`{section}`" + (f" of `{within.path[-1]}`" if within else "")
            name.problem(f"`{name.value}` is not declared in {where}", suggestion(str(name.value), listed))
        return None

    def _members(self, group: str, members: Node) -> Iterator[Resource]:
        for section, kind in (("groups", "group"), ("service_principals", "service_principal")):
            for member in members.items(section):
                self._known(member, section)
                if kind == "group" and member.value == group:
                    member.problem("a group cannot be a member of itself")
                value = Ref(Key(kind, member.value))
                yield self._resource(
                    member, Key("group_member", f"{kind}:{member.value}", group), {"value": value}
                )

    def _metastore(self, name: str, metastore: Node) -> Iterator[Resource]:
        seat = self._known(metastore.at("governed_from"), "workspaces")
        if seat is not None and seat.text("metastore") != name:
            metastore.at("governed_from").problem(
                f"the workspace `{metastore.text('governed_from')}` has another metastore",
                "Name one that has this.",
            )
        if seat is not None and metastore.get("warehouse") is not None:
            self._known(metastore.at("warehouse"), "warehouses", seat)
        catalogs = set()
        for section, (kind, fields) in WITHIN_METASTORE.items():
            for each, node in entries(metastore, section):
                values = self._values(node, fields)
                if section == "external_locations":
                    self._known(node.at("credential"), "storage_credentials", metastore)
                if section == "connections":
                    values |= self._options(node)
                after: tuple[Key, ...] = ()
                if section == "foreign_catalogs":
                    self._known(node.at("connection"), "connections", metastore)
                    after = (Key("connection", node.text("connection") or "", name),)
                yield self._resource(node, Key(kind, each, name), values, after)
                if kind.endswith("catalog"):
                    if each in catalogs:
                        node.problem(f"`{each}` is a catalog already", "Give it another name.")
                    catalogs.add(each)
                    yield from self._seen_from(name, each, Key(kind, each, name), node)
        for node in metastore.items("contracts"):
            groups = self._root.at("groups").keys
            asked = governed(node, name, metastore, self._document.file.parent, groups)
            if asked is None:
                continue
            self.governed.append(asked)
            for catalog in asked.catalogs:
                if catalog not in catalogs:
                    catalogs.add(catalog)
                    yield self._resource(node, Key("catalog", catalog, name))

    def _seen_from(self, metastore: str, catalog: str, key: Key, node: Node) -> Iterator[Resource]:
        """Which workspaces see a catalog: bindings, and that they count."""
        bound = node.at("workspaces")
        for workspace in bound.keys:
            at = bound.at(workspace)
            found = self._known(Node(at.document, workspace, at.path), "workspaces")
            if found is not None and found.text("metastore") != metastore:
                at.problem(
                    f"the workspace `{workspace}` has another metastore", "It could not see the catalog."
                )
            values: dict[str, Value] = {"binding_type": f"BINDING_TYPE_{at.value}"}
            after = (key, Key("metastore_assignment", "metastore", workspace))
            yield self._resource(at, Key("binding", f"{catalog}/{workspace}", metastore), values, after)
        seat = self._root.at("metastores").at(metastore).text("governed_from")
        if bound.keys and seat not in bound.keys:
            bound.problem(f"`{seat}`, which {metastore} is governed from, would not see it", "Add it.")
        if bound.keys:
            yield self._resource(
                bound, Key("isolation", catalog, metastore), {"isolation_mode": "ISOLATED"}, (key,)
            )

    def _options(self, node: Node) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name in node.at("options").keys:
            login = _LOGIN.search(str(node.at("options").at(name).value))
            if login or any(word in name.casefold() for word in _SECRET):
                node.at("options").at(name).problem(
                    f"`{name}` is not written down here",
                    f"Name a secret of Unity Catalog: `secrets: {{{name}: catalog.schema.secret}}`.",
                )
            values[f"options.{name}"] = node.at("options").at(name).value
        for name in node.at("secrets").keys:
            values[f"secrets.{name}"] = node.at("secrets").at(name).value
        return values

    def _workspace(self, name: str, node: Node) -> Iterator[Resource]:
        metastore = node.at("metastore")
        self._known(metastore, "metastores")
        assigned: dict[str, Value] = {"metastore_id": Ref(Key("metastore", metastore.value))}
        yield self._resource(metastore, Key("metastore_assignment", "metastore", name), assigned)
        for group in node.at("permissions").keys:
            at = node.at("permissions").at(group)
            self._group(at, group)
            yield self._resource(at, Key("workspace_assignment", group, name), {"permissions": (at.value,)})
        for each, policy in entries(node, "cluster_policies"):
            values = self._values(policy, CLUSTER_POLICY)
            values["definition"] = json.dumps(policy.at("definition").value, sort_keys=True)
            key = Key("cluster_policy", each, name)
            yield self._resource(policy, key, values)
            yield from self._access("cluster-policies", each, name, policy.at("permissions"), (key,))
        for each, warehouse in entries(node, "warehouses"):
            key = Key("warehouse", each, name)
            yield self._resource(warehouse, key, self._values(warehouse, WAREHOUSE))
            yield from self._access("warehouses", each, name, warehouse.at("permissions"), (key,))
        for kind in ("directories", "notebooks", "jobs"):
            for each, permissions in entries(node, kind):
                yield from self._access(kind, each, name, permissions, ())

    def _access(
        self, kind: str, name: str, workspace: str, permissions: Node, after: tuple[Key, ...]
    ) -> Iterator[Resource]:
        for group in permissions.keys:
            self._group(permissions.at(group), group)
        if permissions.keys:
            granted = tuple(f"{group}: {permissions.at(group).value}" for group in permissions.keys)
            entering = tuple(Key("workspace_assignment", group, workspace) for group in permissions.keys)
            key = Key("permission", f"{kind} {name}", workspace)
            yield self._resource(permissions, key, {"access": granted}, (*after, *entering))

    def _group(self, at: Node, group: str) -> None:
        self._known(Node(at.document, group, at.path), "groups")
