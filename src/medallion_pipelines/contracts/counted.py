"""What the ODCS metrics nullValues, missingValues and invalidValues count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines import sql

from .literals import literal
from .patterns import check_pattern

if TYPE_CHECKING:
    from .document import Node
    from .model import Column


def row_test(metric: str, arguments: Node, column: Column) -> tuple[str | None, str]:
    """The condition that a row meets unless the metric counts it, and how to say so.

    No condition where there is a problem, or where nothing could ever be counted.
    """
    x = sql.quoted(column.name)
    if metric == "nullValues":
        return f"{x} IS NOT NULL", "must not be null"
    if metric == "missingValues":
        values = arguments.at("missingValues")
        if not isinstance(values.value, list) or not values.value:
            values.problem("must list what counts as missing", "Such as `missingValues: [null, '', 'N/A']`.")
            return None, ""
        listed = _literals(values, column)
        conditions = [f"{x} IS NOT NULL"] if None in values.value else []
        conditions += [f"{x} NOT IN ({', '.join(listed)})"] if listed else []
        return " AND ".join(conditions) or None, f"must not be one of {_listed(values.value)}"
    return _validity(arguments, column, x)


def _validity(arguments: Node, column: Column, x: str) -> tuple[str | None, str]:
    conditions, said = [], []
    values = arguments.at("validValues")
    if values.value is not None:
        if not isinstance(values.value, list) or not values.value:
            values.problem("must list the valid values", "Such as `validValues: [pounds, kg]`.")
            return None, ""
        listed = _literals(values, column)
        conditions += [f"{x} IN ({', '.join(listed)})"] if listed else []
        said.append(f"be one of {_listed([value for value in values.value if value is not None])}")
    pattern = arguments.at("pattern")
    if pattern.value is not None:
        if not isinstance(pattern.value, str) or column.type != "STRING":
            pattern.problem(
                "must be a regular expression, on a column of text", "Use `validValues` for others."
            )
            return None, ""
        if not check_pattern(pattern.value, pattern):
            return None, ""
        conditions.append(sql.rlike(x, pattern.value))
        said.append(f"match {pattern.value}")
    if not conditions and values.value is None:
        arguments.problem(
            "invalidValues needs to know what is valid", "Give `validValues`, `pattern` or both."
        )
    return " AND ".join(conditions) or None, f"must {' and '.join(said)}"


def _literals(values: Node, column: Column) -> list[str]:
    found = []
    for entry in values.entries():
        text = literal(entry.value, column.type) if entry.value is not None else None
        if text is not None:
            found.append(text)
        elif entry.value is not None and column.type:
            hint = "Put it in quotes." if column.type == "STRING" else ""
            entry.problem(f"`{entry.value}` is no value of a {column.type} column", hint)
    return found


def _listed(values: list[object]) -> str:
    shown = ["null" if value is None else str(value) or "''" for value in values]
    return ", ".join(shown[:20]) + (", ..." if len(shown) > 20 else "")
