"""Composes the stacks: which concern is in which account and region."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, BootstraplessSynthesizer, CfnOutput, Environment, Stack, Tags

from medallion_platform.accounts.organization import Organization
from medallion_platform.analytics.athena import Athena
from medallion_platform.analytics.catalog import Catalog
from medallion_platform.analytics.datazone import Domain
from medallion_platform.analytics.federation import DatabaseCatalog
from medallion_platform.analytics.lake_formation import LakeFormation
from medallion_platform.analytics.permissions import TablePermissions, Views
from medallion_platform.analytics.personas import Personas
from medallion_platform.analytics.quicksight import Dashboards
from medallion_platform.analytics.redshift import Warehouse
from medallion_platform.apis.gold import GoldApis
from medallion_platform.identity.boundary import Boundary
from medallion_platform.identity.databricks import DatabricksAccess
from medallion_platform.identity.services import ServiceAccess
from medallion_platform.ingestion.batch import BatchCopy
from medallion_platform.ingestion.database import ChangesOfDatabase
from medallion_platform.ingestion.exchange import Subscription
from medallion_platform.ingestion.firehose import Delivery
from medallion_platform.ingestion.on_premises import FilesFromOnPremises
from medallion_platform.ingestion.streams import EventStream, LandingFunction
from medallion_platform.keys import Keys, ReplicaKeys, copied_zones, zones_of
from medallion_platform.monitoring.alarms import Alarms, Dashboard, Topic
from medallion_platform.monitoring.audit import AuditLogs
from medallion_platform.monitoring.costs import CostAnomalies
from medallion_platform.monitoring.declared import watches
from medallion_platform.monitoring.trail import Trail
from medallion_platform.network.connections import (
    Attachment,
    Peering,
    PeeringRoutes,
    TransitGateway,
    TransitRoutes,
)
from medallion_platform.network.edge import EdgeNetwork
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.network.on_premises import OnPremisesEntry
from medallion_platform.orchestration import databricks, emr
from medallion_platform.orchestration.databricks import RunOnDatabricks
from medallion_platform.orchestration.emr import RunOnEmr
from medallion_platform.orchestration.pipeline import Pipeline
from medallion_platform.parameters import asked
from medallion_platform.regions.backup import Backups, CopiedBackups, RecoveryVault
from medallion_platform.regions.crossing import Crossing, InterRegion, StandbyGateway, crosses
from medallion_platform.regions.database import Database
from medallion_platform.regions.names import Names
from medallion_platform.regions.readers import Readers
from medallion_platform.regions.standby import Replica, StandbyNetwork
from medallion_platform.settings import ACCOUNTS, Settings
from medallion_platform.zones.buckets import ReplicaZones, Zones


def compose(settings: Settings, folder: Path | None = None) -> App:
    """The app with all its stacks; templates go into the folder, or where the CDK's command line says."""
    # what checkers find is in a report: check.py tells of it what is not acknowledged
    reported = {"@aws-cdk/core:failSynthOnValidationErrors": False}
    app = App(outdir=str(folder) if folder else None, context=reported)
    Platform(app, settings)
    return app


