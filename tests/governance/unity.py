"""Unity Catalog over HTTP, as far as it is governed: it keeps state, and refuses what the real one refuses.

Paths and shapes are those of Databricks' REST API 2.1 as the SDK sends them, statements those of Databricks
SQL. It has what `minilake` has not: tags, masks, row filters, keys, external locations, shares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.answering import answering

UC = "/api/2.1/unity-catalog"
NAME = r"`((?:[^`]|``)+)`"
FULL = rf"({NAME}(?:\.{NAME})*)"
TEXT = r"'((?:[^'\\]|\\.)*)'"
PAGE = 2


class RefusedError(Exception):
    """An error as the API tells it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error_code": code, "message": message}


def missing(kind: str, name: str) -> RefusedError:
    return RefusedError(
        404, f"{kind.upper()}_DOES_NOT_EXIST", f"{kind.capitalize()} '{name}' does not exist."
    )


def invalid(message: str) -> RefusedError:
    return RefusedError(400, "INVALID_PARAMETER_VALUE", message)


@dataclass
class Unity:
    """The metastore, and what was asked of it (method and path, and statements)."""

    principals: set[str] = field(default_factory=set)
    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # by kind and full name
    grants: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: Callable[[str], bool] = lambda asked: False
    metastore: str = "metastore"
    warehouses: dict[str, str] = field(default_factory=lambda: {"w1": "governance"})

    def put(self, kind: str, name: str, **more: Any) -> dict[str, Any]:
        found = self.objects.setdefault(kind, {})
        found[name] = {"name": name.rpartition(".")[2], "full_name": name, "owner": "admin", **more}
        return found[name]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found = self.objects.get(kind, {}).get(name)
        if found is None:
            raise missing(kind, name)
        return found

    def table(
        self, name: str, columns: dict[str, str], kind: str = "MANAGED", required: tuple[str, ...] = ()
    ) -> None:
        """A table that a run made."""
        self.put(
            "table", name, table_type=kind, table_constraints=[],
            columns=[{"name": c, "type_text": t, "nullable": c not in required} for c, t in columns.items()],
        )  # fmt: skip

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        self.asked.append(body.get("statement", f"{method} {path}"))
        if self.fails(self.asked[-1]):
            raise RefusedError(403, "PERMISSION_DENIED", "User does not have MANAGE on it.")
        for verb, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if verb == method and match:
                return handle(self, *map(unquote, match.groups()), query, body)
        raise RefusedError(404, "ENDPOINT_NOT_FOUND", f"No API found for {method} {path}")

    # what is made and changed by REST

    def create_catalog(self, _query: Any, body: dict[str, Any]) -> Any:
        return self._created("catalog", body["name"])

    def create_schema(self, _query: Any, body: dict[str, Any]) -> Any:
        self.get("catalog", body["catalog_name"])
        return self._created("schema", f"{body['catalog_name']}.{body['name']}")

    def create_volume(self, _query: Any, body: dict[str, Any]) -> Any:
        schema = f"{body['catalog_name']}.{body['schema_name']}"
        self.get("schema", schema)
        if (body["volume_type"] == "EXTERNAL") != ("storage_location" in body):
            raise invalid("storage_location is for external volumes, and only for them")
        more = {key: body[key] for key in ("volume_type", "storage_location") if key in body}
        return self._created("volume", f"{schema}.{body['name']}", **more)

    def create_location(self, _query: Any, body: dict[str, Any]) -> Any:
        self.get("storage_credential", body["credential_name"])
        others = self.objects.get("external_location", {}).values()
        if any(f"{other['url']}/".startswith(f"{body['url']}/") for other in others):
            raise RefusedError(
                400, "LOCATION_OVERLAP", f"The url {body['url']} overlaps with another location."
            )
        return self._created("external_location", body.pop("name"), **body)

    def update_location(self, name: str, _query: Any, body: dict[str, Any]) -> Any:
        location = self.get("external_location", name)
        location.update(body)
        return location

    def create_share(self, _query: Any, body: dict[str, Any]) -> Any:
        return self._created("share", body["name"], objects=[])

    def create_recipient(self, _query: Any, body: dict[str, Any]) -> Any:
        if body["authentication_type"] != "DATABRICKS" or "data_recipient_global_metastore_id" not in body:
            raise invalid("data_recipient_global_metastore_id is required")
        if body["data_recipient_global_metastore_id"] == f"aws:{self.metastore}:1":
            raise invalid("A metastore cannot be a recipient of its own")
        return self._created("recipient", body.pop("name"), **body)

    def _created(self, kind: str, name: str, **more: Any) -> Any:
        if name in self.objects.get(kind, {}):
            raise RefusedError(
                409, f"{kind.upper()}_ALREADY_EXISTS", f"{kind.capitalize()} '{name}' already exists"
            )
        return self.put(kind, name, **more)

    def update_schema(self, name: str, _query: Any, body: dict[str, Any]) -> Any:
        schema = self.get("schema", name)
        schema["properties"] = body["properties"]  # all of them, as the real one does
        return schema

    def update_table(self, name: str, _query: Any, body: dict[str, Any]) -> Any:
        table = self.get("table", name)
        self._known(body["owner"])
        table["owner"] = body["owner"]
        return {}

    def list_functions(self, query: dict[str, str], _body: Any) -> Any:
        within = f"{query['catalog_name']}.{query['schema_name']}."
        return {"functions": [f for n, f in self.objects.get("function", {}).items() if n.startswith(within)]}

    def drop_function(self, name: str, _query: Any, _body: Any) -> Any:
        self.get("function", name)
        del self.objects["function"][name]
        return {}

    # grants

    def permissions(self, on: str, name: str, query: dict[str, str], _body: Any) -> Any:
        self.get(on, name)
        if int(query.get("max_results", 0)) in range(1, 150):
            raise invalid("max_results must be 0 or at least 150")
        return self._page(self.grants.get((on, name), {}), query)

    def _page(self, given: dict[str, list[str]], query: dict[str, str]) -> Any:
        start = int(query.get("page_token", 0))
        every = [{"principal": who, "privileges": what} for who, what in sorted(given.items())]
        page = {"privilege_assignments": every[start : start + PAGE]}
        return page | ({"next_page_token": str(start + PAGE)} if start + PAGE < len(every) else {})

    def grant(self, on: str, name: str, _query: Any, body: dict[str, Any]) -> Any:
        found = self.get(on, name)
        given = self.grants.setdefault((on, name), {})
        for change in body["changes"]:
            who = change["principal"]
            if on == "share":
                self.get("recipient", who)
            else:
                self._known(who)
            if "MODIFY" in change.get("add", []) and found.get("table_type") == "VIEW":
                raise invalid("Privilege MODIFY is not applicable to a view")
            privileges = {*given.get(who, []), *change.get("add", [])} - {*change.get("remove", [])}
            given.pop(who, None)
            if privileges:
                given[who] = sorted(privileges)
        return {}

    def share_permissions(self, name: str, query: dict[str, str], body: Any) -> Any:
        return self.permissions("share", name, query, body)

    def grant_share(self, name: str, query: Any, body: dict[str, Any]) -> Any:
        return self.grant("share", name, query, body)

    def _known(self, principal: str) -> None:
        if principal not in self.principals:
            raise RefusedError(
                404, "PRINCIPAL_DOES_NOT_EXIST", f"Could not find principal with name {principal}"
            )

    def share_objects(self, name: str, _query: Any, body: dict[str, Any]) -> Any:
        share = self.get("share", name)
        for update in body["updates"]:
            shared = update["data_object"]
            table = self.get("table", shared["name"])
            rest = [one for one in share["objects"] if one["name"] != shared["name"]]
            if update["action"] == "REMOVE":
                share["objects"] = rest
                continue
            if len(rest) < len(share["objects"]):
                raise RefusedError(400, "RESOURCE_ALREADY_EXISTS", f"{shared['name']} is in the share")
            if table.get("row_filter") or any("mask" in column for column in table["columns"]):
                raise invalid(
                    f"Table {shared['name']} has row level security or column masks, which is not supported "
                    "by Delta Sharing."
                )
            share["objects"].append(shared)
        return share

    # tags and keys

    def tagged(self, on: str, name: str, query: dict[str, str], _body: Any) -> Any:
        self._entity(on, name)
        every = [
            {"entity_type": on, "entity_name": name, "tag_key": key, "tag_value": value}
            for key, value in sorted(self.tags.get((on, name), {}).items())
        ]
        start = int(query.get("page_token", 0))
        page = {"tag_assignments": every[start : start + PAGE]}
        return page | ({"next_page_token": str(start + PAGE)} if start + PAGE < len(every) else {})

    def tag(self, _query: Any, body: dict[str, Any]) -> Any:
        on, name, key = body["entity_type"], body["entity_name"], body["tag_key"]
        self._entity(on, name)
        tags = self.tags.setdefault((on, name), {})
        if key in tags:
            raise RefusedError(409, "ALREADY_EXISTS", f"Tag assignment with tag key {key} already exists")
        if not key or key != key.strip() or re.search(r"[.,\-=/:]", key) or len(tags) == 50:
            raise invalid(f"Invalid tag key {key!r}")
        tags[key] = body.get("tag_value", "")
        return body

    def retag(self, on: str, name: str, key: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        if query["update_mask"] != "tag_value" or key not in self.tags.get((on, name), {}):
            raise missing("tag", key)
        self.tags[on, name][key] = body.get("tag_value", "")
        return body

    def untag(self, on: str, name: str, key: str, _query: Any, _body: Any) -> Any:
        if self.tags.get((on, name), {}).pop(key, None) is None:
            raise missing("tag", key)
        return {}

    def _entity(self, on: str, name: str) -> None:
        if on == "columns":
            table, _, column = name.rpartition(".")
            self._column(table, column)
        else:
            self.get(on.removesuffix("s"), name)

    def _column(self, table: str, name: str) -> dict[str, Any]:
        found = self.get("table", table)
        for column in found["columns"]:
            if column["name"].casefold() == name.casefold():
                return column
        raise missing("column", f"{table}.{name}")

    def constrain(self, _query: Any, body: dict[str, Any]) -> Any:
        table, constraint = self.get("table", body["full_name_arg"]), body["constraint"]
        ((kind, said),) = constraint.items()
        columns = [self._column(table["full_name"], name) for name in said["child_columns"]]
        taken = {
            c["name"]
            for t in self.objects["table"].values()
            for one in t["table_constraints"]
            for c in one.values()
        }
        if said["name"] in taken:
            raise RefusedError(400, "CONSTRAINT_ALREADY_EXISTS_IN_SCHEMA", said["name"])
        if kind == "primary_key_constraint":
            if any(kind in one for one in table["table_constraints"]):
                raise RefusedError(400, "TABLE_WITH_PRIMARY_KEY", "The table already has a primary key")
            if any(column["nullable"] for column in columns):
                raise invalid("Cannot create the primary key because its child column(s) is nullable.")
        elif not any(
            one.get("primary_key_constraint", {}).get("child_columns") == said["parent_columns"]
            for one in self.get("table", said["parent_table"])["table_constraints"]
        ):
            raise invalid("The parent columns are not the primary key of the parent table.")
        table["table_constraints"].append(constraint)
        return constraint

    def unconstrain(self, name: str, query: dict[str, str], _body: Any) -> Any:
        table = self.get("table", name)
        kept = [
            c
            for c in table["table_constraints"]
            if next(iter(c.values()))["name"] != query["constraint_name"]
        ]
        if len(kept) == len(table["table_constraints"]):
            raise missing("constraint", query["constraint_name"])
        table["table_constraints"] = kept
        return {}

    # what is done by SQL

    def run(self, _query: Any, body: dict[str, Any]) -> Any:
        assert body["warehouse_id"] in self.warehouses
        try:
            self._run(body["statement"])
        except RefusedError as refused:
            error = {"error_code": "BAD_REQUEST", "message": refused.body["message"]}
            return {"statement_id": "s1", "status": {"state": "FAILED", "error": error}}
        return {"statement_id": "s1", "status": {"state": "PENDING"}}

    def summary(self, _query: Any, _body: Any) -> Any:
        return {"name": self.metastore, "global_metastore_id": f"aws:{self.metastore}:1"}

    def listed_warehouses(self, _query: Any, _body: Any) -> Any:
        return {"warehouses": [{"id": id_, "name": name} for id_, name in self.warehouses.items()]}

    def finished(self, _id: str, _query: Any, _body: Any) -> Any:
        return {"statement_id": "s1", "status": {"state": "SUCCEEDED"}}

    def _run(self, statement: str) -> None:
        for pattern, handle in STATEMENTS:
            match = re.fullmatch(pattern, statement, re.S)
            if match:
                return handle(self, match)
        raise invalid(f"[PARSE_SYNTAX_ERROR] {statement}")

    def comment(self, match: re.Match[str]) -> None:
        on, name, text = match["on"], full(match["name"]), plain(match["text"])
        if on == "COLUMN":
            table, _, column = name.rpartition(".")
            self._column(table, column)["comment"] = text
        else:
            self.get("table", name)["comment"] = text

    def alter_column(self, match: re.Match[str]) -> None:
        table = self.get("table", full(match["name"]))
        column = self._column(table["full_name"], unquoted(match["column"]))
        match match["what"].split(" ")[:2]:
            case ["SET", "NOT"]:
                column["nullable"] = False
            case ["DROP", "MASK"]:
                column.pop("mask")
            case ["SET", "MASK"]:
                function = self.get("function", full(match["what"].removeprefix("SET MASK ")))
                if table["table_type"] == "VIEW":
                    raise invalid("Cannot apply row-level security or column masks to a view")
                column["mask"] = {"function_name": function["full_name"]}

    def row_filter(self, match: re.Match[str]) -> None:
        table = self.get("table", full(match["name"]))
        if match["function"] is None:
            table.pop("row_filter")
            return
        function = self.get("function", full(match["function"]))
        columns = [unquoted(name) for name in re.findall(NAME, match["columns"])]
        for column in columns:
            self._column(table["full_name"], column)
        if len(columns) != len(function["input_params"]["parameters"]):
            raise invalid("The row filter gets another number of columns than its function has parameters")
        table["row_filter"] = {"function_name": function["full_name"], "input_column_names": columns}

    def drop_key(self, match: re.Match[str]) -> None:
        name = full(match["name"])
        table = self.get("table", name)
        others = [
            c.get("foreign_key_constraint", {})
            for t in self.objects["table"].values()
            for c in t["table_constraints"]
        ]
        if any(key.get("parent_table") == name for key in others):
            raise invalid("Cannot drop the primary key: foreign keys refer to it. Use CASCADE.")
        table["table_constraints"] = [
            c for c in table["table_constraints"] if "primary_key_constraint" not in c
        ]

    def create_function(self, match: re.Match[str]) -> None:
        name = full(match["name"])
        self.get("schema", name.rpartition(".")[0])
        parameters = [{"name": unquoted(n)} for n in re.findall(rf"{NAME} [A-Z]", match["parameters"])]
        self.put(
            "function", name, comment=plain(match["text"]), routine_definition=match["body"],
            input_params={"parameters": parameters},
        )  # fmt: skip


def unquoted(name: str) -> str:
    return name.strip("`").replace("``", "`") if name.startswith("`") else name.replace("``", "`")


def full(text: str) -> str:
    return ".".join(name.replace("``", "`") for name in re.findall(NAME, text))


def plain(text: str) -> str:
    """What a string literal stands for."""
    found = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", r"\1", found)


STATEMENTS: list[tuple[str, Callable[[Unity, re.Match[str]], None]]] = [
    (rf"COMMENT ON (?P<on>TABLE|COLUMN) (?P<name>{FULL}) IS '(?P<text>(?:[^'\\]|\\.)*)'", Unity.comment),
    (rf"ALTER TABLE (?P<name>{FULL}) ALTER COLUMN (?P<column>{NAME}) "
     rf"(?P<what>SET NOT NULL|DROP MASK|SET MASK {FULL})", Unity.alter_column),
    (rf"ALTER TABLE (?P<name>{FULL}) "
     rf"(?:DROP ROW FILTER|SET ROW FILTER (?P<function>{FULL}) ON \((?P<columns>.*)\))", Unity.row_filter),
    (rf"ALTER TABLE (?P<name>{FULL}) DROP PRIMARY KEY", Unity.drop_key),
    (rf"CREATE OR REPLACE FUNCTION (?P<name>{FULL})\((?P<parameters>.*?)\) RETURNS .*? "
     rf"COMMENT '(?P<text>(?:[^'\\]|\\.)*)' RETURN (?P<body>.*)", Unity.create_function),
]  # fmt: skip


def _one(kind: str) -> Callable[..., Any]:
    return lambda unity, name, _query, _body: unity.get(kind, name)


ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("POST", f"{UC}/catalogs", Unity.create_catalog),
    ("GET", f"{UC}/catalogs/([^/]+)", _one("catalog")),
    ("POST", f"{UC}/schemas", Unity.create_schema),
    ("GET", f"{UC}/schemas/([^/]+)", _one("schema")),
    ("PATCH", f"{UC}/schemas/([^/]+)", Unity.update_schema),
    ("GET", f"{UC}/tables/([^/]+)", _one("table")),
    ("PATCH", f"{UC}/tables/([^/]+)", Unity.update_table),
    ("POST", f"{UC}/volumes", Unity.create_volume),
    ("GET", f"{UC}/volumes/([^/]+)", _one("volume")),
    ("POST", f"{UC}/external-locations", Unity.create_location),
    ("GET", f"{UC}/external-locations/([^/]+)", _one("external_location")),
    ("PATCH", f"{UC}/external-locations/([^/]+)", Unity.update_location),
    ("POST", f"{UC}/recipients", Unity.create_recipient),
    ("GET", f"{UC}/recipients/([^/]+)", _one("recipient")),
    ("POST", f"{UC}/shares", Unity.create_share),
    ("GET", f"{UC}/shares/([^/]+)", _one("share")),
    ("PATCH", f"{UC}/shares/([^/]+)", Unity.share_objects),
    ("GET", f"{UC}/shares/([^/]+)/permissions", Unity.share_permissions),
    ("PATCH", f"{UC}/shares/([^/]+)/permissions", Unity.grant_share),
    ("GET", f"{UC}/permissions/([a-z_]+)/([^/]+)", Unity.permissions),
    ("PATCH", f"{UC}/permissions/([a-z_]+)/([^/]+)", Unity.grant),
    ("GET", f"{UC}/functions", Unity.list_functions),
    ("DELETE", f"{UC}/functions/([^/]+)", Unity.drop_function),
    ("POST", f"{UC}/constraints", Unity.constrain),
    ("DELETE", f"{UC}/constraints/([^/]+)", Unity.unconstrain),
    ("POST", f"{UC}/entity-tag-assignments", Unity.tag),
    ("GET", f"{UC}/entity-tag-assignments/([a-z]+)/([^/]+)/tags", Unity.tagged),
    ("PATCH", f"{UC}/entity-tag-assignments/([a-z]+)/([^/]+)/tags/([^/]+)", Unity.retag),
    ("DELETE", f"{UC}/entity-tag-assignments/([a-z]+)/([^/]+)/tags/([^/]+)", Unity.untag),
    ("GET", f"{UC}/metastore_summary", Unity.summary),
    ("GET", "/api/2.0/sql/warehouses", Unity.listed_warehouses),
    ("POST", "/api/2.0/sql/statements/?", Unity.run),
    ("GET", "/api/2.0/sql/statements/([^/]+)", Unity.finished),
]  # fmt: skip


@contextmanager
def served(unity: Unity) -> Iterator[str]:
    """Its address, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: the client answers a head alone only after a while

        def handle_one(self) -> None:
            split = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(split.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}") if length else {}
            try:
                status, answer = 200, unity.answer(self.command, split.path, query, body)
            except RefusedError as refused:
                status, answer = refused.status, refused.body
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815

    with answering(Handler) as address:
        yield address
