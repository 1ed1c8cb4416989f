"""Which rows a role sees, in the words of services that know less than SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.governance.conditions import common_condition, condition_tree
from medallion_platform.settings import SettingsError

if TYPE_CHECKING:
    from medallion_platform.analytics.contracts import LakeTable

_LONGEST = 2047
_MEANS_MORE = (",", '"')  # to QuickSight, which reads several values of a text


def row_filter(table: LakeTable, role: str, condition: str) -> str:
    """As Lake Formation, Athena and Redshift take it: columns against constants, AND, OR, NOT.

    Raises SettingsError for a condition that they cannot have: it must not come to show more rows.
    """
    try:
        said = common_condition(condition, {field.name: field.type for field in table.fields})
    except GovernanceError as error:
        raise SettingsError(f"{_rows(table, role, condition)} cannot be a filter: {error}") from None
    if len(said) > _LONGEST:
        raise SettingsError(
            f"{_rows(table, role, condition)} cannot be a filter: Lake Formation takes {_LONGEST} characters."
        )
    return said


def values(table: LakeTable, role: str, condition: str) -> dict[str, list[str]]:
    """As QuickSight takes it: the values that columns of texts may have, for each column that is named.

    Raises SettingsError for what is no such list.
    """
    row_filter(table, role, condition)
    found: dict[str, list[str]] = {}
    tree = condition_tree(condition).unnest()
    texts = {field.name for field in table.fields if field.type == "STRING"}
    for part in tree.flatten() if isinstance(tree, exp.And) else [tree]:
        one = part.unnest()
        constants = one.expressions if isinstance(one, exp.In) else [one.args.get("expression")]
        name = one.this.name.lower() if isinstance(one, (exp.EQ, exp.In)) else ""
        if name not in texts or name in found or not all(map(_says_itself, constants)):
            raise SettingsError(
                f"{_rows(table, role, condition)} cannot be a rule of QuickSight. Write `column = 'value'` "
                "or `column IN (...)` of columns of texts, combined with AND; no value is empty, or has a "
                "comma, quotation marks or spaces around it."
            )
        found[name] = [each.this for each in constants]
    return found


def _says_itself(constant: exp.Expr) -> bool:
    """An empty value is every value to QuickSight."""
    text = str(constant.this)
    return text == text.strip() != "" and not any(each in text for each in _MEANS_MORE)


def _rows(table: LakeTable, role: str, condition: str) -> str:
    return f"{table.layer}.{table.name}: the rows of the role {role} ({condition})"
