"""What Unity Catalog has of what the contracts manage, as facts."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from medallion_pipelines.errors import GovernanceError

from .model import Desired, Key, State, Value, principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from databricks.sdk import WorkspaceClient

_AT_ONCE = 8
_PROPERTY = re.compile(r"medallion\.(.+)\.(principals|tables|tags|shares)")

Facts = dict[Key, Value]


def read(client: WorkspaceClient, desired: Desired) -> State:
    """The facts about all that is desired, and about what a record says was once.

    Raises GovernanceError where a record cannot be read; the SDK's errors are the caller's.
    """
    reader = Reader(client, desired)
    found = reader.objects()
    return found | reader.grants(found) | reader.tags(found) | reader.functions(found)


class Reader:
    """Asks for facts, several at a time."""

    def __init__(self, client: WorkspaceClient, desired: Desired) -> None:
        self._client, self._desired = client, desired

    def objects(self) -> Facts:
        """What there is, with what it tells of itself: comments, owners, keys, masks; and the records."""
        desired = self._desired
        found: Facts = {}
        if self._get(self._client.catalogs.get, desired.catalog) is None:
            return self._outside(())
        found[Key("object", "catalog", desired.catalog)] = ""
        for name, schema in zip(
            desired.schemas, self._all(self._client.schemas.get, desired.schemas), strict=True
        ):
            if schema is not None:
                found[Key("object", "schema", name)] = ""
                if name == desired.governance:
                    found |= _records(name, schema.properties or {})
        spelt = {name.casefold(): name.rpartition(".")[2] for name in desired.columns}
        names = list(dict.fromkeys((*desired.tables, *self._recorded(found, "tables"))))
        for name, table in zip(names, self._all(self._client.tables.get, names), strict=True):
            if table is not None:
                found |= _table(name, table, spelt)
        volumes = [key.name for key in desired.state if (key.kind, key.on) == ("object", "volume")]
        for name, volume in zip(volumes, self._all(self._client.volumes.read, volumes), strict=True):
            if volume is not None:
                found[Key("object", "volume", name)] = ""
        return found | self._outside(self._recorded(found, "shares"))

    def grants(self, found: State) -> Facts:
        """Who was granted what on what there is; not what is inherited."""
        on = [(key.on, key.name) for key in found if key.kind == "object"]
        shares = [name for kind, name in on if kind == "share"]
        others = [one for one in on if one[0] in ("catalog", "schema", "table", "volume")]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            given = {
                **dict(zip(others, pool.map(lambda one: list(self._granted(*one)), others), strict=True)),
                **{("share", name): list(self._granted_on_share(name)) for name in shares},
            }
        return {
            Key("grant", on, name, (principal(assignment.principal or ""), privilege.value)): "granted"
            for (on, name), assignments in given.items()
            for assignment in assignments
            for privilege in assignment.privileges or ()
        }

    def tags(self, found: State) -> Facts:
        """The tags of tables, and of the columns that the contracts have."""
        on = [
            (key.on, key.name)
            for key in found
            if key.kind == "object"
            and (key.on == "table" or (key.on == "column" and key.name in self._desired.columns))
            and not (key.on == "column" and key.table in self._desired.views)
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            given = pool.map(lambda one: list(self._tagged(*one)), on)
            return {
                Key("tag", kind, name, (tag.tag_key,)): tag.tag_value or ""
                for (kind, name), assigned in zip(on, given, strict=True)
                for tag in assigned
            }

    def functions(self, found: State) -> Facts:
        """The functions of the governance schema."""
        if Key("object", "schema", self._desired.governance) not in found:
            return {}
        listed = self._client.functions.list(*self._desired.governance.split("."))
        return {
            Key("function", "function", (function.full_name or "").lower()): (
                ",".join(one.name or "" for one in _parameters(function)),
                " ".join((function.routine_definition or "").split()),
                function.comment or "",
            )
            for function in listed
        }

    def _outside(self, recorded: Iterable[str]) -> Facts:
        """What belongs to the metastore and not to the catalog."""
        found: Facts = {}
        for key in self._desired.state:
            if key.kind != "object":
                continue
            if key.on == "external_location" and (
                one := self._get(self._client.external_locations.get, key.name)
            ):
                mode = "read only" if one.read_only else "read and write"
                found[key] = ((one.url or "").rstrip("/"), one.credential_name or "", mode)
            elif key.on == "recipient" and (recipient := self._get(self._client.recipients.get, key.name)):
                found[key] = recipient.data_recipient_global_metastore_id or ""
        shares = {key.name for key in self._desired.state if (key.kind, key.on) == ("object", "share")}
        for name in sorted(shares | set(recorded)):
            share = self._get(lambda each: self._client.shares.get(each, include_shared_data=True), name)
            if share is not None:
                found[Key("object", "share", name)] = ""
                for shared in share.objects or ():
                    kind = shared.data_object_type.value if shared.data_object_type else ""
                    found[Key("shared", "share", name, (shared.name.lower(),))] = kind
        return found

    def _recorded(self, found: Facts, field: str) -> Value:
        return found.get(
            Key("record", "schema", self._desired.governance, (self._desired.product, field)), ()
        )

    def _granted(self, on: str, name: str) -> Iterator[Any]:
        yield from _pages(lambda token: self._client.grants.get(on, name, max_results=0, page_token=token))

    def _granted_on_share(self, name: str) -> Iterator[Any]:
        yield from _pages(
            lambda token: self._client.shares.share_permissions(name, max_results=0, page_token=token)
        )

    def _tagged(self, on: str, name: str) -> Iterator[Any]:
        yield from self._client.entity_tag_assignments.list(f"{on}s", quote(name, safe=""))

    def _all(self, get: Callable[[str], Any], names: Iterable[str]) -> list[Any]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda name: self._get(get, name), names))

    def _get(self, get: Callable[[str], Any], name: str) -> Any:
        from databricks.sdk.errors import NotFound

        try:
            return get(name)
        except NotFound:
            return None


def _pages(get: Callable[[str | None], Any]) -> Iterator[Any]:
    token = None
    while True:
        page = get(token)
        yield from page.privilege_assignments or ()
        token = page.next_page_token
        if not token:
            return


def _records(schema: str, properties: dict[str, str]) -> Facts:
    found: Facts = {}
    for name, text in properties.items():
        match = _PROPERTY.fullmatch(name)
        if match:
            try:
                value = json.loads(text)
            except ValueError:
                value = None
            if not isinstance(value, list):
                raise GovernanceError(
                    f"The property {name} of the schema {schema} was changed by hand: it is a JSON list. "
                    "It tells what to take away once no contract names it any more."
                )
            found[Key("record", "schema", schema, (match[1], match[2]))] = tuple(map(str, value))
    return found


def _table(name: str, table: Any, spelt: Mapping[str, str]) -> Facts:
    """`spelt` has columns as the contracts write them: Spark and Unity Catalog tell no case apart."""

    def own(column: str, table: str = name) -> str:
        return spelt.get(f"{table}.{column}".casefold(), column)

    found: Facts = {Key("object", "table", name): table.table_type.value if table.table_type else ""}
    if table.comment:
        found[Key("comment", "table", name)] = table.comment
    if table.owner:
        found[Key("owner", "table", name)] = principal(table.owner)
    if table.row_filter is not None:
        function = table.row_filter.function_name.lower()
        found[Key("row filter", "table", name)] = (
            function, *map(own, table.row_filter.input_column_names or ()),
        )  # fmt: skip
    for column in table.columns or ():
        full = f"{name}.{own(column.name)}"
        found[Key("object", "column", full)] = column.type_text or ""
        if column.comment:
            found[Key("comment", "column", full)] = column.comment
        if column.nullable is False:
            found[Key("not null", "column", full)] = "yes"
        if column.mask is not None:
            found[Key("mask", "column", full)] = (column.mask.function_name or "").lower()
    for constraint in table.table_constraints or ():
        primary, foreign = constraint.primary_key_constraint, constraint.foreign_key_constraint
        if primary is not None:
            found[Key("primary key", "table", name)] = tuple(map(own, primary.child_columns))
        if foreign is not None:
            parent = foreign.parent_table.lower()
            found[Key("foreign key", "table", name, (foreign.name,))] = (
                ",".join(map(own, foreign.child_columns)),
                parent,
                ",".join(own(column, parent) for column in foreign.parent_columns),
            )
    return found


def _parameters(function: Any) -> Iterable[Any]:
    return (function.input_params.parameters or ()) if function.input_params else ()
