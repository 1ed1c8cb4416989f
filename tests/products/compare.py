"""Compares what Spark made with what pandas made, value by value."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence


def assert_same_rows(actual: pd.DataFrame, expected: pd.DataFrame, key: Sequence[str]) -> None:
    """The same columns in the same order and the same rows in any order; numbers equal but for rounding.

    `key` tells rows apart. Integers may be floats (pandas has no missing integer), dates timestamps.
    """
    assert list(actual.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(
        _canonical(actual, key), _canonical(expected, key), check_exact=False, rtol=1e-12, atol=0
    )


def _canonical(table: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    result = pd.DataFrame({name: _plain(table[name]) for name in table.columns})
    return result.sort_values(list(key), ignore_index=True)


def _plain(column: pd.Series) -> pd.Series:
    present = column.dropna()
    if present.empty:
        return pd.Series([None] * len(column), dtype=object)
    first = present.iloc[0]
    if isinstance(first, Decimal):
        return column.map(str, na_action="ignore").reset_index(drop=True)
    if isinstance(first, str):
        return column.astype(object).where(column.notna(), None).reset_index(drop=True)
    if isinstance(first, int | float) or pd.api.types.is_numeric_dtype(column):
        return column.astype("float64").reset_index(drop=True)
    return pd.to_datetime(column).astype("datetime64[us]").reset_index(drop=True)
