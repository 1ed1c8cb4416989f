"""Region B: a network for databases, and the replica of the database that can take over."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.network.flow_logs import FlowLogs
from medallion_platform.network.rules import POSTGRES, REPLIES, Rule, SecurityGroup
from medallion_platform.network.vpc import Group, Vpc
from medallion_platform.regions.database import database_arn, make_alarm, make_instance
from medallion_platform.settings import Settings


def clients(settings: Settings) -> list[str]:
    """The networks that the database in region B answers: its own and, by the peered transit gateways, those
    that the database in region A answers."""
    afar = [settings.networks.engineering, settings.networks.serving]
    return [settings.replica.network, *(afar if settings.parts.connection == "transit_gateway" else [])]


class StandbyNetwork(Construct):
    """Subnets of databases, and of the transit gateway; no way to the internet."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnReplicaKey) -> None:
        super().__init__(scope, id_)
        blocks = clients(settings)
        groups = [
            Group(
                "database",
                "242.0",
                24,
                inbound=[Rule(block, POSTGRES) for block in blocks],
                outbound=[Rule(block, REPLIES) for block in blocks],
            )
        ]
        if settings.parts.connection == "transit_gateway":
            passing = [Rule(block) for block in blocks]
            groups.append(Group("transit", "244.0", 28, inbound=passing, outbound=passing))
        self.network = Vpc(self, "network", settings, "standby", settings.replica.network, groups)
        named = f"{settings.prefix}-standby-database"
        self.database = SecurityGroup(self, "database", self.network.id, named, "Databases")
        for block in blocks:
            self.database.admits_block(block, POSTGRES, "Whom the database answers")
        FlowLogs(
            self,
            "flow-logs",
            settings,
            "engineering",
            "standby",
            self.network.id,
            key.attr_arn,
            settings.replica.region,
        )
        CfnOutput(Stack.of(self), "StandbyVpc", value=self.network.id)


class Replica(Construct):
    """A replica that is encrypted by region B's key, as ready as the instance itself."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, network: StandbyNetwork, key: kms.CfnReplicaKey
    ) -> None:
        super().__init__(scope, id_)
        self.instance = make_instance(
            self,
            settings,
            subnets=network.network.subnet_ids("database"),
            groups=[network.database.id],
            key_arn=key.attr_arn,
            source_db_instance_identifier=database_arn(settings, settings.region),
            source_region=settings.region,
        )
        make_alarm(self, settings)
