"""What can be watched, as alarms and dashboards both need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Missing = Literal["breaching", "ignore", "missing", "notBreaching"]


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, with all of its dimensions: without one of them it is another metric."""

    namespace: str
    name: str
    of: Mapping[str, str]
    statistic: str


@dataclass(frozen=True)
class Watch:
    """When people are called, and what for.

    What is compared is the one metric, or an expression of several (`m1`, `m2`, ...), or a query of Metrics
    Insights, which finds the metrics by itself. `missing` is what no data means, and `because` why.
    """

    concern: str
    name: str
    meaning: str
    threshold: float
    missing: Missing
    because: str
    metrics: tuple[Metric, ...] = ()
    expression: str = ""
    below: bool = False
    seconds: int = 300
    periods: int = 1
    of_periods: int = 0  # at least `periods` of so many; of as many, where it is not said

    @property
    def last(self) -> int:
        return self.of_periods or self.periods

    def queries(self) -> list[dict[str, Any]]:
        """Metrics and expression, as CloudWatch's API spells them; what is compared comes last."""
        made: list[dict[str, Any]] = [
            {
                "id": f"m{number}",
                "metricStat": {
                    "metric": {
                        "namespace": metric.namespace,
                        "metricName": metric.name,
                        "dimensions": [{"name": name, "value": value} for name, value in metric.of.items()],
                    },
                    "period": self.seconds,
                    "stat": metric.statistic,
                },
                "returnData": False,
            }
            for number, metric in enumerate(self.metrics, 1)
        ]
        compared: dict[str, Any] = {"id": "watched", "expression": self.expression, "label": self.name}
        if not self.metrics:
            compared["period"] = self.seconds
        return [*made, {**compared, "returnData": True}]
