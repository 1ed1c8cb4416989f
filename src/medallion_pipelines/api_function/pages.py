"""One page of a table, for one caller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from medallion_pipelines.api_function.asked import asked, token
from medallion_pipelines.api_function.athena import Athena, Row
from medallion_pipelines.api_function.errors import RefusedError, UnansweredError
from medallion_pipelines.api_function.statement import statement
from medallion_pipelines.api_function.tables import Seen, Table

# Bytes; AppSync takes 5 MB of a function, API Gateway 6. It has the answer as a text within JSON.
LARGEST_ANSWER = 9 * 2**19


@dataclass(frozen=True)
class Pages:
    """The tables by name, and where they are read."""

    tables: Mapping[str, Table]
    athena: Athena
    database: str

    def table(self, name: str) -> Table:
        if name not in self.tables:
            raise RefusedError(404, "There is no such table.")
        return self.tables[name]

    def readable(self, roles: Iterable[str]) -> list[str]:
        """The names of the tables that somebody with these roles may read."""
        own = set(roles)
        return [name for name, table in self.tables.items() if own & set(table.roles)]

    def page(
        self,
        name: str,
        roles: Iterable[str],
        filters: Iterable[tuple[str, str, str]],
        limit: str | None,
        after: str | None,
    ) -> dict[str, Any]:
        """`rows`, and the token of the `next` page, if there is one. A page is shorter than its limit where
        an answer would be larger than the services take.

        Raises RefusedError, and UnansweredError.
        """
        table = self.table(name)
        seen = table.seen_by(roles)
        question = asked(table, filters, limit, after)
        found = [_shown(seen, row) for row in self.athena.rows(*statement(seen, self.database, question))]
        if any(row[name] is None for row in found for name in table.key):
            raise UnansweredError(f"the key of {table.name} has no value")  # no page could go on from there
        rows = _fitting(found[: question.limit])
        more = None
        if len(found) > len(rows):
            last, following = (
                [row[name] for name in table.key] for row in found[len(rows) - 1 : len(rows) + 1]
            )
            if last == following:  # the pages could lose one
                raise UnansweredError(f"the key of {table.name} is not unique")
            more = token(table, question.filters, rows[-1])
        return {"rows": rows, "next": more}


def _shown(seen: Seen, row: Row) -> dict[str, Any]:
    return {
        column.name: column.hidden
        if column.name in seen.masked
        else None
        if value is None
        else column.kind.shown(value)
        for column, value in zip(seen.table.columns, row, strict=True)
    }


def _fitting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the first rows as an answer holds, and one at least."""
    size = 0
    for place, row in enumerate(rows):
        size += len(json.dumps(json.dumps(row)))
        if place and size > LARGEST_ANSWER:
            return rows[:place]
    return rows
