"""Expressions of many operands that are not deep: Spark Connect refuses 100 levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column


def balanced(join: Callable[[Column, Column], Column], operands: Sequence[Column]) -> Column:
    """The operands, one at least, joined by an associative operator as a balanced tree."""
    middle = len(operands) // 2
    if middle == 0:
        return operands[0]
    return join(balanced(join, operands[:middle]), balanced(join, operands[middle:]))
