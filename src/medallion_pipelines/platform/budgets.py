"""Budgets: a sum of dollars a month, and who is told when it is passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from medallion_pipelines.platform.kinds import Body, Kind, call, listed, picked, respelt
from medallion_pipelines.platform.plan import Found, Key, Resource

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

WORKSPACES = "filter.workspace_id.values"
_ALERT = {
    "quantity_type": "LIST_PRICE_DOLLARS_USD",
    "time_period": "MONTH",
    "trigger_type": "CUMULATIVE_SPENDING_EXCEEDED",
}


def alert(threshold: object, to: str) -> str:
    """How a resource says that somebody is told: `1000 USD: team@example.com`."""
    return f"{Decimal(str(threshold)).normalize():f} USD: {to}"


def _find(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
    for found in _listed(clients, place, wanted):
        assert isinstance(found, Found)
        told = tuple(
            alert(each.get("quantity_threshold"), action.get("target"))
            for each in _alerts(found)
            for action in each.get("action_configurations", ())
        )
        tags = {
            each["key"]: ", ".join(each["value"]["values"]) for each in picked(found.raw, "filter.tags") or ()
        }
        yield respelt(respelt(found, "alerts", told), "tags", tags or None)


def _create(clients: Clients, key: Key, values: Mapping[str, Any]) -> str:
    made = call(clients.account.budgets.create, budget=_budget(key.name, values, ()))
    return str(made.budget.budget_configuration_id)


def _update(clients: Clients, found: Found, values: Mapping[str, Any]) -> None:
    """An update replaces the budget: what stays is sent again, alerts under the ids they have."""
    stays = {path: clients.resolved(value) for path, value in found.values.items()}
    body = _budget(found.key.name, {**stays, **values}, _alerts(found))
    call(clients.account.budgets.update, found.id, budget={**body, "budget_configuration_id": found.id})


def _budget(name: str, values: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> Body:
    filters: Body = {}
    if values.get(WORKSPACES):
        filters["workspace_id"] = {"operator": "IN", "values": [int(each) for each in values[WORKSPACES]]}
    if values.get("tags"):
        filters["tags"] = [
            {"key": key, "value": {"operator": "IN", "values": [value]}}
            for key, value in sorted(values["tags"].items())
        ]
    alerts: dict[str, Body] = {}
    for each in sorted(values["alerts"]):
        threshold, to = each.split(" USD: ", 1)
        old = next(
            (one for one in known if alert(one.get("quantity_threshold"), "") == alert(threshold, "")), {}
        )
        actions = old.get("action_configurations", ())
        action = next((one for one in actions if one.get("target") == to), {"target": to})
        made = alerts.setdefault(
            threshold, {**_ALERT, "quantity_threshold": threshold, "action_configurations": []}
        )
        if "alert_configuration_id" in old:
            made["alert_configuration_id"] = old["alert_configuration_id"]
        made["action_configurations"].append({**action, "action_type": "EMAIL_NOTIFICATION"})
    body: Body = {"display_name": name, "alert_configurations": list(alerts.values())}
    return {**body, "filter": filters} if filters else body


def _alerts(found: Found) -> Sequence[Mapping[str, Any]]:
    alerts = found.raw.get("alert_configurations")
    return alerts if isinstance(alerts, list) else ()


def _delete(clients: Clients, found: Found) -> None:
    clients.account.budgets.delete(found.id)


_listed = listed(lambda clients, _: clients.account.budgets.list(), "display_name", "budget_configuration_id")

BUDGET = Kind("budget", "account", _find, _create, _update, _delete)
