"""ODCS types as Spark SQL types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medallion_pipelines.sql import quoted

from .names import check_column_name

if TYPE_CHECKING:
    from .document import Node

LOGICAL_TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array")

_DEFAULT = {
    "string": "STRING", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP", "time": "STRING",
}  # fmt: skip
_SPELLINGS = {
    "INTEGER": "INT", "LONG": "BIGINT", "SHORT": "SMALLINT", "BYTE": "TINYINT", "REAL": "FLOAT",
    "TIMESTAMP_LTZ": "TIMESTAMP",
}  # fmt: skip
_FITTING = {
    "string": ("STRING",),
    "integer": ("TINYINT", "SMALLINT", "INT", "BIGINT"),
    "number": ("FLOAT", "DOUBLE"),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP", "TIMESTAMP_NTZ"),
    "time": ("STRING",),
}
_FITTING_SAID = {
    "string": "STRING or VARCHAR(n)",
    "integer": "TINYINT, SMALLINT, INT, BIGINT or DECIMAL(p,0)",
    "number": "FLOAT, DOUBLE or DECIMAL(p,s)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP or TIMESTAMP_NTZ",
    "time": "STRING",
    "object": "STRUCT, VARIANT or MAP<STRING, type>",
    "array": "ARRAY",
}
_DECIMAL = re.compile(r"(?:DECIMAL|DEC|NUMERIC)\((\d{1,3})(?:,(\d{1,3}))?\)")
_VARCHAR = re.compile(r"VARCHAR\((\d{1,9})\)")
_MAP = re.compile(r"MAP<STRING,(.+)>")
_SCALAR_TYPES = {*_DEFAULT.values(), *_SPELLINGS.values(), "INT", "SMALLINT", "TINYINT", "TIMESTAMP_NTZ"}

NEWER_TYPES = {
    "map": "Write `logicalType: object` with `physicalType: MAP<STRING, STRING>`.",
    "vector": "Write `logicalType: array` with `items` of `logicalType: number`.",
}


def spark_type(node: Node) -> str | None:
    """The column type of an ODCS property; None after a problem.

    A VARCHAR(n) is a STRING here: its length is checked by a rule, as `maxLength` is.
    """
    logical = node.text("logicalType")
    if logical in NEWER_TYPES:
        node.at("logicalType").problem(f"`{logical}` came with ODCS v3.2", NEWER_TYPES[logical])
        return None
    if logical is None or logical not in LOGICAL_TYPES:
        if logical is None and node.at("logicalType").value is None:
            node.at("logicalType").problem("`logicalType` is missing", f"One of {', '.join(LOGICAL_TYPES)}.")
        return None
    if logical == "object":
        return _object(node)
    if logical == "array":
        return _array(node)
    for key in ("properties", "items"):
        if node.get(key) is not None:
            node.at(key).problem(f"is not for `logicalType: {logical}`")
    physical = node.text("physicalType")
    if physical is None:
        return _DEFAULT[logical]
    found = _scalar(logical, physical)
    if found is None:
        _unfit(node, logical, physical)
    return found


def varchar_length(node: Node) -> int | None:
    """n of `physicalType: VARCHAR(n)`."""
    found = _VARCHAR.fullmatch(_canonical(node.text("physicalType") or ""))
    return int(found[1]) if found and node.text("logicalType") == "string" else None


def is_orderable(type_: str) -> bool:
    """Whether `type_` has values that can be keys and be sorted."""
    return not type_.startswith(("STRUCT", "ARRAY", "MAP", "VARIANT"))


def _scalar(logical: str, physical: str) -> str | None:
    canonical = _canonical(physical)
    if canonical in _FITTING[logical]:
        return canonical
    if logical == "string" and (found := _VARCHAR.fullmatch(canonical)) and int(found[1]) > 0:
        return "STRING"
    decimal = _decimal(canonical)
    if decimal and (logical == "number" or (logical == "integer" and decimal.endswith(",0)"))):
        return decimal
    return None


def _object(node: Node) -> str | None:
    physical = node.text("physicalType")
    canonical = _canonical(physical or "STRUCT")
    properties = node.at("properties")
    as_map = _MAP.fullmatch(canonical)
    if canonical == "VARIANT" or as_map:
        if properties.value:
            properties.problem(
                f"cannot be checked within a {canonical.split('<')[0]}",
                "Drop `physicalType` for a STRUCT of these properties, or drop `properties`.",
            )
        if as_map and not (as_map[1] in _SCALAR_TYPES or _decimal(as_map[1])):
            _unfit(node, "object", str(physical))
            return None
        return canonical if not as_map else f"MAP<STRING, {_decimal(as_map[1]) or as_map[1]}>"
    if canonical.startswith("MAP"):
        _unfit(node, "object", str(physical))
        return None
    if not properties.value or not isinstance(properties.value, list):
        node.problem(
            "an object needs `properties`",
            "Or `physicalType: VARIANT`, or `physicalType: MAP<STRING, STRING>`.",
        )
        return None
    fields: dict[str, str] = {}
    complete = True
    for child in node.items("properties"):
        name = child.text("name")
        type_ = spark_type(child)
        if name is None:
            complete = False
            continue
        check_column_name(name, child.at("name"))
        if name.casefold() in map(str.casefold, fields):
            child.at("name").problem(f"`{name}` is here twice", "Spark does not tell names apart by case.")
        complete = complete and type_ is not None
        fields[name] = type_ or ""
    compiled = f"STRUCT<{', '.join(f'{quoted(name)}: {type_}' for name, type_ in fields.items())}>"
    if not complete:
        return None
    return compiled if _agrees(node, "object", compiled, "STRUCT") else None


def _array(node: Node) -> str | None:
    items = node.get("items")
    if items is None:
        node.problem("an array needs `items`", "Say what it holds, such as `items: {logicalType: string}`.")
        return None
    element = spark_type(items)
    if element is None:
        return None
    compiled = f"ARRAY<{element}>"
    return compiled if _agrees(node, "array", compiled, "ARRAY") else None


def _agrees(node: Node, logical: str, compiled: str, bare: str) -> bool:
    """Whether `physicalType`, where given, says the same as the properties or items do."""
    physical = node.text("physicalType")
    if physical is None or _canonical(physical) in (bare, _canonical(compiled)):
        return True
    if _canonical(physical).startswith(bare):
        node.at("physicalType").problem(
            f"`{physical}` is not what the contract describes", f"Drop it, or write {compiled}."
        )
    else:
        _unfit(node, logical, physical)
    return False


def _decimal(canonical: str) -> str | None:
    found = _DECIMAL.fullmatch(canonical)
    if not found:
        return None
    precision, scale = int(found[1]), int(found[2] or 0)
    return f"DECIMAL({precision},{scale})" if 1 <= precision <= 38 and scale <= precision else None


def _canonical(physical: str) -> str:
    text = re.sub(r"\s+", "", physical).upper().replace("`", "")
    return re.sub(r"[A-Z_]+", lambda word: _SPELLINGS.get(word[0], word[0]), text)


def _unfit(node: Node, logical: str, physical: str) -> None:
    hint = f"Fitting: {_FITTING_SAID[logical]}."
    if logical == "object" and _canonical(physical).startswith("MAP"):
        hint = "A map is MAP<STRING, type> with a scalar type."
    node.at("physicalType").problem(f"`{physical}` does not fit `logicalType: {logical}`", hint)
