"""The one kind of query there is: a page of a table, in the order of its key."""

from __future__ import annotations

from collections.abc import Sequence

from medallion_pipelines.api_function.asked import COMPARED, Asked
from medallion_pipelines.api_function.tables import Seen, Table


def statement(seen: Seen, database: str, asked: Asked) -> tuple[str, list[str]]:
    """SQL of Athena's, and the values of its question marks in order.

    It asks for a row more than the page has, which tells whether there is another page.
    """
    table = seen.table
    columns = [_column(seen, column.name, column.hidden) for column in table.columns]
    conditions, values = ([f"({seen.rows})"] if seen.rows else []), list[str]()
    for each in asked.filters:
        conditions.append(f"{_name(each.column)} {COMPARED[each.comparison]} {_bound(table, each.column)}")
        values.append(each.value)
    if asked.after is not None:
        condition, more = _behind(table, table.key, asked.after)
        conditions.append(condition)
        values += more
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(map(_name, table.key))
    return (
        f"SELECT {', '.join(columns)} FROM {_name(database)}.{_name(table.name)}{where}"
        f" ORDER BY {order} LIMIT {asked.limit + 1}",
        values,
    )


def _column(seen: Seen, name: str, hidden: str | None) -> str:
    if name not in seen.masked:
        return _name(name)
    return f"{_text(hidden)} AS {_name(name)}"


def _behind(table: Table, key: Sequence[str], values: Sequence[str]) -> tuple[str, list[str]]:
    """The rows behind a key. The first comparison lets Athena leave out files by their statistics. No value
    is behind all others, as it is in the order: it must come to be seen, to be told."""
    first, bound = _name(key[0]), _bound(table, key[0])
    if len(key) == 1:
        return f"({first} > {bound} OR {first} IS NULL)", list(values)
    rest, more = _behind(table, key[1:], values[1:])
    return (
        f"(({first} >= {bound} OR {first} IS NULL) AND ({first} > {bound} OR {first} IS NULL OR {rest}))",
        [values[0], values[0], *more],
    )


def _bound(table: Table, column: str) -> str:
    return f"CAST(? AS {table.column(column).kind.athena})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
