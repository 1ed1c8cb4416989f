"""What of a product the APIs show: derived from contracts, and from what governance makes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medallion_pipelines.api_function.kinds import kind
from medallion_pipelines.api_function.tables import Column, Table
from medallion_pipelines.contracts.guarded import guards
from medallion_pipelines.errors import GovernanceError, UnknownNameError
from medallion_pipelines.governance.check import check
from medallion_pipelines.governance.conditions import common_condition
from medallion_pipelines.governance.functions import MASKED, groups, sees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medallion_pipelines.contracts.guarded import Guard
    from medallion_pipelines.contracts.model import Column as ContractColumn
    from medallion_pipelines.contracts.model import Product, Role
    from medallion_pipelines.contracts.model import Table as Contract

# What GraphQL takes for a name, but for those that begin with two underscores: these are its own.
_NAME = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")
_GROUP = re.compile(r"[\w.+=@:/-]+")  # others would make two groups of one in API Gateway's claims
_PARAMETERS = ("after", "limit")  # of a page; a column of this name could not be filtered by
# Types of the schema that are no table's; `_page` and `_where` end the names of those that belong to one.
TYPES = {
    "Query", "Mutation", "Subscription", "Published", "String", "Int", "Float", "Boolean", "ID",
    "AWSDate", "AWSDateTime", "String_comparison", "Int_comparison", "Boolean_comparison",
    "AWSDate_comparison", "AWSDateTime_comparison",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A table of the APIs, and the contract that it is of."""

    contract: Contract
    table: Table

    def describes(self, name: str) -> ContractColumn:
        """The column of the contract."""
        return self.contract.column(name)


@dataclass(frozen=True)
class Published:
    """All that is shown, and what is left out: tables, columns and roles, with the reason."""

    product: str
    tables: tuple[Shown, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def published(product: Product) -> Published:
    """The gold tables of a product as the APIs show them.

    Raises GovernanceError where its contracts would show somebody what they should not; UnknownNameError
    where there is nothing to show.
    """
    errors = [problem for problem in check(product) if problem.severity == "error"]
    if errors:
        raise GovernanceError(
            f"The contracts of {product.name} are not shown: {errors[0]}"
            f"{f' And {len(errors) - 1} more' if len(errors) > 1 else ''} (medallion governance check)."
        )
    left_out: dict[str, str] = {}
    tables: list[Shown] = []
    taken = set(TYPES)
    for key in sorted(product.tables):
        contract = product.tables[key]
        if contract.layer != "gold":
            continue
        types = {contract.name, f"{contract.name}_page", f"{contract.name}_where"}
        why = _why_not(contract) or ("its name is one of the schema's own" if types & taken else None)
        if why is None:
            table = _table(product, contract, left_out)
            if table.roles:
                taken |= types
                tables.append(Shown(contract, table))
                continue
            why = "no role may read it and sees its key"
        left_out[key] = why
    if not tables:
        raise UnknownNameError(f"No gold table of {product.name} can be shown: {left_out or 'it has none'}.")
    return Published(product.name, tuple(tables), left_out)


def _why_not(contract: Contract) -> str | None:
    if contract.kind == "view":
        return "Athena does not read views of Spark or Databricks"
    for name in contract.primary_key:
        found = kind(contract.column(name).type)
        if found is None or found.read is None or not _NAME.fullmatch(name):
            return f"its key column {name} ({contract.column(name).type}) cannot be filtered by"
        if name in _PARAMETERS:
            return f"its key column {name} has the name of a parameter"
    return None


def _table(product: Product, contract: Contract, left_out: dict[str, str]) -> Table:
    guarded = guards(product, contract)
    roles = dict(_roles(contract, guarded, left_out))
    columns = []
    for column in contract.columns:
        if kind(column.type) is None:
            left_out[f"{contract.key}.{column.name}"] = f"a {column.type} is not shown"
        elif not _NAME.fullmatch(column.name):
            left_out[f"{contract.key}.{column.name}"] = "GraphQL cannot spell its name"
        else:
            columns.append(_column(contract, column, guarded.get(column.name), roles))
    return Table(contract.name, tuple(columns), contract.primary_key, roles)


def _roles(
    contract: Contract, guarded: dict[str, tuple[Guard, ...]], left_out: dict[str, str]
) -> Iterator[tuple[str, str | None]]:
    """The roles that may read the table, with their rows."""
    for role in groups(contract):
        if role.access:
            try:
                yield role.name, _rows(role, contract, guarded)
            except GovernanceError as error:
                left_out[f"{contract.key} for {role.name}"] = str(error)


def _rows(role: Role, contract: Contract, guarded: dict[str, tuple[Guard, ...]]) -> str | None:
    """Raises GovernanceError where the role cannot be shown the table as governance has it."""
    if not _GROUP.fullmatch(role.name):
        raise GovernanceError("the name of the role cannot be told from others in a list of groups.")
    unseen = [name for name in contract.primary_key if not sees(role, guarded.get(name, ()))]
    if unseen:  # order and tokens tell of it
        raise GovernanceError(f"its key has {', '.join(unseen)}, which the role does not see.")
    types = {column.name: column.type for column in contract.columns}
    return common_condition(role.rows, types) if role.rows else None


def _column(
    contract: Contract, column: ContractColumn, found: tuple[Guard, ...] | None, roles: dict[str, str | None]
) -> Column:
    if found is None:
        return Column(column.name, column.type)
    cleared = frozenset(role.name for role in groups(contract) if role.name in roles and sees(role, found))
    return Column(column.name, column.type, cleared, MASKED if column.type == "STRING" else None)
