"""Spark SQL text from names and values that anybody may have written."""

from __future__ import annotations

from decimal import Decimal

MOST_DIGITS = 38


def quoted(name: str) -> str:
    """`name` as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def string(value: str) -> str:
    """`value` as a string literal.

    `${` is broken up because Spark substitutes variables in the whole text before it parses it.
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\u0024{")
    plain = "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in escaped)
    return f"'{plain}'"


def number(value: int | float) -> str:
    """`value` as an exact literal; as a DOUBLE where it has more digits than a DECIMAL holds."""
    text = format(Decimal(repr(value)), "f").removesuffix(".0")
    return text if sum(map(str.isdigit, text)) <= MOST_DIGITS else f"{float(value)!r}D"


def rlike(operand: str, pattern: str) -> str:
    """Whether `operand` contains a match of the Java regular expression."""
    return f"{operand} RLIKE {string(pattern)}"
