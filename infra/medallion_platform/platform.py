"""Composes the stacks: which concern is in which account and region."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, BootstraplessSynthesizer, CfnOutput, Environment, Stack, Tags

from medallion_platform.identity.boundary import Boundary
from medallion_platform.identity.databricks import DatabricksAccess
from medallion_platform.identity.services import ServiceAccess
from medallion_platform.keys import Keys, ReplicaKeys, zones_of
from medallion_platform.settings import ACCOUNTS, Settings
from medallion_platform.zones.buckets import ReplicaZones, Zones


def compose(settings: Settings, folder: Path | None = None) -> App:
    """The app with all its stacks; templates go into the folder, or where the CDK's command line says."""
    app = App(outdir=str(folder) if folder else None)
    Platform(app, settings)
    return app


class Platform:
    """All stacks of an app. A later one may read what an earlier one of its account and region made."""

    def __init__(self, app: App, settings: Settings) -> None:
        self.app, self.settings = app, settings
        Tags.of(app).add("platform", settings.prefix)
        for account in ACCOUNTS:
            self._identity(account)
            keys = self._keys(account)
            if zones_of(account):
                if settings.parts.replication:
                    self._replica(account)
                Zones(self._stack(account, "zones"), "zones", settings, account, keys.by_zone, keys.platform)

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

    def _keys(self, account: str) -> Keys:
        stack = self._stack(account, "keys")
        keys = Keys(stack, "keys", self.settings, account)
        for zone, key in keys.by_zone.items():
            CfnOutput(stack, f"PrimaryKey{zone.title()}", value=key.attr_arn)
        return keys

    def _replica(self, account: str) -> None:
        stack = self._stack(account, "replica", replica=True)
        keys = ReplicaKeys(stack, "keys", self.settings, account)
        ReplicaZones(stack, "zones", self.settings, account, keys.by_zone)
