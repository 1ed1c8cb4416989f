"""A report of a product in every kind of trouble, whose every text an enemy has chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from medallion_pipelines.report.model import (
    BarPlot,
    CheckResult,
    Counts,
    DriftItem,
    Feed,
    LinePlot,
    Measure,
    Reason,
    Report,
    RuleCount,
    Run,
    Sample,
    Step,
    TableReport,
)

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>"
    "\"'><svg/onload=alert(3)>{{ 7 * 7 }}{% raw %}&lt;javascript:alert(4)"
)
BENT = "user\u202egpj.exe\x00\x1b[31m"  # a bidi override, a NUL, a terminal's escape
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
HOUR = 3_600


def step(status: str = "succeeded", **more: object) -> Step:
    return Step(status, NOW - timedelta(hours=2), seconds=3.25, **more)  # type: ignore[arg-type]


def run(number: int, status: str = "succeeded", counts: Counts | None = None) -> Run:
    started = NOW - timedelta(hours=2 + 24 * number)
    return Run(
        f"{number:032x}",
        status,
        started,
        started + timedelta(seconds=75),
        "ann",
        "medallion_pipelines 0.1.0, Spark 4.2.0",
        counts or Counts(),
        {"succeeded": 3},
    )


def troubled() -> Report:
    """Failed, skipped, stale and hidden tables, and records that are attacks."""
    daily = tuple(
        (datetime(2025, 1, 1) + timedelta(days=n), (100.0 + n % 7, None if n == 5 else n / 90))
        for n in range(59)
    )
    return Report(
        f"shop {HOSTILE}",
        NOW,
        (
            TableReport(
                "bronze.customers",
                "bronze",
                feed=Feed("customers/*.csv", "csv", {"captured": 7}),
                step=step("unchanged"),
                rows=60,
            ),
            TableReport(
                "bronze.orders",
                "bronze",
                feed=Feed(
                    f"orders/{HOSTILE}*.json",
                    "json",
                    {"captured": 5, "unreadable": 1, "changed": 1},
                    (("unreadable", f"/landing/orders/{HOSTILE}.json"),),
                ),
                step=step(notes=(f"{HOSTILE} cannot be read; the next run tries again.",)),
                rows=1_240,
            ),
            TableReport(
                "silver.customers",
                "silver",
                description="Who orders.",
                made_of=("bronze.customers",),
                step=step("unchanged"),
                rows=50,
                in_quarantine=4,
                age_seconds=50 * HOUR,
                promised_seconds=24 * HOUR,
                fresh=False,
                total=Counts(60, 50, 4, 6),
                rules=(RuleCount("email_format", "must be a valid email", "error", "email", 4, 0),),
                checks=(
                    CheckResult("has_rows", "A table without rows is a failed load.", "error", "passed"),
                ),
                samples=(Sample((Reason("email_format", "must be a valid email", "email"),)),),
                hidden="email (classified restricted)",
            ),
            TableReport(
                "silver.orders",
                "silver",
                description=HOSTILE,
                made_of=("bronze.orders",),
                points_to=("silver.customers",),
                step=step("failed", error=f"Job aborted: {HOSTILE}"),
                rows=1_000,
                in_quarantine=40,
                age_seconds=2 * HOUR,
                promised_seconds=24 * HOUR,
                fresh=True,
                total=Counts(1_240, 1_000, 40, 200),
                last=Counts(240, 200, 40, 0),
                rules=(
                    RuleCount("type", "a value is not of its column's type", "error", None, 30, 2),
                    RuleCount("amount_is_usual", HOSTILE, "warning", "amount", 3, 3),
                    RuleCount("amount_minimum", "must be at least 0", "error", "amount"),
                ),
                checks=(
                    CheckResult(
                        "has_rows", "A table without rows is a failed load.", "error", "failed", "found 0"
                    ),
                    CheckResult("all_shops", "Every shop reports.", "warning", "failed", "found 2"),
                    CheckResult("later", HOSTILE, "error", "unknown"),
                ),
                samples=(
                    Sample(
                        (Reason("type", "is not of type BIGINT", "amount", HOSTILE),), HOSTILE, file=HOSTILE
                    ),
                    Sample(
                        (Reason("malformed", "is not one JSON object", None, BENT),), BENT + "x" * 300, BENT
                    ),
                ),
            ),
            TableReport(
                "gold.sales_daily",
                "gold",
                made_of=("silver.orders", "silver.customers"),
                step=step("skipped", error="not run, because silver.orders failed"),
                rows=59,
                age_seconds=26 * HOUR,
            ),
            TableReport("gold.customers_by_country_and_segment", "gold", made_of=("silver.customers",)),
            TableReport(
                "gold.board",
                "gold",
                "view",
                made_of=("gold.sales_daily", "gold.customers_by_country_and_segment", "silver.customers"),
                step=step("unchanged"),
            ),
        ),
        (run(0, "failed", Counts(240, 200, 40, 0)), run(1), run(2, counts=Counts(1_060, 850, 4, 206))),
        (
            DriftItem("silver.orders", "unknown_field", HOSTILE, 12, NOW, HOSTILE),
            DriftItem("silver.customers", "unknown_field", None, 3, NOW),
            DriftItem("silver.customers", "type", "age", 2, NOW),
        ),
        (
            LinePlot(
                "gold.sales_daily",
                "day",
                (Measure("orders", "sum", HOSTILE), Measure(HOSTILE, "mean")),
                daily,
                HOSTILE,
            ),
            BarPlot(
                "gold.customers_by_country_and_segment",
                "country",
                Measure("customers", "sum"),
                ((HOSTILE, 30.0), ("IT", 12.5), (None, 0.0), (BENT, -1.0)),
                14,
            ),
        ),
    )


def empty() -> Report:
    """A product that has not run yet: what the contracts say is all there is."""
    return Report(
        "shop",
        NOW,
        (
            TableReport("bronze.orders", "bronze", feed=Feed("orders/*", "json")),
            TableReport(
                "silver.orders",
                "silver",
                made_of=("bronze.orders",),
                promised_seconds=HOUR,
                fresh=False,
                rules=(RuleCount("amount_minimum", "must be at least 0", "error", "amount"),),
                checks=(CheckResult("has_rows", "There are rows.", "error", "never"),),
            ),
            TableReport("gold.sales", "gold", made_of=("silver.orders",)),
        ),
    )
