"""The REST API as an OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medallion_pipelines.api_function.asked import LARGEST_PAGE, PAGE
from medallion_pipelines.apis.words import about

if TYPE_CHECKING:
    from medallion_pipelines.api_function.tables import Column, Table
    from medallion_pipelines.apis.published import Published, Shown

_COMPARED = {"": "is", ".from": "is not less than", ".to": "is not greater than"}
_REFUSALS = {
    "400": "A parameter is not as it is described here.",
    "401": "There is no token, or it is not valid.",
    "403": "None of the caller's roles may read the table.",
    "429": "Too many requests.",
    "500": "It could not be answered.",
    "503": "Athena has too many questions at once.",
    "504": "It took too long.",
}


def openapi(found: Published) -> dict[str, Any]:
    """The document, of OpenAPI 3.1."""
    version = ", ".join(sorted({each.contract.version or "" for each in found.tables} - {""}))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{found.product}: gold tables",
            "version": version or "1",
            "description": "Read-only. What a caller's roles may not see is masked, as the contracts say.",
        },
        "security": [{"token": []}],
        "paths": {
            "/gold": {"get": _list()},
            **{f"/gold/{each.table.name}": {"get": _read(each)} for each in found.tables},
        },
        "components": {
            "schemas": {
                "problem": _PROBLEM,
                **{each.table.name: _row(each) for each in found.tables},
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The id token of the user pool. Its groups are the roles of contracts.",
                }
            },
        },
    }


def _list() -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string"}}
    return {
        "operationId": "tables",
        "summary": "The tables that the caller may read.",
        "responses": {
            "200": _answer("Their names.", _object({"tables": names})),
            **_refused("401", "429"),
        },
    }


def _read(shown: Shown) -> dict[str, Any]:
    table = shown.table
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{table.name}"}}
    more = {
        "type": ["string", "null"],
        "description": "What `after` is to be for the next page; null on the last one.",
    }
    return {
        "operationId": table.name,
        "summary": about(shown.contract.description) or table.name,
        "description": f"In the order of {', '.join(table.key)}. Roles: {', '.join(sorted(table.roles))}.",
        "parameters": [
            _parameter(
                "limit",
                "Rows of a page, at most.",
                {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
            ),
            _parameter("after", "`next` of the page before; with the same filters.", {"type": "string"}),
            *(
                _parameter(f"{name}{how}", f"`{name}` {said}.", dict(table.column(name).kind.schema))
                for name in table.key
                for how, said in _COMPARED.items()
            ),
        ],
        "responses": {
            "200": _answer("A page.", _object({"rows": rows, "next": more})),
            "304": {"description": "It is as `If-None-Match` says."},
            **_refused(*_REFUSALS),
        },
    }


def _row(shown: Shown) -> dict[str, Any]:
    table = shown.table
    described = _object({column.name: _column(shown, column) for column in table.columns})
    return described | {"description": about(shown.contract.description) or table.name}


def _column(shown: Shown, column: Column) -> dict[str, Any]:
    said = shown.describes(column.name)
    schema = dict(column.kind.schema)
    if is_nullable(shown.table, column, said.required):
        schema["type"] = [schema["type"], "null"]
    text = [about(said.description)] if said.description else []
    if column.seen_by is not None:
        text.append(f"Masked, but for {', '.join(sorted(column.seen_by)) or 'nobody'}.")
    if said.deprecated:
        schema["deprecated"] = True
        text.append(f"Deprecated: {about(said.deprecated)}")
    return schema | ({"description": " ".join(text)} if text else {})


def is_nullable(table: Table, column: Column, required: bool) -> bool:
    """Whether a caller may find no value in it: also a mask or a number that JSON has not is none."""
    if column.name in table.key:
        return False
    return not required or column.seen_by is not None or column.kind.graphql == "Float"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: str) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    return {status: {"description": _REFUSALS[status], "content": problem} for status in statuses}


_PROBLEM = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request": {"type": "string", "description": "To be told to those who run the API."},
    },
    "required": ["type", "title", "status", "detail"],
}
