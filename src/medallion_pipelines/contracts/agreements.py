"""What a contract promises about the table as a whole: service levels, servers, owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .custom import CustomProperties
from .model import Column, Freshness, Server
from .names import nearest, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Node

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAYS = {"d": 1, "w": 7, "mo": 30, "y": 365}
_UNIT_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "week", "weeks"),
    "mo": ("mo", "month", "months"),
    "y": ("y", "yr", "yrs", "year", "years"),
}
_UNITS = {word: unit for unit, words in _UNIT_WORDS.items() for word in words}
FRESHNESS = ("freshness", "fr", "latency", "ly")
RETENTION = ("retention", "re")
_DESCRIPTIVE = (
    "availability", "av", "throughput", "th", "errorrate", "er", "generalavailability", "ga",
    "endofsupport", "es", "endoflife", "el",
    "frequency", "fy", "timeofavailability", "timetodetect", "td", "timetonotify", "tn",
    "timetorepair", "tr",
)  # fmt: skip


def read_service_levels(
    root: Node, table: str, columns: Mapping[str, Column]
) -> tuple[Freshness | None, int | None]:
    """The promised freshness and the retention in days."""
    freshness: Freshness | None = None
    retention: int | None = None
    if root.get("slaDefaultElement"):
        root.at("slaDefaultElement").problem(
            "is deprecated in ODCS v3.1", "Give the SLA property an `element`."
        )
    for node in root.items("slaProperties"):
        name = (node.text("property") or "").casefold()
        if name in FRESHNESS + RETENTION and node.get("valueExt"):
            node.at("valueExt").problem("is not supported", "Give one `value` with a `unit`.")
        if name in FRESHNESS:
            if freshness is not None:
                node.problem("there is a freshness already", "Freshness and latency are the same; keep one.")
            freshness = _freshness(node, table, columns)
        elif name in RETENTION:
            if retention is not None:
                node.problem("there is a retention already", "Keep one.")
            retention = _retention(node, table)
        elif name and name not in _DESCRIPTIVE:
            near = nearest(name, (*FRESHNESS, *RETENTION), cutoff=0.75)
            if near is not None:
                node.at("property").problem(
                    f"`{node.text('property')}` is no SLA property", f"Did you mean `{near}`?"
                )
    return freshness, retention


def read_servers(root: Node) -> tuple[Server, ...]:
    """Where the table resides, by environment."""
    servers: dict[str, Server] = {}
    for node in root.items("servers"):
        environment = node.text("environment") or node.text("server")
        type_ = node.text("type")
        if node.get("roles"):
            node.at("roles").problem(
                "roles of a server are not supported", "Put them into the contract's `roles`."
            )
        for key in ("catalog", "schema"):
            if "${" in (node.text(key) or ""):
                node.at(key).problem("variables are not supported", "Name it, one server per environment.")
        if type_ not in ("databricks", "local"):
            if type_ is not None:
                node.at("type").problem(
                    f"a table cannot reside on `{type_}`",
                    "Write `databricks` or `local`; a feed belongs into the custom property `source`.",
                )
        elif environment in servers:
            node.problem(f"there is a server for `{environment}` already", "Give each its own `environment`.")
        elif environment is not None:
            is_databricks = type_ == "databricks"
            servers[environment] = Server(
                environment,
                node.text("catalog") if is_databricks else None,
                node.text("schema") if is_databricks else None,
            )
    return tuple(servers.values())


def read_owner(root: Node) -> str | None:
    """The custom property `owner`, else the team's member in the role of owner, else the team's name."""
    custom = CustomProperties(root, "contract")
    custom.check()
    given = custom.take("owner")
    if given is not None:
        if isinstance(given.value, str) and given.value.strip():
            return given.value
        given.problem("must name the owner")
    team = root.at("team")
    members = list(team.entries()) or list(team.items("members"))
    for member in members:
        if (member.text("role") or "").casefold() == "owner" and member.get("dateOut") is None:
            return member.text("username") or member.text("name")
    return team.text("name")


def _freshness(node: Node, table: str, columns: Mapping[str, Column]) -> Freshness | None:
    seconds = _duration(node, _SECONDS, "Write s, m, h, d or w.")
    column = _element(node, table)
    if column is not None and column not in columns:
        node.at("element").problem(f"there is no property `{column}`", suggestion(column, columns))
        return None
    if column is not None and columns[column].type not in ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ", ""):
        node.at("element").problem(
            "is neither a date nor a timestamp", "Name the column that says how new a row is."
        )
        return None
    if seconds is None:
        return None
    return Freshness(seconds, columns[column].name if column is not None else None)


def _retention(node: Node, table: str) -> int | None:
    column = _element(node, table)
    if column is not None:
        node.at("element").problem(
            "retention counts from when a row was written, not by a column",
            f"Write `element: {table}` or drop it.",
        )
    return _duration(node, _DAYS, "Write d, w, months or y.")


def _duration(node: Node, units: Mapping[str, int], hint: str) -> int | None:
    value, unit = node.at("value").value, node.text("unit")
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        node.at("value").problem("must be a number above 0", hint)
        return None
    known = _UNITS.get((unit or "").casefold(), "")
    if known not in units:
        node.at("unit").problem(
            "`unit` is missing" if unit is None else f"the unit `{unit}` does not fit", hint
        )
        return None
    found = value * units[known]
    if found != int(found):
        node.at("value").problem("must come to a whole number", "Use a smaller unit.")
        return None
    return int(found)


def _element(node: Node, table: str) -> str | None:
    """The property that an SLA is about; None where it is about the table."""
    element = node.text("element")
    if element is None or element == table:
        return None
    if "," in element:
        node.at("element").problem("several elements are not supported", "Name the one that counts.")
        return None
    owner, _, column = element.rpartition(".")
    if owner not in ("", table):
        node.at("element").problem(
            f"`{owner}` is not the table of this contract", f"Write `{table}.{column}`."
        )
        return None
    return column
