"""Document 1's networks: VPC_1 with private subnets 1 (raw) and 2 (trusted), VPC_2 with private subnet 3
(refined), and the VPC of the third account. None has a way to the internet."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from medallion_platform.network.endpoints import interface, private_service, s3_gateway, s3_interface
from medallion_platform.network.flow_logs import FlowLogs
from medallion_platform.network.rules import (
    AGENT,
    ANYWHERE,
    CONTROL_PLANE,
    POSTGRES,
    RELAY,
    REPLIES,
    TLS,
    Rule,
    SecurityGroup,
)
from medallion_platform.network.vpc import Group, Vpc
from medallion_platform.regions.crossing import CROSSING, crosses
from medallion_platform.settings import Settings

# Which zones a group of subnets is for: what its way to S3 leads to.
ZONES = {
    "raw": ["landing", "raw", "error"],
    "trusted": ["raw", "trusted"],
    "refined": ["trusted", "refined"],
    "workspace": ["refined"],
    "lakehouse": ["landing", "raw", "trusted", "refined", "error"],
}
# The groups of subnets that clusters are in.
CLUSTERS = {"engineering": ["raw", "trusted"], "serving": ["refined"], "consumers": ["workspace"]}
# Whom an account is connected with: the first with the second, the second with the third.
NEIGHBOURS = {
    "engineering": ["serving"],
    "serving": ["engineering", "consumers"],
    "consumers": ["serving"],
}
_FIRSTS = ["0.0", "32.0", "64.0"]
_INTERFACES = ["kms", "logs", "monitoring", "secretsmanager", "sts"]


def computing(settings: Settings, account: str) -> list[str]:
    """The groups of an account that computing happens in; jobs of EMR build all zones, in their own."""
    more = ["lakehouse"] if settings.parts.emr and account == "engineering" else []
    return [*CLUSTERS[account], *more]


class LakehouseNetwork(Construct):
    """The VPC of an account, its private links and security groups."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str, key_arn: str) -> None:
        super().__init__(scope, id_)
        self._settings, self._account = settings, account
        self.block = getattr(settings.networks, account)
        self.network = Vpc(self, "network", settings, account, self.block, self._groups())
        self.workspace = self._security_group("workspace", "Clusters and jobs")
        self.functions = self._security_group("functions", "Functions")
        self.endpoints = self._security_group("endpoints", "Private links")
        self._allow_computing()
        for group in computing(settings, account):
            buckets = [settings.bucket(zone) for zone in ZONES[group]]
            if account == "engineering":
                buckets.append(settings.bucket("artifacts-engineering"))
            s3_gateway(self, settings, self.network, group, buckets)
        for service in self._services():
            interface(self, settings, self.network, self.endpoints, service)
        if settings.parts.databricks:
            databricks = settings.databricks
            private_service(self, "workspace-api", self.network, self.endpoints, databricks.workspace_service)
            private_service(self, "relay", self.network, self.endpoints, databricks.relay_service)
        if self._on_premises:
            self._admit_on_premises()
        if self.has_database:
            self._allow_database()
        FlowLogs(self, "flow-logs", settings, account, account, self.network.id, key_arn)

    @property
    def has_database(self) -> bool:
        return self._settings.parts.database and self._account == "engineering"

    def _services(self) -> list[str]:
        parts = self._settings.parts
        # clusters of Databricks write their logs to streams of Databricks
        more = ["kinesis-streams"] if parts.databricks else []
        if self._account == "engineering":
            if parts.streams and not more:
                more += ["kinesis-streams"]
            if parts.emr:
                more += ["glue"]
        return [*_INTERFACES, *more]

    def _groups(self) -> Sequence[Group]:
        settings, inside = self._settings, self.block
        found = [
            Group(
                name,
                _FIRSTS[place],
                20,
                # Databricks refuses a network whose ACLs let in less; there is nobody outside to come in.
                inbound=[Rule(ANYWHERE)],
                outbound=[Rule(inside), Rule(ANYWHERE, TLS), *self._to_database()],
            )
            for place, name in enumerate(computing(settings, self._account))
        ]
        outside = [settings.on_premises.network] if self._on_premises else []
        near = [inside, *outside]
        databricks = [RELAY, CONTROL_PLANE] if settings.parts.databricks else []
        endpoints = Group(
            "endpoints",
            "240.0",
            24,
            inbound=[
                *(Rule(block, TLS) for block in near),
                *(Rule(inside, ports) for ports in databricks),
                *(Rule(block, AGENT) for block in outside),
            ],
            outbound=[Rule(block, REPLIES) for block in near],
        )
        found.append(endpoints)
        if self.has_database:
            clients = [inside, settings.networks.serving]
            found.append(
                Group(
                    "database",
                    "242.0",
                    24,
                    inbound=[Rule(block, POSTGRES) for block in clients],
                    outbound=[Rule(block, REPLIES) for block in clients],
                )
            )
        if settings.parts.connection == "transit_gateway":
            passing = [
                Rule(inside),
                *(Rule(getattr(settings.networks, name)) for name in NEIGHBOURS[self._account]),
                *([Rule(settings.replica.network)] if self._crosses else []),
            ]
            found.append(Group("transit", "244.0", 28, inbound=passing, outbound=passing))
        return found

    @property
    def _on_premises(self) -> bool:
        return self._settings.parts.on_premises and self._account == "engineering"

    def _to_database(self) -> list[Rule]:
        """The database is in the first account; the second one may ask it, too, and both in region B."""
        settings = self._settings
        afar = [Rule(settings.replica.network, POSTGRES)] if self._crosses else []
        if settings.parts.database and self._account == "serving":
            return [Rule(settings.networks.engineering, POSTGRES), *afar]
        return afar

    @property
    def _crosses(self) -> bool:
        return crosses(self._settings) and self._account in CROSSING

    def _security_group(self, name: str, description: str) -> SecurityGroup:
        called = f"{self._settings.prefix}-{self._account}-{name}"
        return SecurityGroup(self, name, self.network.id, called, description)

    def _allow_computing(self) -> None:
        prefixes = self._settings.s3_prefix_list
        self.workspace.reaches_itself("Machines of a cluster")
        for group in (self.workspace, self.functions):
            group.reaches(self.endpoints, TLS, "Services of AWS")
            group.reaches_prefixes(prefixes, TLS, "S3, by its gateway")
        if self._settings.parts.databricks:
            self.workspace.reaches(self.endpoints, RELAY, "Relay of secure cluster connectivity")
            self.workspace.reaches(self.endpoints, CONTROL_PLANE, "Control plane of Databricks")
        if self._settings.parts.database and self._account == "serving":
            self.workspace.reaches_block(self._settings.networks.engineering, POSTGRES, "The database")
        if self._crosses:
            self.workspace.reaches_block(
                self._settings.replica.network, POSTGRES, "The database, in region B"
            )

    def _admit_on_premises(self) -> None:
        """Private links that clusters have no way to: S3, to land files, and the one of DataSync's agent."""
        settings = self._settings
        outside = settings.on_premises.network
        self.endpoints.admits_block(outside, TLS, "Data from on-premises")
        entry = self._security_group("entry", "Private links for on-premises alone")
        entry.admits_block(outside, TLS, "Files from on-premises")
        entry.admits_block(outside, AGENT, "DataSync's agent")
        s3_interface(self, settings, self.network, entry, [settings.bucket("landing")])
        private_service(self, "datasync", self.network, entry, f"com.amazonaws.{settings.region}.datasync")

    def _allow_database(self) -> None:
        self.database = self._security_group("database", "Databases")
        self.migration = self._security_group("migration", "DMS")
        self.workspace.reaches(self.database, POSTGRES, "Clusters ask the database")
        self.migration.reaches(self.database, POSTGRES, "DMS reads changes")
        self.migration.reaches(self.endpoints, TLS, "Secrets, keys and logs")
        self.migration.reaches_prefixes(self._settings.s3_prefix_list, TLS, "S3, by its gateway")
        for block in Group("refined", _FIRSTS[0], 20, (), ()).blocks(self._settings.networks.serving):
            self.database.admits_block(block, POSTGRES, "Clusters of the second account")
