"""ODCS `quality` as row rules and as checks of many rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medallion_pipelines import sql

from .bounds import Bound, read_bound
from .counted import row_test
from .expressions import row_condition
from .model import Check, Column, Rule, Severity
from .names import suggestion
from .queries import check_query
from .spark_types import is_orderable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Node
    from .rules import Rulebook

PROPERTY_METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues")
OBJECT_METRICS = ("rowCount", "duplicateValues")
_ARGUMENTS = {
    "nullValues": (), "rowCount": (), "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"), "duplicateValues": ("properties",),
}  # fmt: skip
_METRIC_SAID = {
    "nullValues": "null values", "missingValues": "missing values", "invalidValues": "invalid values",
    "duplicateValues": "duplicate values", "rowCount": "the number of rows",
}  # fmt: skip
Scope = Literal["batch", "table"]


@dataclass(frozen=True)
class _Item:
    """A quality item whose parts that all types share have been read."""

    node: Node
    metric: str
    bound: Bound
    unit: str
    severity: Severity


def read_severity(node: Node) -> Severity:
    """`severity` of a quality item or relationship, error where absent; a problem where it is neither."""
    given = node.at("severity").value
    if given == "warning":
        return "warning"
    if given is not None and given != "error" and isinstance(given, str):
        near = "warning" if given.casefold() in ("warn", "info", "low", "minor", "notice") else "error"
        node.at("severity").problem(
            f"`{given}` is not supported", f"Write `error` or `warning`; `{near}` perhaps?"
        )
    return "error"


def add_quality(
    owner: Node, column: Column | None, columns: Mapping[str, Column], book: Rulebook
) -> frozenset[str]:
    """Adds the quality items of a property or (column None) a table to `book`.

    `columns` are the table's, by their ODCS name. Yields the names of columns that must be unique.
    """
    unique: set[str] = set()
    for node in owner.items("quality"):
        if node.get("schedule") or node.get("scheduler"):
            node.at("schedule" if node.get("schedule") else "scheduler").problem(
                "is not honoured: checks run with each run of the table", "Drop it and schedule the run."
            )
        match node.text("type") or "library":
            case "library":
                unique |= _add_library(node, column, columns, book)
            case "sql":
                _add_sql(node, column, book)
            case "custom":
                _add_custom(node, column, columns, book)
    return frozenset(unique)


def _add_sql(node: Node, column: Column | None, book: Rulebook) -> None:
    bound = read_bound(node)
    severity = read_severity(node)
    if node.at("unit").value not in (None, "rows"):
        node.at("unit").problem("is not for `type: sql`", "Let the query compute the percentage.")
    query = check_query(node.at("query"), column.name if column else None)
    if bound is None or query is None:
        return
    name = book.name_given(node) or book.name_made(_stem(column, "sql"))
    message = node.text("description") or f"the result of the query {bound.said}"
    book.checks.append(
        Check(name, bound.condition, _one_line(message), query=query, column=column.name if column else None,
              scope="table", severity=severity)
    )  # fmt: skip


def _add_custom(node: Node, column: Column | None, columns: Mapping[str, Column], book: Rulebook) -> None:
    engine = node.text("engine")
    if engine != "medallion":
        node.at("engine").problem(
            f"the engine `{engine}` is not run here",
            "Write `engine: medallion` with an SQL condition, or describe it with `type: text`.",
        )
        return
    severity = read_severity(node)
    place = node.at("implementation")
    if not isinstance(place.value, str):
        place.problem(
            "must be an SQL condition over one row", "Such as `implementation: arrival >= departure`."
        )
        return
    condition = row_condition(place, [each.name for each in columns.values()])
    if condition is None:
        return
    name = book.name_given(node) or book.name_made(_stem(column, "custom"))
    message = node.text("description") or f"must meet {condition.text}"
    book.rules.append(
        Rule(name, condition.text, _one_line(message), column.name if column else None, severity)
    )


def _add_library(
    node: Node, column: Column | None, columns: Mapping[str, Column], book: Rulebook
) -> frozenset[str]:
    none: frozenset[str] = frozenset()
    metric = node.text("metric")
    if metric is None:
        if node.get("rule"):
            node.at("rule").problem("was replaced by `metric`", f"Write `metric: {node.text('rule')}`.")
        elif node.text("type") is None:
            node.at("metric").problem("`metric` is missing", "Or give a `type` other than library.")
        return none
    known = PROPERTY_METRICS if column else OBJECT_METRICS
    if metric not in known:
        if metric in _METRIC_SAID:
            node.at("metric").problem(
                f"`{metric}` is measured on {'the table' if column else 'a property'}",
                f"Move it to the `quality` of {'the table' if column else 'the property'}.",
            )
        return none
    item = _read_item(node, metric)
    if item is None:
        return none
    if metric == "rowCount":
        _add_check(item, None, "count(*)", "table", book)
    elif metric == "duplicateValues":
        return _add_duplicates(item, column, columns, book)
    elif column is not None:
        _add_counted(item, column, book)
    return none


def _read_item(node: Node, metric: str) -> _Item | None:
    bound = read_bound(node)
    severity = read_severity(node)
    unit = node.at("unit").value or "rows"
    if unit not in ("rows", "percent") or (metric == "rowCount" and unit != "rows"):
        node.at("unit").problem(
            f"`{unit}` is not supported for {metric}",
            "Drop it." if metric == "rowCount" else "Write `rows` or `percent`.",
        )
        return None
    arguments = node.at("arguments")
    for key in arguments.keys:
        if key not in _ARGUMENTS[metric]:
            arguments.at(key).problem(
                f"`{key}` is not an argument of {metric}",
                suggestion(key, _ARGUMENTS[metric]) or "It takes none.",
            )
    if bound is None:
        return None
    if not bound.is_satisfiable(unit):
        node.at(bound.operator).problem("can never be met by a number of rows", "Compare with 0 or more.")
        return None
    return _Item(node, metric, bound, unit, severity)


def _add_counted(item: _Item, column: Column, book: Rulebook) -> None:
    """nullValues, missingValues, invalidValues: a rule if none are allowed, else a count over the run."""
    condition, said = row_test(item.metric, item.node.at("arguments"), column)
    if condition is None:
        return
    if not item.bound.allows_only_zero(item.unit):
        _add_check(item, column, f"count_if(NOT ({condition}))", "batch", book)
        return
    name = book.name_given(item.node) or book.name_made(_stem(column, item.metric))
    message = item.node.text("description") or said
    book.rules.append(Rule(name, condition, _one_line(message), column.name, item.severity))


def _add_duplicates(
    item: _Item, column: Column | None, columns: Mapping[str, Column], book: Rulebook
) -> frozenset[str]:
    listed = item.node.at("arguments").at("properties")
    if column is not None:
        if listed.value is not None:
            listed.problem("is for the table's quality only", "The property itself is what is counted here.")
        named = [column]
    else:
        if not isinstance(listed.value, list) or not listed.value:
            listed.problem(
                "must list the properties that are unique together",
                "Such as `arguments: {properties: [tenant, order]}`.",
            )
            return frozenset()
        named = []
        for entry in listed.entries():
            if isinstance(entry.value, str) and entry.value in columns:
                named.append(columns[entry.value])
            else:
                entry.problem(f"there is no property `{entry.value}`", suggestion(str(entry.value), columns))
        if len(named) < len(listed.value):
            return frozenset()
    for each in named:
        if each.type.startswith(("MAP", "VARIANT")):
            item.node.problem(f"a {each.type} cannot be compared", "Leave it out.")
            return frozenset()
    only_zero = item.bound.allows_only_zero(item.unit)
    if only_zero and item.severity == "error" and len(named) == 1 and is_orderable(named[0].type):
        return frozenset({named[0].name})
    names = ", ".join(sql.quoted(each.name) for each in named)
    _add_check(item, column, f"count({names}) - count(DISTINCT {names})", "table", book)
    return frozenset()


def _add_check(item: _Item, column: Column | None, metric: str, scope: Scope, book: Rulebook) -> None:
    name = book.name_given(item.node) or book.name_made(_stem(column, item.metric))
    unit = " percent" if item.unit == "percent" else ""
    message = item.node.text("description") or f"{_METRIC_SAID[item.metric]} {item.bound.said}{unit}"
    book.checks.append(
        Check(
            name,
            item.bound.condition,
            _one_line(message),
            metric=metric,
            column=column.name if column else None,
            scope=scope,
            unit="percent" if unit else "rows",
            severity=item.severity,
        )
    )


def _stem(column: Column | None, what: str) -> str:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", what).lower()
    return f"{column.name}_{snake}" if column else snake


def _one_line(text: str) -> str:
    return " ".join(text.split())
