"""Compiles one contract to a table, as far as it can be done without the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from .agreements import read_owner, read_servers, read_service_levels
from .changes import read_changes
from .columns import compile_column, primary_key, refuse_fields_alike, refuse_newer_keys, settle_computed
from .custom import CustomProperties
from .events import check_event_version
from .model import Column, Layer, Source, Table
from .names import check_table_name
from .quality import add_quality
from .roles import read_roles
from .rules import Rulebook
from .source import read_source
from .table_properties import column_list, read_cluster_by, read_quarantine_limit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .document import Document, Node

SUFFIX = ".odcs.yaml"


@dataclass
class Draft:
    """A table whose references to other tables are still to be resolved."""

    document: Document
    node: Node  # the schema object
    table: Table
    columns: Mapping[str, Column]  # by ODCS name
    property_nodes: tuple[tuple[Node, Column], ...]
    inputs: Node | None


def compile_table(document: Document) -> Draft | None:
    """Adds what cannot be honoured to `document.problems`; None where there is no table to speak of."""
    root = document.root
    refuse_newer_keys(root)
    objects = list(root.items("schema"))
    if len(objects) != 1:
        root.at("schema").problem(
            "must hold exactly one object" if objects else "`schema` is missing: it holds the one table",
            "Write a contract for each table.")  # fmt: skip
        if not objects:
            return None
    node = objects[0]
    refuse_newer_keys(node)
    custom = CustomProperties(node, "table")
    layer = _layer(node, custom)
    kind = _kind(node, layer)
    name = _name(node)
    book = Rulebook()
    nodes = _columns(node, layer, book)
    columns = {str(each.text("name")): column for each, column in nodes}
    unique: set[str] = set()
    if kind == "view":
        _refuse_constraints(node, custom)
    else:
        for each, column in nodes:
            unique |= add_quality(each, column, columns, book)
        unique |= add_quality(node, None, columns, book)
    keys = primary_key(nodes)
    freshness, retention = read_service_levels(root, name or "", columns)
    owner = read_owner(root)
    servers, roles = read_servers(root), read_roles(root, [column.name for _, column in nodes], kind)
    source = _source(custom, layer, node)
    if source is not None and source.events:
        check_event_version(root)
    sequence = custom.take("sequenceBy")
    sequence_by = column_list(sequence, columns)
    if sequence is not None and (layer == "gold" or not keys):
        sequence.problem(
            "is for silver tables with a primary key", "It picks the newest of the rows of one key."
        )
    cluster_by = read_cluster_by(custom.take("clusterBy"), columns)
    limit_node = custom.take("quarantineLimit")
    limit = read_quarantine_limit(limit_node)
    if limit_node is not None and layer == "gold":
        limit_node.problem(
            "`quarantineLimit` is for silver tables", "A mart that breaks a rule is not written at all."
        )
    inputs = custom.take("inputs")
    changes_node = custom.take("changes")
    if changes_node is not None and layer == "gold":
        changes_node.problem("is for silver tables only", "A mart follows its inputs by itself.")
    compiled = tuple(_unique(column, unique) for _, column in nodes)
    changes = read_changes(changes_node, compiled, keys, sequence_by, book.checks, source)
    custom.check()
    if name is None or layer is None:
        return None
    table = Table(
        name=name,
        layer=layer,
        path=document.file,
        columns=compiled,
        kind=kind,
        description=node.text("description") or root.at("description").text("purpose"),
        version=root.text("version"),
        domain=root.text("domain"),
        owner=owner,
        tags=tuple(dict.fromkeys((*root.texts("tags"), *node.texts("tags")))),
        primary_key=keys,
        sequence_by=sequence_by,
        source=source,
        changes=changes,
        transform=_transform(document, layer, kind),
        rules=tuple(book.rules),
        checks=tuple(book.checks),
        quarantine_limit=limit,
        cluster_by=cluster_by,
        freshness=freshness,
        retention_days=retention,
        roles=roles,
        servers=servers,
    )
    return Draft(document, node, table, columns, tuple(nodes), inputs)


def _layer(node: Node, custom: CustomProperties) -> Layer | None:
    layer = custom.take("layer")
    if layer is None:
        node.problem(
            "the custom property `layer` is missing",
            "Add `customProperties: [{property: layer, value: silver}]` (or gold).",
        )
        return None
    if layer.value == "silver" or layer.value == "gold":
        return "silver" if layer.value == "silver" else "gold"
    hint = "Bronze tables need no contract." if layer.value == "bronze" else "Write `silver` or `gold`."
    layer.problem(f"`{layer.value}` is not a layer", hint)
    return None


def _kind(node: Node, layer: Layer | None) -> Literal["table", "view"]:
    physical = (node.text("physicalType") or "table").casefold()
    if physical == "table":
        return "table"
    place = node.at("physicalType")
    if physical != "view":
        place.problem(f"`{node.text('physicalType')}` is not supported", "Write `table` or `view`.")
        return "table"
    if layer == "silver":
        place.problem("a silver table cannot be a view", "Make it a gold view over the silver table.")
    return "view"


def _name(node: Node) -> str | None:
    name, physical = node.text("name"), node.text("physicalName")
    if name is not None:
        check_table_name(name, node.at("name"))
    if physical is not None and name is not None and physical != name:
        node.at("physicalName").problem(f"`{physical}` is not `{name}`, its `name`", "Drop `physicalName`.")
    return name


def _columns(node: Node, layer: Layer | None, book: Rulebook) -> list[tuple[Node, Column]]:
    found: list[tuple[Node, Column]] = []
    if not list(node.items("properties")):
        node.problem("the table has no columns", "List them under `properties`.")
    names: dict[str, str] = {}
    ids: set[str] = set()
    fields: set[str] = set()
    for each in node.items("properties"):
        column = compile_column(each, layer, book)
        if column is None:
            continue
        first = names.setdefault(column.name.casefold(), column.name)
        place = each.at("physicalName" if each.text("physicalName") else "name")
        if column.name.casefold() in (other.name.casefold() for _, other in found):
            place.problem(f"the column `{column.name}` is here twice" if first == column.name
                          else f"`{column.name}` and `{first}` differ only by case",
                          "Spark does not tell names apart by case; set `physicalName`.")  # fmt: skip
        elif each.text("name") in fields:
            each.at("name").problem(
                f"the name `{each.text('name')}` is here twice",
                "Compute the second column from it with `transformLogic`.",
            )
        id_ = each.text("id")
        if id_ is not None and id_ in ids:
            each.at("id").problem(f"the id `{id_}` is here twice")
        ids.add(id_ or "")
        fields.add(str(each.text("name")))
        found.append((each, column))
    settled = settle_computed(found)
    refuse_fields_alike(settled)
    return settled


def _unique(column: Column, unique: set[str]) -> Column:
    return replace(column, unique=True) if column.name in unique else column


def _source(custom: CustomProperties, layer: Layer | None, node: Node) -> Source | None:
    place = custom.take("source")
    if layer == "silver":
        if place is None:
            node.problem(
                "the custom property `source` is missing",
                "Say where records come from: `{path: flights/*.json, format: json}`.",
            )
            return None
        return read_source(place)
    if layer == "gold" and place is not None:
        place.problem("is for silver tables only", "A gold table is made of tables: use `inputs`.")
    return None


def _transform(document: Document, layer: Layer, kind: str) -> Path | None:
    stem = document.file.name.removesuffix(SUFFIX)
    found = [path for suffix in (".sql", ".py") if (path := document.file.with_name(stem + suffix)).is_file()]
    names = " and ".join(path.name for path in found)
    root = document.root
    if layer == "silver":
        if found:
            root.problem(f"{names} would be ignored: silver has no transform", "Use `transformLogic`.")
        return None
    if len(found) == 2:
        root.problem(f"{names} are both beside the contract", "Keep one of them.")
    elif not found:
        root.problem(f"{stem}.sql is not beside the contract", "It holds the query that makes the "
                     + (f"{kind}." if kind == "view" else f"{kind}; or write {stem}.py."))  # fmt: skip
    elif kind == "view" and found[0].suffix == ".py":
        root.problem("a view is made by SQL, not by Python", f"Write {stem}.sql.")
    return found[0] if found else None


def _refuse_constraints(node: Node, custom: CustomProperties) -> None:
    hint = "A view stores and checks nothing: put it on the tables it reads, or make it a table."
    for owner in (node, *node.items("properties")):
        for key in ("quality", "required", "unique", "primaryKey", "logicalTypeOptions", "relationships"):
            if owner.at(key).value not in (None, False, [], {}):
                owner.at(key).problem("is not honoured on a view", hint)
    for name in ("clusterBy", "quarantineLimit"):
        place = custom.take(name)
        if place is not None:
            place.problem(f"`{name}` is not honoured on a view", hint)
