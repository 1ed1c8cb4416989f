"""What to deploy and where: settings.toml, and the account ids of the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from medallion_platform.limits import broken

DEFAULT = Path(__file__).parents[1] / "settings.toml"
ACCOUNTS = ("engineering", "serving", "consumers")
# Without ids of one's own the app synthesises for these, so that it can be looked at and checked.
_STAND_INS = {
    "engineering": "000000000001",
    "serving": "000000000002",
    "consumers": "000000000003",
    "management": "000000000009",
    "recovery": "000000000008",
}
_DATABRICKS_STAND_IN = "00000000-0000-0000-0000-000000000000"


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
    backups_days: int


Connection = Literal["transit_gateway", "peering", "none"]
Trail = Literal["accounts", "organization", "none"]


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
    monitoring: bool
    trail: Trail
    audit_logs: bool
    rds: bool
    failover: bool
    backup: bool
    residency: bool
    apis: bool
    # the serving account, without Databricks
    catalog: bool
    athena: bool
    federation: bool
    redshift: bool
    quicksight: bool
    datazone: bool


@dataclass(frozen=True)
class Replica:
    """Region B: where zones are copied to, and what the database fails over to."""

    region: str
    network: str


@dataclass(frozen=True)
class Database:
    """PostgreSQL on RDS."""

    name: str
    version: str
    instance: str
    storage_gb: int
    most_storage_gb: int


@dataclass(frozen=True)
class Failover:
    """The private hosted zone."""

    zone: str


@dataclass(frozen=True)
class Residency:
    """The zones whose data stay in the platform's region."""

    zones: list[str]


@dataclass(frozen=True)
class Databricks:
    """What Databricks publishes for the region."""

    aws_account: str
    catalog_role: str
    log_delivery_role: str
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
class Monitoring:
    """When people are called, and how long nobody can delete what the trail wrote down."""

    product: str
    most_quarantined: float
    behind_minutes: int
    delivery_minutes: int
    silent_hours: int
    replication_minutes: int
    database_free_gb: int
    replica_lag_seconds: int
    dms_minutes: int
    cost_anomaly_usd: int
    locked_days: int
    workspaces: list[str]


@dataclass(frozen=True)
class Apis:
    """What REST and GraphQL show, and how much of it at a time."""

    product: str
    database: str
    requests_per_second: int
    requests_at_once: int
    tables_per_question: int
    gigabytes_per_query: int


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
    database: Database
    failover: Failover
    residency: Residency
    databricks: Databricks
    on_premises: OnPremises
    orchestration: Orchestration
    emr: Emr
    monitoring: Monitoring
    apis: Apis
    analytics: Analytics
    accounts: Mapping[str, str]
    databricks_account: str

    def __post_init__(self) -> None:
        for message in broken(self):
            raise SettingsError(message)

    def stays(self, zone: str) -> bool:
        """Whether a zone's data may not leave the platform's region."""
        return self.parts.residency and zone in self.residency.zones

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
    given = {name: environ[variable] for name in _STAND_INS if (variable := _variable(name)) in environ}
    found["accounts"] = {**_STAND_INS, **given}
    found["databricks_account"] = environ.get(_variable("databricks"), _DATABRICKS_STAND_IN)
    settings = _read(Settings, found, "")
    if given:
        _without_stand_ins(settings, environ)
    return settings


def _variable(name: str) -> str:
    return f"MEDALLION_{name.upper()}_ACCOUNT"


def _without_stand_ins(settings: Settings, environ: Mapping[str, str]) -> None:
    """Who gives one id is about to deploy: roles would trust the stand-ins for those that are not given."""
    needed = [
        *ACCOUNTS,
        *(["management"] if settings.parts.organization or settings.parts.trail == "organization" else []),
        *(["recovery"] if settings.parts.backup else []),
        *(["databricks"] if settings.parts.databricks else []),
    ]
    for name in needed:
        if _variable(name) not in environ:
            raise SettingsError(f"{_variable(name)} is missing, and ids of other accounts are given.")


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
        if not isinstance(value, Mapping):
            raise SettingsError(f"{name} is {value!r}: a table is needed.")
        return _read(hint, value, f"{name}.")
    choices = get_args(hint)
    if getattr(hint, "__origin__", None) is Literal:
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}. It can be: {', '.join(choices)}.")
        return value
    plain = getattr(hint, "__origin__", hint)
    if plain in (str, int, float, bool, list) and type(value) is not plain:
        raise SettingsError(f"{name} is {value!r}: a {plain.__name__} is needed.")
    if plain is list and any(type(each) is not str for each in value):
        raise SettingsError(f"{name} is {value!r}: a list of texts is needed.")
    return value