class Platform:
    """All stacks of an app. A later one may read what an earlier one of its account and region made."""

    def __init__(self, app: App, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.networks: dict[str, LakehouseNetwork] = {}
        Tags.of(app).add("platform", settings.prefix)
        if settings.parts.organization:
            Organization(self._stack("management", "organization"), "organization", settings)
        for account in ACCOUNTS:
            self._identity(account)
            keys = self._keys(account)
            self._network(account, keys)
            if account == "engineering":
                self._database(keys)
                self._ingestion(keys)
                self._orchestration(keys)
            if zones_of(account):
                if settings.parts.replication and (copied_zones(settings, account) or keys.database):
                    replicas = self._replica(account)
                    if account == "engineering":
                        self._second_region(replicas)
                Zones(self._stack(account, "zones"), "zones", settings, account, keys.by_zone, keys.platform)
            if account == "serving" and settings.parts.catalog:
                self._analytics(keys)
            if settings.parts.apis and account == "serving":
                GoldApis(self._stack(account, "apis"), "gold", settings, keys.platform)
            self._watched(account, keys)
        if settings.parts.trail == "organization":
            Boundary(self._stack("management", "identity"), "boundary", settings, "management")
            self._watched("management", self._keys("management"))

    def _stack(self, account: str, concern: str, *, replica: bool = False) -> Stack:
        settings = self.settings
        region = settings.replica.region if replica else settings.region
        return Stack(
            self.app,
            f"{settings.prefix}-{account}-{concern}",
            env=Environment(account=settings.account(account), region=region),
            synthesizer=BootstraplessSynthesizer(),
            description=f"{settings.prefix}: {concern} of {account}",
        )

    def _identity(self, account: str) -> None:
        stack = self._stack(account, "identity")
        boundary = Boundary(stack, "boundary", self.settings, account)
        services = ServiceAccess(stack, "services", self.settings, account)
        services.node.add_dependency(boundary)
        if self.settings.parts.databricks:
            DatabricksAccess(stack, "databricks", self.settings, account).node.add_dependency(boundary)
            if self.settings.parts.failover:
                Readers(stack, "standby", self.settings, account).node.add_dependency(boundary)

    def _keys(self, account: str) -> Keys:
        stack = self._stack(account, "keys")
        keys = Keys(stack, "keys", self.settings, account)
        for zone, key in keys.by_zone.items():
            CfnOutput(stack, f"PrimaryKey{zone.title()}", value=key.attr_arn)
        if keys.database is not None:
            CfnOutput(stack, "PrimaryKeyDatabase", value=keys.database.attr_arn)
        return keys

    def _replica(self, account: str) -> ReplicaKeys:
        stack = self._stack(account, "replica", replica=True)
        keys = ReplicaKeys(stack, "keys", self.settings, account)
        ReplicaZones(stack, "zones", self.settings, account, keys.by_zone)
        return keys

    def _database(self, keys: Keys) -> None:
        if keys.database is None:
            return
        stack = self._stack("engineering", "database")
        database = Database(
            stack, "database", self.settings, self.networks["engineering"], keys.database, keys.platform
        )
        CfnOutput(stack, "DatabaseAddress", value=database.instance.attr_endpoint_address)
        if self.settings.parts.backup:
            Backups(self._stack("engineering", "backup"), "backup", self.settings, keys.database)

    def _second_region(self, keys: ReplicaKeys) -> None:
        settings = self.settings
        if settings.parts.failover and keys.database is not None:
            stack = self._stack("engineering", "standby", replica=True)
            standby = StandbyNetwork(stack, "standby", settings, keys.database)
            replica = Replica(stack, "replica", settings, standby, keys.database)
            if crosses(settings):
                gateway = StandbyGateway(stack, "transit", settings, standby.network)
                Crossing(self._stack("engineering", "crossing", replica=True), "routes", settings, gateway)
            names = self._stack("engineering", "names", replica=True)
            Names(names, "names", settings, standby.network, replica.instance)
        if settings.parts.backup and keys.database is not None:
            copies = self._stack("engineering", "copies", replica=True)
            CopiedBackups(copies, "copies", settings, keys.database)
            RecoveryVault(self._stack("recovery", "vault", replica=True), "recovery", settings)

    def _network(self, account: str, keys: Keys) -> None:
        settings = self.settings
        stack = self._stack(account, "network")
        network = LakehouseNetwork(stack, "lakehouse", settings, account, keys.platform.attr_arn)
        CfnOutput(stack, "Vpc", value=network.network.id)
        if settings.parts.on_premises and account == "engineering":
            OnPremisesEntry(stack, "on-premises", settings, network.network, keys.platform.attr_arn)
        if settings.parts.edge and account == "serving":
            edge = self._stack(account, "edge")
            self.edge = EdgeNetwork(edge, "edge", settings, keys.platform.attr_arn)
        if settings.parts.connection == "transit_gateway":
            self._attach(account, stack, network)
        elif settings.parts.connection == "peering":
            self._peer(account, stack, network)
        self.networks[account] = network

    def _ingestion(self, keys: Keys) -> None:
        settings, network = self.settings, self.networks["engineering"]
        parts = settings.parts
        if not (parts.streams or parts.batch or parts.database or parts.data_exchange or parts.on_premises):
            return
        stack = self._stack("engineering", "ingestion")
        if parts.streams:
            stream = EventStream(stack, "stream", settings, keys.platform)
            LandingFunction(stack, "landing", settings, stream, network, keys.platform)
            Delivery(stack, "firehose", settings, stream, keys.platform)
        if parts.batch:
            BatchCopy(stack, "batch", settings, keys.platform)
        if parts.database:
            raw = keys.by_zone["raw"].attr_arn
            ChangesOfDatabase(stack, "database", settings, network, keys.platform, raw)
        if parts.data_exchange:
            Subscription(stack, "data-exchange", settings, keys.by_zone["landing"].attr_arn)
        if parts.on_premises:
            FilesFromOnPremises(stack, "on-premises", settings, keys.platform)

    def _watched(self, account: str, keys: Keys) -> None:
        parts = self.settings.parts
        if parts.trail == ("organization" if account == "management" else "accounts"):
            Trail(self._stack(account, "trail"), "trail", self.settings, account, keys.platform)
        if parts.audit_logs and parts.databricks and account == "engineering":
            AuditLogs(self._stack(account, "audit"), "audit", self.settings)
        if parts.monitoring:
            self._alarms(account)
            if parts.replication and zones_of(account):
                self._alarms(account, replica=True)

    def _alarms(self, account: str, *, replica: bool = False) -> None:
        settings = self.settings
        stack = self._stack(account, "replica-monitoring" if replica else "monitoring", replica=replica)
        found = watches(settings, account, replica=replica)
        topic = Topic(stack, "topic", settings, account, stack.region)
        Alarms(stack, "alarms", settings, found, topic)
        if found:
            Dashboard(stack, "dashboard", settings, account, stack.region, found)
        if not replica:
            CostAnomalies(stack, "costs", settings, account, topic)

    def _orchestration(self, keys: Keys) -> None:
        settings, parts = self.settings, self.settings.parts
        if not parts.orchestration:
            return
        stack = self._stack("engineering", "orchestration")
        if parts.databricks:
            RunOnDatabricks(stack, "databricks", settings, keys.platform)
        if parts.emr:
            RunOnEmr(stack, "emr", settings, self.networks["engineering"], keys.platform)
        Pipeline(
            stack, "pipeline", settings, databricks.NAME if parts.databricks else emr.NAME, keys.platform
        )

    def _analytics(self, keys: Keys) -> None:
        settings, parts = self.settings, self.settings.parts
        stack = self._stack("serving", "analytics")
        catalog = Catalog(stack, "catalog", settings, keys.platform)
        lake = LakeFormation(stack, "lake-formation", settings, catalog)
        Personas(stack, "personas", settings)
        if parts.athena:
            queries = Athena(stack, "athena", settings, keys.platform)
            if parts.quicksight:
                Dashboards(stack, "quicksight", settings).node.add_dependency(queries, lake)
        if parts.federation:
            DatabaseCatalog(stack, "federation", settings, self.networks["serving"], keys.platform)
        if parts.redshift:
            Warehouse(stack, "redshift", settings, self.edge, keys.platform, lake.locations["gold"])
        if parts.datazone:
            Domain(stack, "datazone", settings, keys.platform)
        permissions = self._stack("serving", "permissions")
        views = Views(permissions, "views", settings)
        TablePermissions(permissions, "tables", settings, views)

    def _attach(self, account: str, stack: Stack, network: LakehouseNetwork) -> None:
        settings = self.settings
        if account != "engineering":
            told = asked(
                stack, "TransitGateway", "An output of the network stack of engineering", pattern="tgw-.*"
            )
            Attachment(stack, "transit", settings, account, network, told)
            return
        gateway = TransitGateway(stack, "transit-gateway", settings).gateway.ref
        own = Attachment(stack, "transit", settings, account, network, gateway).id
        TransitRoutes(self._stack(account, "transit"), "routes", settings, gateway, own)
        if crosses(settings):
            InterRegion(self._stack(account, "interregion"), "peering", settings, gateway)

    def _peer(self, account: str, stack: Stack, network: LakehouseNetwork) -> None:
        """The second account asks the first one, the third the second one."""
        asked = {"serving": "engineering", "consumers": "serving"}
        if account in asked:
            Peering(stack, "peering", self.settings, account, asked[account], network)
        for other, asks in asked.items():
            if asks == account:
                PeeringRoutes(
                    self._stack(account, "peering"), "routes", self.settings, account, other, network
                )
