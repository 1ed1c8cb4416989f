"""What a product's contracts say of its tables, as Lake Formation, Glue, Redshift and QuickSight need it.

A table is described in its contract alone. Who sees which columns and rows is decided where Unity Catalog's
masks and filters are: in the package's `governance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import guards
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.governance.functions import groups, sees
from medallion_pipelines.shipped import product_folder
from medallion_platform.settings import SettingsError

if TYPE_CHECKING:
    from medallion_pipelines.contracts.guarded import Guard
    from medallion_pipelines.contracts.model import Column, Product, Table

# A column of which its contract says nothing is for the product's readers, and for nobody else.
UNSAID = "internal"
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
    """A role of a contract: what it does not see of the table."""

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

    Raises UnknownNameError where there is none, ContractError for contracts that are not usable.
    """
    found = load_product(product_folder(product))
    return tuple(_table(found, found.tables[key]) for key in sorted(found.tables))


def roles(tables: tuple[LakeTable, ...]) -> list[str]:
    """The personas: the roles of all contracts."""
    return sorted({reader.role for table in tables for reader in table.readers})


def _table(product: Product, table: Table) -> LakeTable:
    guarded = guards(product, table)
    readers = (
        Reader(
            role.name,
            tuple(name for name, found in guarded.items() if not sees(role, found)),
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
        keys=table.primary_key,
        sorted_by=table.cluster_by or table.primary_key,
        readers=tuple(readers),
        query=query,
        inputs=tuple((one.layer, one.table) for one in table.inputs),
    )


def _field(column: Column, found: tuple[Guard, ...]) -> Field:
    levels = " ".join(sorted({guard.level.lower() for guard in found}))
    said = (column.classification or UNSAID).strip().lower()
    return Field(column.name, column.type, levels or said, column.description or "")
