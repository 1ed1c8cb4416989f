"""Rules and checks of a contract beside what the run log says of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from medallion_pipelines.report.model import CheckResult, RuleCount, Verdict

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Check, Table
    from medallion_pipelines.report.history import History
    from medallion_pipelines.report.model import Step

# what a record can be quarantined for besides the contract's own rules
BUILT_IN = {
    "malformed": "the record cannot be parsed",
    "type": "a value is not of its column's type",
    "required": "a value that must be there is missing",
    "unique": "a value belongs to another row already",
    "foreign_key": "a value points to a row that is not there",
}


def rules_of(table: Table, history: History) -> tuple[RuleCount, ...]:
    """The contract's rules and the built-in ones that were broken; the most broken first."""
    if table.layer == "gold":  # a refresh looks at rows again that earlier ones had counted
        refreshed = history.refreshed.get(table.key)
        broken = {rule: (n, n) for rule, n in refreshed.violations.items()} if refreshed else {}
    else:
        broken = {rule: counts for (key, rule), counts in history.broken.items() if key == table.key}
    rules = {
        rule.name: RuleCount(rule.name, rule.message, rule.severity, rule.column, *broken.get(rule.name, ()))
        for rule in table.rules
    }
    for key in table.foreign_keys:
        if key.checked and key.severity == "warning":
            name = f"foreign_key_{'_'.join(key.columns)}"
            message = f"is not in {table.layer}.{key.to_table}"
            counts = broken.get(name, ())
            rules[name] = RuleCount(name, message, "warning", ", ".join(key.columns), *counts)
    for name, counts in broken.items():
        if name not in rules:
            message = BUILT_IN.get(name, "the contract no longer has this rule")
            rules[name] = RuleCount(name, message, "error", None, *counts)
    return tuple(sorted(rules.values(), key=lambda rule: -rule.records))


def checks_of(table: Table, worked: Step | None, *, silent: bool = False) -> tuple[CheckResult, ...]:
    """The contract's checks, and what they said when the table was last worked on.

    `silent` leaves out the value that was found: the greatest salary, say, is one.
    """
    limit = (table.quarantine_limit,) if table.quarantine_limit else ()
    results = (_check(check, worked) for check in (*table.checks, *limit))
    return tuple(replace(one, said=None) if silent else one for one in results)


def _check(check: Check, worked: Step | None) -> CheckResult:
    """The log has the checks that failed, as `name: message (found value)`."""
    if worked is None:
        return CheckResult(check.name, check.message, check.severity, "never")
    text = "\n".join((worked.error or "", *worked.notes))
    found = re.search(rf"(?:^|[\s;]){re.escape(f'{check.name}: {check.message} ')}\((found [^)]*)\)", text)
    if found:
        return CheckResult(check.name, check.message, check.severity, "failed", found[1])
    verdict: Verdict = "passed" if worked.status == "succeeded" else "unknown"
    return CheckResult(check.name, check.message, check.severity, verdict)
