"""The report of a small product that really ran."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.report.reading import Page
from tests.support import column, gold, land_json, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.report.collect import collect
from medallion_pipelines.report.model import BarPlot, Counts, Feed, LinePlot, Measure, Reason
from medallion_pipelines.report.page import render
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog

ENEMY = "</script><script>alert(1)</script>"
ORDERS = silver(
    "orders",
    [
        column("id", "integer"),
        column("day", "date"),
        column("shop", required=True),
        column("amount", "number", logicalTypeOptions={"minimum": 0}),
    ],
    key=["id"],
    quality=[
        {
            "name": "amount_is_usual",
            "type": "custom",
            "engine": "medallion",
            "severity": "warning",
            "implementation": "amount < 1000",
        },
        {"name": "has_rows", "type": "library", "metric": "rowCount", "mustBeGreaterThan": 0},
    ],
    custom={"quarantineLimit": {"mustBeLessThan": 90, "unit": "percent"}},
)
PEOPLE = silver(
    "people",
    [column("id", "integer"), column("email", classification="restricted")],
    key=["id"],
)
DAILY = gold(
    "daily",
    [column("day", "date"), column("orders", "integer", required=True), column("mean_amount", "number")],
    [{"table": "silver.orders", "grain": {"day": "day"}}],
    key=["day"],
)
SHOPS = gold(
    "by_shop",
    [column("shop-name"), column("orders", "integer", required=True)],
    [{"table": "silver.orders", "grain": {"shop-name": "shop"}}],
    key=["shop-name"],
)
SQL = {
    "daily": "SELECT day, count(*) AS orders, avg(amount) AS mean_amount FROM {orders} GROUP BY day",
    "by_shop": "SELECT shop AS `shop-name`, count(*) AS orders FROM {orders} GROUP BY shop",
}


def order(number, day=1, shop="Rome", amount=5.0, **more):
    return {"id": number, "day": f"2025-01-{day:02}", "shop": shop, "amount": amount, **more}


def note_rebuild(lakehouse, product):
    """What `rebuild` of silver.people writes to the run log, without the work."""
    log = RunLog(lakehouse.tables, product.name)
    again = StepResult(
        "silver.people",
        "succeeded",
        rows_in=2,
        rows_valid=1,
        rows_quarantined=1,
        rows_deleted=1,
        source_versions={"bronze.people": 1},
        notes=("silver.people: 1 records hold a id of another type, such as 'me@home'.",),
    )
    log.append("drift", [(log.run_id, "silver.people", "type", "id", 1, "me@home", datetime.now(UTC))])
    log.steps([again], violations={"type": 1})
    log.finish(True)


@pytest.mark.engine
@pytest.mark.slow
def test_the_report_tells_what_the_runs_did(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = load_product(write_product(tmp_path / "shop", ORDERS, PEOPLE, DAILY, SHOPS, **SQL))
    assert "Nothing has run yet" in Page(lakehouse.report(product)).seen

    bad = [order(7, amount=-1), order(8, amount=-1), order("x", shop=ENEMY), order(9, shop=None), ENEMY]
    good = [order(1), order(1), order(2, amount=2_000), order(3, day=2, gate="B"), order(4, shop="Oslo")]
    land_json(lakehouse, "orders/1.json", [*good, *bad])
    land_json(lakehouse, "people/1.json", [{"id": 1, "email": "a@b"}, {"id": "me@home", "nick": "me@home"}])
    lakehouse.run(product)
    note_rebuild(lakehouse, product)
    report = collect(lakehouse.tables, product)
    table = {one.key: one for one in report.tables}

    assert [run.counts.rows_in for run in report.runs] == [2, 12]
    assert [dict(run.steps) for run in report.runs] == [{"succeeded": 1}, {"succeeded": 6}]
    assert table["bronze.orders"].feed == Feed("orders/*", "json", {"captured": 1})
    assert table["bronze.orders"].rows == 10

    orders = table["silver.orders"]
    assert (orders.total, orders.last) == (Counts(10, 4, 5, 1), None)
    assert (orders.rows, orders.in_quarantine, orders.hidden) == (4, 5, None)
    assert {rule.name: rule.records for rule in orders.rules} == {
        "amount_minimum": 2, "amount_is_usual": 1, "type": 1, "required": 1, "malformed": 1,
    }  # fmt: skip
    assert [(check.name, check.verdict) for check in orders.checks] == [
        ("has_rows", "passed"), ("quarantine_limit", "passed"),
    ]  # fmt: skip
    assert orders.samples[0].reasons[0].rule == "amount_minimum"
    malformed = next(one for one in orders.samples if one.reasons[0].rule == "malformed")
    assert (malformed.record, malformed.file) == (ENEMY, "orders/1.json")

    # the rebuild counted both records again; the report tells of them once, and of none of them too much
    people = table["silver.people"]
    assert people.total == people.last == Counts(2, 1, 1, 0)
    assert people.hidden == "email (classified restricted)"
    assert people.step is not None and people.step.notes == ()
    (sample,) = people.samples
    assert (sample.record, sample.file) == (None, None)
    assert Reason("type", "is not of type BIGINT", "id", None) in sample.reasons
    drift = {(one.table, one.kind): (one.field, one.records) for one in report.drift}
    assert drift == {("silver.orders", "unknown_field"): ("gate", 1), ("silver.orders", "type"): ("id", 1),
                     ("silver.people", "type"): ("id", 1)}  # fmt: skip

    shops, daily = report.plots
    assert isinstance(daily, LinePlot) and isinstance(shops, BarPlot)
    assert [(m.name, m.how) for m in daily.measures] == [("orders", "sum"), ("mean_amount", "mean")]
    assert (daily.unit, [(moment.day, values) for moment, values in daily.points]) == (
        "day", [(1, (3.0, 670.0)), (2, (1.0, 5.0))],
    )  # fmt: skip
    assert (shops.by, shops.measure, shops.bars) == (
        "shop-name", Measure("orders", "sum"), (("Rome", 3.0), ("Oslo", 1.0)),
    )  # fmt: skip

    text = render(report)
    assert len(Page(text).all("script")) == 1 and ENEMY in Page(text).seen
    assert "me@home" not in text and "a@b" not in text
