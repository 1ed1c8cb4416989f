"""Rules and checks of a contract, and what the run log says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_pipelines.contracts.model import Check, ForeignKey, Rule, Table
from medallion_pipelines.report.history import History
from medallion_pipelines.report.judged import checks_of, rules_of
from medallion_pipelines.report.model import Step

CHECK = Check("has_rows", "{value} > 0", "there must be rows (any)", metric="count(*)")
OTHER = Check("rows", "{value} > 0", "there must be rows", metric="count(*)", severity="warning")
RULES = (Rule("a_minimum", "`a` >= 0", "must be at least 0", "a"), Rule("odd", "`a` % 2 = 1", "is odd"))


def table(layer="silver", **more):
    return Table("orders", layer, Path("orders.odcs.yaml"), (), **more)


def worked(status, **more):
    return Step(status, datetime(2025, 1, 1, tzinfo=UTC), **more)


@pytest.mark.parametrize(
    ("step", "verdicts"),
    [
        (None, [("never", None), ("never", None)]),
        (worked("succeeded"), [("passed", None), ("passed", None)]),
        (
            worked(
                "failed",
                error="silver.orders was not written: has_rows: there must be rows (any) (found 0). No",
            ),
            [("failed", "found 0"), ("unknown", None)],
        ),
        (
            worked("succeeded", notes=("silver.orders: rows: there must be rows (found no value)",)),
            [("passed", None), ("failed", "found no value")],
        ),
        (worked("failed", error="OutOfMemoryError"), [("unknown", None), ("unknown", None)]),
    ],
)
def test_a_check_failed_where_the_log_names_it(step, verdicts):
    found = checks_of(table(checks=(CHECK, OTHER)), step)
    assert [(one.verdict, one.said) for one in found] == verdicts


def test_what_a_check_found_in_a_hidden_table_is_not_told():
    step = worked("failed", error="not written: has_rows: there must be rows (any) (found 0)")
    (found,) = checks_of(table(checks=(CHECK,)), step, silent=True)
    assert (found.verdict, found.said) == ("failed", None)


def test_the_limit_of_the_quarantine_is_a_check():
    limit = Check("quarantine_limit", "{value} < 5", "few are quarantined")
    assert [one.name for one in checks_of(table(quarantine_limit=limit), None)] == ["quarantine_limit"]


def test_rules_of_silver_count_over_all_runs_the_most_broken_first():
    key = ForeignKey(("shop", "till"), "tills", ("shop", "till"), checked=True, severity="warning")
    history = History(
        broken={
            ("silver.orders", "odd"): (7, 2),
            ("silver.orders", "type"): (9, 0),
            ("silver.orders", "gone"): (1, 1),
            ("silver.orders", "foreign_key_shop_till"): (3, 0),
            ("silver.others", "odd"): (100, 100),
        }
    )
    found = rules_of(table(rules=RULES, foreign_keys=(key,)), history)
    assert [(rule.name, rule.records, rule.in_last_run) for rule in found] == [
        ("type", 9, 0), ("odd", 7, 2), ("foreign_key_shop_till", 3, 0), ("gone", 1, 1), ("a_minimum", 0, 0),
    ]  # fmt: skip
    assert [rule.message for rule in found][0::3] == [
        "a value is not of its column's type",
        "the contract no longer has this rule",
    ]


def test_rules_of_gold_count_in_the_last_refresh():
    refreshed = worked("succeeded", violations={"odd": 4})
    history = History(broken={("gold.orders", "odd"): (40, 4)}, refreshed={"gold.orders": refreshed})
    assert [(rule.name, rule.records) for rule in rules_of(table("gold", rules=RULES), history)] == [
        ("odd", 4), ("a_minimum", 0),
    ]  # fmt: skip
