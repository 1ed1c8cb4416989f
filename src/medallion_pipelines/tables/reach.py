"""What keys span, as conditions with literals.

Delta holds such a condition against the least and greatest value of every file and skips the files that
cannot hold a match; a join alone reads them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.sql import quoted, string

# An OR of more values than these costs Delta more than it skips; an IN it takes for a range.
FEW = 10
_YEAR = re.compile(r"\d{4}-")  # a moment knows no longer ones
_ORDERED = re.compile(r"TINYINT|SMALLINT|INT|BIGINT|DECIMAL.*|DATE|TIMESTAMP|TIMESTAMP_NTZ|STRING")


def is_ordered(kind: str) -> bool:
    """Whether files can be skipped by the least and greatest value of a column of a type."""
    return _ORDERED.fullmatch(kind) is not None


@dataclass(frozen=True)
class Span:
    """The values of one key column: all of them if they are few, else the least and the greatest."""

    of: str  # the key's type
    values: tuple[str, ...]  # as text
    every: bool

    def holds(self, operand: str, kind: str) -> str | None:
        """A condition on an operand of a type, true for every operand whose cast to the key's type is in
        the span (and for some that are not); None where there is none that Delta could use."""
        literals = [f"CAST({string(value)} AS {self.of})" for value in self.values]
        if kind == self.of:
            if self.every:
                return "(" + " OR ".join(f"{operand} = {literal}" for literal in literals) + ")"
            return f"({operand} >= {literals[0]} AND {operand} <= {literals[-1]})"
        moments = (("TIMESTAMP", "DATE"), ("TIMESTAMP_NTZ", "DATE"))
        if (kind, self.of) in moments and all(_YEAR.match(value) for value in self.values):
            days = [f"CAST({literal} AS {kind})" for literal in (literals[0], f"date_add({literals[-1]}, 1)")]
            return f"({operand} >= {days[0]} AND {operand} < {days[1]})"
        return None


def reach(keys: DataFrame, types: Mapping[str, str]) -> dict[str, Span] | None:
    """The spans of key columns (name to type) that have an order; None where there is no key at all.

    `keys` is read once, twice where a column has more than one value but few.
    """
    names = [name for name in types if is_ordered(types[name])]
    bounds = keys.agg(
        F.count(F.lit(1)).alias("keys"),
        *(
            F.expr(text)
            for place, name in enumerate(names)
            for text in (
                f"CAST(min({quoted(name)}) AS STRING) AS least_{place}",
                f"CAST(max({quoted(name)}) AS STRING) AS greatest_{place}",
                f"approx_count_distinct({quoted(name)}) AS values_{place}",
            )
        ),
    ).first()
    assert bounds is not None
    if not bounds["keys"]:
        return None
    spans, few = dict[str, Span](), list[str]()
    for place, name in enumerate(names):
        ends = (bounds[f"least_{place}"], bounds[f"greatest_{place}"])
        if None in ends:
            continue
        one = ends[0] == ends[1]
        spans[name] = Span(types[name], ends[:1] if one else ends, every=one)
        if not one and bounds[f"values_{place}"] <= FEW:
            few.append(name)
    if few:
        sets = keys.agg(*(F.expr(f"array_sort(collect_set({quoted(name)}))").alias(name) for name in few))
        values = sets.select(*(F.col(quoted(name)).cast("array<string>").alias(name) for name in few)).first()
        assert values is not None
        spans |= {name: Span(types[name], tuple(values[name]), every=True) for name in few}
    return spans
