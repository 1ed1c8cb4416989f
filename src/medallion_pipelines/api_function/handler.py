"""The Lambda handler: what API Gateway and AppSync ask, and how each is answered."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from medallion_pipelines.api_function.asked import written
from medallion_pipelines.api_function.athena import Athena
from medallion_pipelines.api_function.errors import RefusedError, UnansweredError
from medallion_pipelines.api_function.pages import Pages
from medallion_pipelines.api_function.tables import read

_COMMIT = re.compile(r"(?:.*/)?([^/]+)/_delta_log/([0-9]{20})\.json")
_GROUPS = re.compile(r"[^\s,\[\]]+")  # API Gateway makes a text of them: `a,b`, elsewhere `[a b]`
_FRESH = 60  # seconds that a caller may keep an answer
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


def rest(pages: Pages, event: Mapping[str, Any], request: str) -> dict[str, Any]:
    """The answer to an invocation by API Gateway (REST, Lambda proxy)."""
    try:
        return _cached(event, _resource(pages, event))
    except RefusedError as refused:
        return _problem(refused.status, str(refused), request)
    except Exception:  # nothing of what went wrong inside is for callers
        _log.exception("request %s", request)
        return _problem(500, "It could not be answered.", request)


def _resource(pages: Pages, event: Mapping[str, Any]) -> Any:
    claims = (event["requestContext"].get("authorizer") or {}).get("claims") or {}
    roles = _GROUPS.findall(claims.get("cognito:groups", ""))
    parameters = {
        name: _once(values) for name, values in (event.get("multiValueQueryStringParameters") or {}).items()
    }
    name = (event.get("pathParameters") or {}).get("table")
    if name is None:
        if parameters:
            raise RefusedError(400, "The list of tables takes no parameters.")
        return {"tables": pages.readable(roles)}
    limit, after = parameters.pop("limit", None), parameters.pop("after", None)
    filters = [(*_compared(parameter), value) for parameter, value in parameters.items()]
    return pages.page(name, roles, filters, limit, after)


def _once(values: list[str]) -> str:
    if len(values) != 1:
        raise RefusedError(400, "A parameter is given twice.")
    return values[0]


def _compared(parameter: str) -> tuple[str, str]:
    """The column and the comparison of `day`, `day.from` or `day.to`."""
    column, dot, comparison = parameter.rpartition(".")
    return (column, comparison) if dot else (parameter, "eq")


def _cached(event: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    body = json.dumps(answer)
    mark = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": f"private, max-age={_FRESH}",
        "Vary": "Authorization",
        "ETag": mark,
    }
    known = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if known.get("if-none-match") == mark:
        return {"statusCode": 304, "headers": headers, "body": ""}
    return {"statusCode": 200, "headers": headers, "body": body}


def _problem(status: int, detail: str, request: str) -> dict[str, Any]:
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request": request,
    }
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return {"statusCode": status, "headers": headers, "body": json.dumps(problem)}


def graphql(pages: Pages, event: Mapping[str, Any], request: str) -> Any:
    """The answer to an invocation by AppSync (a direct Lambda resolver).

    Raises RefusedError, whose message AppSync passes on.
    """
    try:
        return _field(pages, event)
    except RefusedError:
        raise
    except Exception:
        _log.exception("request %s", request)
        raise RefusedError(500, f"It could not be answered (request {request}).") from None


def _field(pages: Pages, event: Mapping[str, Any]) -> Any:
    field = event["info"]["parentTypeName"], event["info"]["fieldName"]
    given = event.get("arguments") or {}
    identity = event.get("identity") or {}
    roles = identity.get("groups") or []
    if field[0] == "Query":
        where = given.get("where") or {}
        limit = given.get("limit")
        return pages.page(
            field[1],
            roles,
            _comparisons(where),
            None if limit is None else written(limit),
            given.get("after"),
        )
    if field == ("Subscription", "onPublished"):  # asked once, when somebody subscribes
        pages.table(given["table"]).seen_by(roles)
        return None
    if field == ("Mutation", "published"):
        if "userArn" not in identity:  # the schema says so, too
            raise RefusedError(403, "Only the platform says that a table was published.")
        return _commit(pages, given)
    raise UnansweredError(f"no field {'.'.join(field)} is known here")


def _comparisons(where: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for column, comparisons in where.items():
        for comparison, value in (comparisons or {}).items():
            if value is not None:
                yield column, comparison, written(value)


def _commit(pages: Pages, given: Mapping[str, Any]) -> dict[str, Any]:
    """The table and the version that a file of a Delta log is of."""
    match = _COMMIT.fullmatch(given["key"])
    if not match or match[1] not in pages.tables:
        raise RefusedError(404, "That is no commit of a table that is shown here.")
    return {"table": match[1], "version": int(match[2]), "at": given["at"]}


@cache
def _pages() -> Pages:
    tables = json.loads(Path(__file__).with_name("tables.json").read_text("utf-8"))
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=10)
    athena = Athena(boto3.client("athena", config=config), os.environ["WORKGROUP"])
    return Pages(read(tables), athena, os.environ["DATABASE"])


def handler(event: Mapping[str, Any], context: Any) -> Any:
    """What Lambda calls. WORKGROUP and DATABASE are Athena's and Glue's."""
    answer = graphql if "info" in event else rest
    return answer(_pages(), event, context.aws_request_id)
