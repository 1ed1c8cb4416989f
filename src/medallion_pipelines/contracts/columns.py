"""ODCS properties as columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medallion_pipelines import sql

from .custom import CustomProperties
from .expressions import row_expression
from .model import Column, Layer, Marks
from .names import check_column_name
from .options import add_option_rules, add_rule
from .places import Place
from .spark_types import is_orderable, spark_type
from .temporal import date_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Node
    from .rules import Rulebook

NEWER_KEYS = {
    "enum": "Write `quality` with `metric: invalidValues`, `validValues` and `mustBe: 0`.",
    "map": "Write `physicalType: MAP<STRING, STRING>`.",
    "semanticType": "Leave it out; a measure belongs into a gold table.",
    "deprecated": "Write it as a custom property: `deprecated: use x instead`.",
    "synonyms": "Use `tags` or `description`.",
    "context": "Use `description`.",
}
_COLUMNS_ONLY = (
    "primaryKey", "unique", "partitioned", "quality", "relationships", "transformLogic", "physicalName",
)  # fmt: skip


def refuse_newer_keys(node: Node) -> None:
    for key in node.keys:
        if key in NEWER_KEYS:
            node.at(key).problem(f"`{key}` came with ODCS v3.2; contracts here are v3.1", NEWER_KEYS[key])


def compile_column(node: Node, layer: Layer | None, book: Rulebook) -> Column | None:
    """One property as a column, its options as rules in `book`; None where it has no name.

    The type of a column that cannot be compiled is empty, so that what refers to it can go on.
    """
    field_name, physical = node.text("name"), node.text("physicalName")
    name = physical or field_name
    if name is None or field_name is None:
        return None
    check_column_name(name, node.at("physicalName" if physical else "name"))
    refuse_newer_keys(node)
    _refuse_partitioning(node)
    type_ = spark_type(node) or ""
    for key in ("unique", "primaryKey"):
        if node.flag(key) and type_ and not is_orderable(type_):
            node.at(key).problem(
                f"a {type_.split('<')[0]} cannot be a key", "Compute a scalar column for it."
            )
    custom = CustomProperties(node, "property")
    deprecated = custom.take("deprecated")
    if deprecated is not None and not (isinstance(deprecated.value, str) and deprecated.value.strip()):
        deprecated.problem("must say what to use instead", "Such as `value: use carrier_code instead`.")
    fields, expression = _origin(node, custom, layer, field_name)
    custom.check()
    place = Place(node, type_, sql.quoted(name), name, name)
    if type_:
        _add_rules(place, book)
    return Column(
        name=name,
        type=type_,
        required=node.flag("required") or node.flag("primaryKey"),
        unique=node.flag("unique"),
        fields=fields,
        expression=expression,
        format=date_format(node),
        description=node.text("description"),
        classification=node.text("classification"),
        tags=node.texts("tags"),
        marks_inside=tuple(_marks_inside(node, name)),
        deprecated=deprecated.value if deprecated else None,
        sources=node.texts("transformSourceObjects"),
    )


def settle_computed(nodes: list[tuple[Node, Column]]) -> list[tuple[Node, Column]]:
    """Leaves a computed column those fields that no column of the table reads already.

    Its expression sees the table's other columns under their own names, and such fields beside them.
    """
    read = [column for _, column in nodes if column.expression is None]
    columns = {column.name.casefold() for column in read}
    renamed = {field.casefold(): column.name for column in read for field in column.fields}
    settled = []
    for node, column in nodes:
        if column.expression is not None:
            for name in column.fields:
                if name.casefold() in renamed.keys() - columns:
                    node.at("transformLogic").problem(
                        f"the field `{name}` is the column `{renamed[name.casefold()]}` here",
                        f"Write `{renamed[name.casefold()]}`.",
                    )
            column = replace(column, fields=tuple(f for f in column.fields if f.casefold() not in columns))
        settled.append((node, column))
    return settled


def refuse_fields_alike(nodes: list[tuple[Node, Column]]) -> None:
    """Two source fields that differ by case alone are one and the same to Spark."""
    seen: dict[str, tuple[str, Column]] = {}
    for node, column in nodes:
        for field in column.fields:
            other, owner = seen.setdefault(field.casefold(), (field, column))
            names_alike = owner is not column and owner.name.casefold() == column.name.casefold()
            if other != field and not names_alike:  # that is refused already
                node.problem(
                    f"the source fields `{other}` and `{field}` differ by case alone",
                    "Spark cannot tell them apart; keep one.",
                )


def primary_key(nodes: list[tuple[Node, Column]]) -> tuple[str, ...]:
    """The key columns by their `primaryKeyPosition`, or in their order where none has one."""
    keys = [(node, column) for node, column in nodes if node.flag("primaryKey")]
    places: dict[int, str] = {}
    sound = True
    for node, column in nodes:
        position = node.at("primaryKeyPosition")
        if position.value in (None, -1) or not isinstance(position.value, int):
            continue
        if not node.flag("primaryKey"):
            position.problem("is given, but the property is no primary key", "Add `primaryKey: true`.")
        elif position.value < 1 or position.value in places:
            position.problem("must be 1, 2, 3, ... each once", "Number the columns of the key.")
            sound = False
        else:
            places[position.value] = column.name
    if sound and places and len(places) < len(keys):
        missing = next(node for node, column in keys if column.name not in places.values())
        missing.at("primaryKeyPosition").problem("is missing", "Number all columns of the key, or none.")
    if len(places) < len(keys):
        return tuple(column.name for _, column in keys)
    return tuple(places[position] for position in sorted(places))


def _origin(
    node: Node, custom: CustomProperties, layer: Layer | None, field_name: str
) -> tuple[tuple[str, ...], str | None]:
    """The source fields of a column, or the expression that computes it."""
    renamed, logic = custom.take("renamedFrom"), node.get("transformLogic")
    if layer == "gold":
        if renamed is not None:
            renamed.problem(
                "is for silver tables only", "The transform beside the contract names its columns."
            )
        if logic is not None:
            logic.problem(
                "is for silver tables only",
                "Compute it in the transform beside the contract; describe it in `transformDescription`.",
            )
        return (), None
    if logic is not None:
        if renamed is not None:
            renamed.problem("has no meaning beside `transformLogic`", "Name the old field in the expression.")
        if date_format(node) is not None:
            node.at("logicalTypeOptions").at("format").problem(
                "has no meaning beside `transformLogic`",
                "Parse it in the expression: to_timestamp(field, format).",
            )
        expression = row_expression(logic, None)
        return (expression.names, expression.text) if expression else ((), None)
    former = [] if renamed is None else renamed.value if isinstance(renamed.value, list) else [renamed.value]
    if renamed is not None and not (former and all(isinstance(name, str) and name for name in former)):
        renamed.problem("must be a former name or a list of them")
        former = []
    return (field_name, *(name for name in former if name != field_name)), None


def _marks_inside(node: Node, path: str) -> Iterator[Marks]:
    elements = node.get("items")
    for child in (*node.items("properties"), *([elements] if elements else [])):
        field = f"{path}.{child.text('name') or '[]'}"
        marks = Marks(field, child.text("classification"), child.texts("tags"))
        if marks.classification or marks.tags:
            yield marks
        yield from _marks_inside(child, field)


def _refuse_partitioning(node: Node) -> None:
    position = node.at("partitionKeyPosition").value
    key = "partitioned" if node.flag("partitioned") else "partitionKeyPosition"
    if node.flag("partitioned") or (isinstance(position, int) and position != -1):
        node.at(key).problem(
            "partitions are not supported",
            "Cluster the table: custom property `clusterBy` on the schema object.",
        )


def _add_rules(place: Place, book: Rulebook) -> None:
    add_option_rules(place, book)
    for child, required in _nested(place):
        _refuse_column_keys(child.node)
        if required:
            add_rule(book, child, "required", required, "must not be null")
        _add_rules(child, book)


def _nested(place: Place) -> Iterator[tuple[Place, str | None]]:
    """The fields of a struct or the elements of an array, each with the condition if it is required."""
    logical = place.node.text("logicalType")
    if logical == "object" and place.type.startswith("STRUCT"):
        for node in place.node.items("properties"):
            name = node.text("name")
            type_ = spark_type(node)
            if name and type_:
                child = place.field(node, name, type_)
                condition = f"{place.operand} IS NULL OR {child.operand} IS NOT NULL"
                yield child, condition if node.flag("required") else None
    items = place.node.get("items")
    if logical == "array" and items is not None:
        child = place.elements(items, place.type[len("ARRAY<") : -1])
        yield child, f"{child.operand} IS NOT NULL" if items.flag("required") else None


def _refuse_column_keys(node: Node) -> None:
    refuse_newer_keys(node)
    for key in _COLUMNS_ONLY:
        value = node.at(key).value
        if value not in (None, False, [], node.text("name")):
            node.at(key).problem(
                "is supported on columns only, not within objects and arrays",
                "Compute a column of its own with `transformLogic`.",
            )
    CustomProperties(node, "nested property").check()
