"""What a product's contracts say of its tables, as Lake Formation, Glue, Redshift and QuickSight need it.

A table is described in its contract alone. Who sees which columns and rows is decided where Unity Catalog's
masks and filters are: in the package's `governance`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import guards
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.governance.check import check
from medallion_pipelines.governance.functions import groups, sees
from medallion_pipelines.shipped import product_folder
from medallion_platform.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from medallion_pipelines.contracts.guarded import Guard
    from medallion_pipelines.contracts.model import Column, Product, Table

# A column of which its contract says nothing is for the product's readers, and for nobody else.
UNSAID = "internal"
# What a role is called becomes the name of a permission set, a workgroup, a tag and a role of the database,
# of which some do not tell capitals apart, and some end a name at a colon.
_ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
# Tags that say something else, and roles of the serving account that are there for something else.
_TAKEN = {
    "api_events", "api_graphql", "api_logs", "apis", "classification", "crawler", "database_connector",
    "datazone_access", "datazone_domain", "datazone_provisioning", "domain", "lake_formation", "layer",
    "quicksight", "quicksight_network", "redshift", "views", "workspace",
}  # fmt: skip
_GLUE = {
    "BIGINT": "bigint", "BOOLEAN": "boolean", "DATE": "date", "DOUBLE": "double", "FLOAT": "float",
    "INT": "int", "SMALLINT": "smallint", "STRING": "string", "TIMESTAMP": "timestamp",
    "TIMESTAMP_NTZ": "timestamp", "TINYINT": "tinyint",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A column; `classification` is all that guards it, or what its contract says."""

    name: str
    type: str  # Spark SQL
    classification: str
    description: str

    @property
    def glue_type(self) -> str:
        if self.type.startswith("DECIMAL"):
            return self.type.lower()
        if self.type not in _GLUE:
            raise SettingsError(
                f"analytics.product: the column {self.name} is a {self.type}, which has no counterpart in "
                "Redshift and QuickSight. Give readers a gold view without it."
            )
        return _GLUE[self.type]


@dataclass(frozen=True)
class Reader:
    """A role of a contract, which sees a column at least: what it does not see of the table."""

    role: str
    hidden: tuple[str, ...] = ()
    rows: str | None = None  # Spark SQL: the rows that it sees

    @property
    def sees_all(self) -> bool:
        return not self.hidden and self.rows is None


@dataclass(frozen=True)
class LakeTable:
    """A table or view of a product."""

    layer: str
    name: str
    kind: str
    domain: str
    description: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...]
    sorted_by: tuple[str, ...]
    readers: tuple[Reader, ...]
    query: str | None = None  # of a view: Spark SQL, its inputs as {name}
    inputs: tuple[tuple[str, str], ...] = ()  # layer and name of what it is made of

    @property
    def seen_by_somebody(self) -> list[Field]:
        """The columns without those that are hidden from all readers."""
        return [
            field for field in self.fields if any(field.name not in reader.hidden for reader in self.readers)
        ]

    @property
    def classification(self) -> str:
        """Of a column that comes to the table before its contract speaks of it: as guarded as all others."""
        found = {field.classification for field in self.fields}
        guarded = found - {"public", "internal"}
        return " ".join(sorted({level for each in guarded for level in each.split()})) or max(
            found, key=["public", "internal"].index
        )


@cache
def lake(product: str) -> tuple[LakeTable, ...]:
    """The tables of a product, in order: one of the package, or a folder.

    Raises UnknownNameError where there is none, ContractError for contracts that are not usable,
    GovernanceError for those that would show somebody what they should not, SettingsError for roles whose
    names the services would take for others, and for views that would show a role more than its rows.
    """
    found = load_product(product_folder(product))
    errors = [problem for problem in check(found) if problem.severity == "error"]
    if errors:
        raise GovernanceError(
            f"The contracts of {found.name} are not shown: {errors[0]}"
            f"{f' And {len(errors) - 1} more' if len(errors) > 1 else ''} (medallion governance check)."
        )
    _told_apart({role.name for table in found.tables.values() for role in groups(table)})
    tables = {key.lower(): _table(found, found.tables[key]) for key in sorted(found.tables)}
    for table in tables.values():
        for below in _read_by(table, tables):
            _shows_all_rows(table, below)
    return tuple(tables.values())


def roles(tables: tuple[LakeTable, ...]) -> list[str]:
    """The personas: the roles of all contracts."""
    return sorted({reader.role for table in tables for reader in table.readers})


def _told_apart(names: set[str]) -> None:
    known: dict[str, str] = {}
    for name in sorted(names):
        folded = name.casefold().replace("-", "_")
        if not _ROLE.fullmatch(name) or folded in _TAKEN:
            why = "is no name that all services take for a role, or one that they have for something else"
        elif folded in known:
            why = f"is the same as {known[folded]} to some services"
        else:
            known[folded] = name
            continue
        raise SettingsError(
            f"analytics.product: the role {name!r} {why}. Begin with a letter; use letters, digits, `_` "
            "and `-`, at most 32."
        )


def _read_by(view: LakeTable, tables: Mapping[str, LakeTable]) -> Iterator[LakeTable]:
    """The tables that a view reads, also by other views; none for a table, which has rows of its own."""
    if view.kind == "view":
        for layer, name in view.inputs:
            below = tables[f"{layer}.{name}".lower()]
            yield below
            yield from _read_by(below, tables)


def _shows_all_rows(view: LakeTable, below: LakeTable) -> None:
    """Views read in another's name, and so all rows; in Unity Catalog a row filter holds for who asks."""
    whole = {reader.role for reader in below.readers if reader.rows is None}
    for reader in view.readers:
        if reader.role not in whole and any(each.rows for each in below.readers):
            raise SettingsError(
                f"{view.layer}.{view.name}: the view would show {reader.role} all rows of "
                f"{below.layer}.{below.name}, which has `rows`. Make it a table, or take the role off it."
            )


def _table(product: Product, table: Table) -> LakeTable:
    guarded = guards(product, table)
    readers = (
        Reader(
            role.name,
            tuple(name.lower() for name, found in guarded.items() if not sees(role, found)),
            role.rows,
        )
        for role in groups(table)
        if role.access
    )
    query = None
    if table.kind == "view":
        assert table.transform is not None
        query = table.transform.read_text(encoding="utf-8").strip().rstrip(";")
    return LakeTable(
        layer=table.layer,
        name=table.name.lower(),
        kind=table.kind,
        domain=(table.domain or product.name).lower(),
        description=table.description or "",
        fields=tuple(_field(column, guarded.get(column.name, ())) for column in table.columns),
        keys=_lower(table.primary_key),
        sorted_by=_lower(table.cluster_by or table.primary_key),
        readers=tuple(reader for reader in readers if len(reader.hidden) < len(table.columns)),
        query=query,
        inputs=tuple((one.layer, one.table) for one in table.inputs),
    )


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns as Glue has them; Athena and Redshift take them in any case."""
    return tuple(name.lower() for name in names)


def _field(column: Column, found: tuple[Guard, ...]) -> Field:
    levels = " ".join(sorted({guard.level.lower() for guard in found}))
    said = (column.classification or UNSAID).strip().lower()
    return Field(column.name.lower(), column.type, levels or said, column.description or "")
