"""The GraphQL API as a schema of AppSync's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from medallion_pipelines.api_function.asked import COMPARED, LARGEST_PAGE, PAGE
from medallion_pipelines.apis.openapi import is_nullable
from medallion_pipelines.apis.words import about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medallion_pipelines.apis.published import Published, Shown

# What AppSync has besides GraphQL; a schema for AppSync itself does not declare them.
APPSYNC = """\
scalar AWSDate
scalar AWSDateTime
directive @aws_cognito_user_pools(cognito_groups: [String!]) on OBJECT | FIELD_DEFINITION
directive @aws_iam on OBJECT | FIELD_DEFINITION
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""

_EVENTS = """\
"A new version of a gold table."
type Published @aws_iam @aws_cognito_user_pools {
  table: String!
  version: Int!
  at: AWSDateTime!
}

type Mutation {
  "For the platform alone, which tells of each commit."
  published(key: String!, at: AWSDateTime!): Published! @aws_iam
}

type Subscription {
  "Tells of each new version of a table that the caller may read."
  onPublished(table: String!): Published @aws_subscribe(mutations: ["published"]) @aws_cognito_user_pools
}
"""


def schema(found: Published) -> str:
    """The schema, in GraphQL's schema definition language."""
    blocks = ["type Query {\n" + "".join(map(_query, found.tables)) + "}\n"]
    scalars: dict[str, None] = {}
    for shown in found.tables:
        blocks += [_row(shown), _page(shown), _where(shown)]
        scalars |= dict.fromkeys(shown.table.column(name).kind.graphql for name in shown.table.key)
    blocks += [_comparison(scalar) for scalar in sorted(scalars)]
    return "\n".join([*blocks, _EVENTS])


def _query(shown: Shown) -> str:
    name = shown.table.name
    text = f"{about(shown.contract.description)} In the order of {', '.join(shown.table.key)}."
    return (
        f"{_described('  ', text)}  {name}(where: {name}_where, limit: Int = {PAGE}, after: String):"
        f" {name}_page!\n"
    )


def _row(shown: Shown) -> str:
    described = _described("", about(shown.contract.description))
    return f"{described}type {shown.table.name} {{\n{''.join(_fields(shown))}}}\n"


def _fields(shown: Shown) -> Iterator[str]:
    for column in shown.table.columns:
        said = shown.describes(column.name)
        text = about(said.description)
        if column.seen_by is not None:
            text = f"{text} Masked, but for {', '.join(sorted(column.seen_by)) or 'nobody'}.".strip()
        sure = "" if is_nullable(shown.table, column, said.required) else "!"
        old = f" @deprecated(reason: {_quoted(about(said.deprecated))})" if said.deprecated else ""
        yield f"{_described('  ', text)}  {column.name}: {column.kind.graphql}{sure}{old}\n"


def _page(shown: Shown) -> str:
    name = shown.table.name
    rows = _described("  ", f"At most `limit` rows, {LARGEST_PAGE} at most.")
    more = _described("  ", "What `after` is to be for the next page; null on the last one.")
    return f"type {name}_page {{\n{rows}  rows: [{name}!]!\n{more}  next: String\n}}\n"


def _where(shown: Shown) -> str:
    table = shown.table
    fields = "".join(f"  {name}: {table.column(name).kind.graphql}_comparison\n" for name in table.key)
    return f"input {table.name}_where {{\n{fields}}}\n"


def _comparison(scalar: str) -> str:
    return f"input {scalar}_comparison {{\n" + "".join(f"  {name}: {scalar}\n" for name in COMPARED) + "}\n"


def _described(indent: str, text: str) -> str:
    return f"{indent}{_quoted(text)}\n" if text else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
