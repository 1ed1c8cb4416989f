"""What Unity Catalog is to be: roles, classifications, tags, keys and descriptions of contracts as facts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import guards
from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.placed import placed

from .functions import groups, mask, row_filter, sees
from .model import GOVERNANCE, OURS, Desired, Function, Key, Value, principal
from .tags import FIXED, tags

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product, Role, Table
    from medallion_pipelines.settings import Settings

    from .places import Places

LAYERS = ("bronze", "silver", "gold", "ops")
_NAME = re.compile(r"[A-Za-z0-9_-]+")  # the SDK puts names into paths as they are


def desired(product: Product, settings: Settings, places: Places, here: str | None = None) -> Desired:
    """What the contracts and `places` say of the environment of `settings`, in the metastore whose sharing
    identifier is `here`: nothing is shared with itself.

    Raises MedallionError where they name no catalog for it, GovernanceError where they contradict each other.
    """
    target = placed(settings, product)
    if target.environment is None or target.catalog == "spark_catalog":
        raise GovernanceError(
            f"The contracts of {product.name} name no catalog for {settings.environment!r}: "
            "add a server of type databricks with its `catalog`."
        )
    names = [target.catalog, *(target.schema(layer) for layer in LAYERS)]
    names += [role.name for table in product.tables.values() for role in table.roles if role.recipients]
    for name in names:
        if not _NAME.fullmatch(name):
            raise GovernanceError(
                f"{name!r} cannot be governed, as a catalog, schema or recipient of {product.name}: "
                "use letters, digits, `-` and `_`."
            )
    return _Builder(product, target, here).build(places)


class _Builder:
    def __init__(self, product: Product, settings: Settings, here: str | None) -> None:
        self._product, self._settings, self._here = product, settings, here
        self._catalog = settings.catalog.lower()
        self._governance = f"{self._catalog}.{GOVERNANCE}"
        self._state: dict[Key, Value] = {}
        self._functions: dict[str, Function] = {}
        self._tables: dict[str, None] = {}
        self._keys: set[str] = set(FIXED)  # of tags
        self._uncleared: dict[str, frozenset[str]] = {}

    def build(self, places: Places) -> Desired:
        schemas = [f"{self._catalog}.{self._settings.schema(layer)}".lower() for layer in LAYERS]
        self._object("catalog", self._catalog)
        for schema in (*schemas, self._governance):
            self._object("schema", schema)
        for name, url in places.volumes.items():
            self._object("volume", f"{self._catalog}.{name}".lower(), url or "")
        for name, location in places.external_locations.items():
            self._object("external_location", name, location)
        for table in self._product.tables.values():
            self._table(table)
        self._records()
        tables = self._product.tables.values()
        return Desired(
            self._product.name,
            self._catalog,
            self._state,
            (*schemas, self._governance),
            tuple(self._tables),
            frozenset(f"{self._name(t.key)}.{c.name}" for t in tables for c in t.columns),
            frozenset(self._name(t.key) for t in tables if t.kind == "view"),
            self._functions,
            self._uncleared,
        )

    def _table(self, table: Table) -> None:
        name, beside = self._name(table.key), self._beside(table)
        self._tables.update(dict.fromkeys((name, *beside)))
        if table.description:
            self._state[Key("comment", "table", name)] = table.description
        if table.owner:
            self._state[Key("owner", "table", name)] = principal(table.owner)
        self._tag_table(table, name, beside)
        for column in table.columns:
            if column.description:
                self._state[Key("comment", "column", f"{name}.{column.name}")] = column.description
        self._protect(table, name)
        self._constrain(table, name)
        for role in table.roles:
            if role.recipients is not None:
                self._share(role, table, name)
            elif role.access:
                self._grant_role(role, table, name, beside)

    def _tag_table(self, table: Table, name: str, beside: list[str]) -> None:
        guarded = guards(self._product, table)
        levels = sorted({guard.level for found in guarded.values() for guard in found})
        said = {"product": self._product.name, "domain": table.domain, "classification": " ".join(levels)}
        days = str(table.retention_days) if table.retention_days else None
        self._tag("table", name, tags(table.tags, retention_days=days, **said))
        for other in beside:  # the records as they came: as telling as the table
            self._tag("table", other, tags((), **said))
        if table.kind == "table":
            for column in table.columns:
                found = tags(column.tags, classification=column.classification)
                self._tag("column", f"{name}.{column.name}", found)

    def _protect(self, table: Table, name: str) -> None:
        if table.kind == "view":
            return  # a view takes no mask; `check` finds what it would show
        for column, found in guards(self._product, table).items():
            function = mask(self._governance, self._product.name, name, table, column, found)
            self._function(function)
            self._state[Key("mask", "column", f"{name}.{column}")] = function.name
            readers = (principal(r.name) for r in groups(table) if r.access and not sees(r, found))
            self._uncleared[f"{name}.{column}"] = frozenset(readers)
        filtered = row_filter(self._governance, self._product.name, name, table)
        if filtered is not None:
            self._function(filtered[0])
            self._state[Key("row filter", "table", name)] = (filtered[0].name, *filtered[1])
            partly = {principal(role.name) for role in groups(table) if role.rows}
            for column in filtered[1]:
                full = f"{name}.{column}"
                self._uncleared[full] = self._uncleared.get(full, frozenset()) | partly

    def _constrain(self, table: Table, name: str) -> None:
        """Keys as readers can rely on them: a table of versions has several rows for one."""
        if _has_versions(table):
            return
        if table.primary_key:
            self._state[Key("primary key", "table", name)] = table.primary_key
        for column in table.primary_key:
            self._state[Key("not null", "column", f"{name}.{column}")] = "yes"
        for key in table.foreign_keys:
            parent = self._product.tables[f"{table.layer}.{key.to_table}"]
            if not _has_versions(parent) and set(key.to_columns) == set(parent.primary_key):
                columns = "_".join(key.columns)
                item = f"{OURS}fk_{table.name}__{columns}__{parent.name}".lower()
                value = (",".join(key.columns), self._name(parent.key), ",".join(key.to_columns))
                self._state[Key("foreign key", "table", name, (item,))] = value

    def _grant_role(self, role: Role, table: Table, name: str, beside: list[str]) -> None:
        """A reader may read the table. A writer may mend it, too, and see what it was made of."""
        self._grant(role.name, "table", name, "SELECT")
        if role.access == "write":
            if table.kind == "table":
                self._grant(role.name, "table", name, "MODIFY")
            for other in beside:
                self._grant(role.name, "table", other, "SELECT")
        for reached in (name, *(beside if role.access == "write" else ())):
            self._grant(role.name, "schema", reached.rpartition(".")[0], "USE_SCHEMA")
        self._grant(role.name, "catalog", self._catalog, "USE_CATALOG")

    def _share(self, role: Role, table: Table, name: str) -> None:
        assert role.recipients is not None
        identifier = role.recipients.get(self._settings.environment or "")
        if identifier in (None, self._here) or role.access is None:
            return
        share = role.name.lower()
        before = self._state.get(Key("object", "recipient", share), identifier)
        if before != identifier:
            raise GovernanceError(
                f"{table.path}: the recipient {role.name} is {identifier} here, and {before} elsewhere."
            )
        self._object("recipient", share, identifier)
        self._object("share", share)
        self._state[Key("shared", "share", share, (name,))] = table.kind.upper()
        self._grant(share, "share", share, "SELECT")

    def _records(self) -> None:
        """What of all this has to be known to be ours, once no contract names it any more."""
        found = {
            "principals": {key.item[0] for key in self._state if key.kind == "grant"},
            "shares": {key.name for key in self._state if key.kind == "shared"},
            "tables": set(self._tables),
            "tags": self._keys,
        }
        for field, names in found.items():
            key = Key("record", "schema", self._governance, (self._product.name, field))
            self._state[key] = tuple(sorted(names))

    def _object(self, on: str, name: str, value: Value = "") -> None:
        self._state[Key("object", on, name)] = value

    def _grant(self, who: str, on: str, name: str, privilege: str) -> None:
        self._state[Key("grant", on, name, (principal(who), privilege))] = "granted"

    def _tag(self, on: str, name: str, found: dict[str, str]) -> None:
        self._keys |= found.keys()
        for key, value in found.items():
            self._state[Key("tag", on, name, (key,))] = value

    def _function(self, function: Function) -> None:
        self._functions[function.name] = function
        self._state[Key("function", "function", function.name)] = function.value

    def _name(self, key: str) -> str:
        layer, _, name = key.partition(".")
        return f"{self._catalog}.{self._settings.schema(layer)}.{name}".lower()

    def _beside(self, table: Table) -> list[str]:
        """The tables that hold a silver table's records as they came."""
        if table.layer != "silver":
            return []
        return [self._name(f"bronze.{table.name}"), self._name(table.quarantine_key)]


def _has_versions(table: Table) -> bool:
    return table.kind == "view" or (table.changes is not None and table.changes.scd_type == 2)
