"""The ODCS comparison operators of a quality item."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines import sql

if TYPE_CHECKING:
    from .document import Node

OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
    "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip

_SAID = {
    "mustBe": "must be {}", "mustNotBe": "must not be {}",
    "mustBeGreaterThan": "must be more than {}", "mustBeGreaterOrEqualTo": "must be at least {}",
    "mustBeLessThan": "must be less than {}", "mustBeLessOrEqualTo": "must be at most {}",
    "mustBeBetween": "must be between {} and {}", "mustNotBeBetween": "must not be between {} and {}",
}  # fmt: skip
_SQL = {
    "mustBe": "{{value}} = {}", "mustNotBe": "{{value}} <> {}",
    "mustBeGreaterThan": "{{value}} > {}", "mustBeGreaterOrEqualTo": "{{value}} >= {}",
    "mustBeLessThan": "{{value}} < {}", "mustBeLessOrEqualTo": "{{value}} <= {}",
    "mustBeBetween": "{{value}} BETWEEN {} AND {}", "mustNotBeBetween": "{{value}} NOT BETWEEN {} AND {}",
}  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """What a number must be: one operator with its one or two limits."""

    operator: str
    limits: tuple[int | float, ...]

    @property
    def condition(self) -> str:
        """SQL over `{value}`."""
        return _SQL[self.operator].format(*map(sql.number, self.limits))

    @property
    def said(self) -> str:
        return _SAID[self.operator].format(*map(sql.number, self.limits))

    def allows(self, number: float) -> bool:
        first, last = self.limits[0], self.limits[-1]
        return {
            "mustBe": number == first,
            "mustNotBe": number != first,
            "mustBeGreaterThan": number > first,
            "mustBeGreaterOrEqualTo": number >= first,
            "mustBeLessThan": number < first,
            "mustBeLessOrEqualTo": number <= first,
            "mustBeBetween": first <= number <= last,
            "mustNotBeBetween": not first <= number <= last,
        }[self.operator]

    def allows_only_zero(self, unit: str) -> bool:
        """Whether no count (of rows, or as a percentage) but zero will do."""
        if unit == "rows":
            return self.allows(0) and not self._allows_any_count_from(1)
        upward = self.operator in ("mustBe", "mustBeLessOrEqualTo", "mustBeBetween")
        return upward and self.allows(0) and self.limits[-1] == 0

    def is_satisfiable(self, unit: str) -> bool:
        """Whether any count can meet it."""
        if unit == "percent":
            first, last = self.limits[0], self.limits[-1]
            candidates = (0, first, last, (first + last) / 2, first + 1e-9, first - 1e-9, 100)
            return any(0 <= candidate <= 100 and self.allows(candidate) for candidate in candidates)
        return self._allows_any_count_from(0)

    def _allows_any_count_from(self, lowest: int) -> bool:
        around = (math.floor(limit) + step for limit in self.limits for step in (-1, 0, 1, 2))
        return any(self.allows(count) for count in (lowest, *around) if count >= lowest)


def read_bound(node: Node) -> Bound | None:
    """The one operator of a quality item; None after a problem (or where the schema check found one)."""
    given = [name for name in OPERATORS if name in node.keys]
    if len(given) != 1:
        return None
    operator = given[0]
    place = node.at(operator)
    limits = place.value if isinstance(place.value, list) else [place.value]
    if len(limits) != (2 if operator.endswith("Between") else 1):
        return None
    if not all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits):
        place.problem("must be a number", "For a yes or no, let the query count and compare with 0.")
        return None
    if len(limits) == 2 and limits[0] > limits[1]:
        place.problem("the smaller number comes first", f"Write [{limits[1]}, {limits[0]}].")
        return None
    return Bound(operator, tuple(limits))
