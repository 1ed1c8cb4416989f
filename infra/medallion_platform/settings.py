"""What to deploy and where: settings.toml, and the account ids of the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

DEFAULT = Path(__file__).parents[1] / "settings.toml"
ACCOUNTS = ("engineering", "serving", "consumers")
# Without ids of one's own the app synthesises for these, so that it can be looked at and checked.
_STAND_INS = {
    "engineering": "000000000001",
    "serving": "000000000002",
    "consumers": "000000000003",
    "management": "000000000009",
}


class SettingsError(ValueError):
    """The settings cannot be honoured; the message names the line to change."""


@dataclass(frozen=True)
class Networks:
    """The address block of each VPC."""

    engineering: str
    serving: str
    consumers: str
    edge: str


@dataclass(frozen=True)
class Retention:
    """How long what is kept."""

    erasure_deadline_days: int
    landing_lock_days: int
    versions_days: int
    logs_days: int


Connection = Literal["transit_gateway", "peering", "none"]


@dataclass(frozen=True)
class Parts:
    """What is deployed of all that can be left out."""

    databricks: bool
    replication: bool
    connection: Connection
    on_premises: bool
    edge: bool
    organization: bool
    streams: bool
    batch: bool
    database: bool
    data_exchange: bool
    orchestration: bool
    emr: bool
    # the serving account, without Databricks
    catalog: bool
    athena: bool
    federation: bool
    redshift: bool
    quicksight: bool
    datazone: bool


@dataclass(frozen=True)
class Replica:
    """Where zones are copied to."""

    region: str


@dataclass(frozen=True)
class Databricks:
    """What Databricks publishes for the region."""

    aws_account: str
    catalog_role: str
    image_account: str
    serverless_paths: list[str]
    control_plane_addresses: list[str]
    workspace_service: str
    relay_service: str
    system_buckets: list[str]


@dataclass(frozen=True)
class OnPremises:
    """The other end of the VPN, and the server whose files DataSync brings."""

    network: str
    gateway_address: str
    gateway_asn: int
    file_server: str


@dataclass(frozen=True)
class Orchestration:
    """What the state machine starts, and when."""

    schedule: str
    workspace_host: str
    job_id: int
    longest_minutes: int


@dataclass(frozen=True)
class Emr:
    """The path without Databricks."""

    release: str
    product: str
    most_quarantined: float
    vcpu: int
    memory_gb: int


@dataclass(frozen=True)
class Analytics:
    """What the catalog is of, and what queries may cost."""

    product: str
    crawl: str
    athena_gb: int
    redshift_rpu: int
    redshift_most_rpu: int
    quicksight_namespace: str
    database_readers: list[str]


# What each part of the serving account stands on.
STANDS_ON = {
    "athena": ["catalog"],
    "federation": ["athena", "database"],
    "redshift": ["catalog", "edge"],
    "quicksight": ["athena"],
    "datazone": ["catalog"],
}


@dataclass(frozen=True)
class Settings:
    """All of it."""

    prefix: str
    region: str
    s3_prefix_list: str
    networks: Networks
    retention: Retention
    parts: Parts
    replica: Replica
    databricks: Databricks
    on_premises: OnPremises
    orchestration: Orchestration
    emr: Emr
    analytics: Analytics
    accounts: Mapping[str, str]
    databricks_account: str

    def __post_init__(self) -> None:
        if self.retention.landing_lock_days >= self.retention.erasure_deadline_days:
            raise SettingsError(
                f"retention.landing_lock_days is {self.retention.landing_lock_days}: what is locked cannot "
                "be erased, so it must be below erasure_deadline_days "
                f"({self.retention.erasure_deadline_days})."
            )
        if self.parts.orchestration and not (self.parts.databricks or self.parts.emr):
            raise SettingsError("parts.orchestration needs what to run on: parts.databricks or parts.emr.")
        for part, needed in STANDS_ON.items():
            for other in needed:
                if getattr(self.parts, part) and not getattr(self.parts, other):
                    raise SettingsError(f"parts.{part} needs parts.{other}.")
        if self.replica.region == self.region:
            raise SettingsError(f"replica.region is {self.region}, the region that it is to replace.")
        blocks = {f"networks.{name}": getattr(self.networks, name) for name in (*ACCOUNTS, "edge")}
        blocks["on_premises.network"] = self.on_premises.network
        for (one, block), (other, another) in combinations(blocks.items(), 2):
            if IPv4Network(block).overlaps(IPv4Network(another)):
                raise SettingsError(f"{one} ({block}) and {other} ({another}) overlap.")

    def account(self, name: str) -> str:
        return self.accounts[name]

    def bucket(self, zone: str, *, replica: bool = False) -> str:
        """A zone's bucket, in its region or in the replica's."""
        region = self.replica.region if replica else self.region
        return f"{self.prefix}-{zone}-{self.account(home(zone))}-{region}"

    def role(self, name: str) -> str:
        """A role's ARN. Its account begins its name, so that one account may stand for several."""
        return f"arn:aws:iam::{self.account(name.split('-')[0])}:role/{self.prefix}-{name}"


# Which account has which zone. `logs` and `access-logs` are per account.
HOMES = {
    "landing": "engineering",
    "raw": "engineering",
    "trusted": "engineering",
    "error": "engineering",
    "refined": "serving",
}


def home(zone: str) -> str:
    """The account that a zone is in: of `logs-serving` it is in the name."""
    return HOMES.get(zone) or zone.rsplit("-", 1)[1]


def load(path: Path = DEFAULT, environ: Mapping[str, str] = os.environ, **changes: Any) -> Settings:
    """The settings of a file. `changes` take the place of lines in it: `parts={"emr": True}`.

    Raises SettingsError for lines that are missing, unknown, of another type, or that contradict each other.
    """
    found = tomllib.loads(path.read_text("utf-8"))
    for name, value in changes.items():
        found[name] = {**found[name], **value} if isinstance(value, dict) else value
    found["accounts"] = {
        name: environ.get(f"MEDALLION_{name.upper()}_ACCOUNT", stand_in)
        for name, stand_in in _STAND_INS.items()
    }
    found["databricks_account"] = environ.get(
        "MEDALLION_DATABRICKS_ACCOUNT", "00000000-0000-0000-0000-000000000000"
    )
    return _read(Settings, found, "")


T = TypeVar("T")


def _read(kind: type[T], found: Mapping[str, Any], place: str) -> T:
    hints = get_type_hints(kind)
    unknown = sorted(set(found) - set(hints))
    if unknown:
        raise SettingsError(f"{place}{unknown[0]} is not known. Known are: {', '.join(hints)}.")
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        name, hint = f"{place}{field.name}", hints[field.name]
        if field.name not in found:
            if field.default is MISSING:
                raise SettingsError(f"{name} is missing.")
            continue
        values[field.name] = _value(hint, found[field.name], name)
    return kind(**values)


def _value(hint: Any, value: Any, name: str) -> Any:
    if hasattr(hint, "__dataclass_fields__"):
        return _read(hint, value, f"{name}.")
    choices = get_args(hint)
    if getattr(hint, "__origin__", None) is Literal:
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}. It can be: {', '.join(choices)}.")
        return value
    plain = getattr(hint, "__origin__", hint)
    if plain in (str, int, float, bool, list) and type(value) is not plain:
        raise SettingsError(f"{name} is {value!r}: a {plain.__name__} is needed.")
    return value
