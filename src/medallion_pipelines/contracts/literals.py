"""Values written in a contract as SQL literals of a column's type."""

from __future__ import annotations

from datetime import date, datetime

from medallion_pipelines import sql


def literal(value: object, type_: str) -> str | None:
    """`value` as a literal that a column of `type_` can be compared with; None where it is none."""
    if type_ == "STRING":
        return sql.string(value) if isinstance(value, str) else None
    if type_ == "BOOLEAN":
        return str(value).upper() if isinstance(value, bool) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sql.number(value) if _holds_number(type_, value) else None
    if isinstance(value, str):
        return moment(value, type_)
    return None


def moment(text: str, type_: str) -> str | None:
    """An ISO date or timestamp as a literal; without a zone it is UTC, as ODCS has it."""
    try:
        if type_ == "DATE":
            return f"DATE'{date.fromisoformat(text).isoformat()}'"
        if type_ not in ("TIMESTAMP", "TIMESTAMP_NTZ"):
            return None
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if type_ == "TIMESTAMP_NTZ":
        return f"TIMESTAMP_NTZ'{found.isoformat(' ')}'" if found.tzinfo is None else None
    return f"TIMESTAMP'{found.isoformat(' ')}{'' if found.tzinfo else '+00:00'}'"


def _holds_number(type_: str, value: int | float) -> bool:
    if type_ in ("TINYINT", "SMALLINT", "INT", "BIGINT"):
        return value == int(value)
    return type_ in ("FLOAT", "DOUBLE") or type_.startswith("DECIMAL")
