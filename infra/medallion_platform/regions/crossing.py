"""Between the regions: two transit gateways, peered. What may cross is routed, by name, at both of them."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from medallion_platform.network.vpc import Vpc
from medallion_platform.parameters import asked
from medallion_platform.settings import Settings

# The accounts whose clusters may ask the database, in whichever region it is.
CROSSING = ("engineering", "serving")


def crosses(settings: Settings) -> bool:
    """Whether the regions are connected."""
    return settings.parts.failover and settings.parts.connection == "transit_gateway"


def told_peering(scope: Construct) -> str:
    return asked(
        scope,
        "InterRegionAttachment",
        "InterRegionAttachment, an output of the stack interregion of engineering; it must be accepted",
        pattern="tgw-attach-.*",
    )


class StandbyGateway(Construct):
    """Region B's gateway, with its network at it."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, network: Vpc) -> None:
        super().__init__(scope, id_)
        gateway = ec2.CfnTransitGateway(
            self,
            "gateway",
            description=f"{settings.prefix}: between the regions",
            auto_accept_shared_attachments="disable",
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            dns_support="enable",
        )
        attachment = ec2.CfnTransitGatewayAttachment(
            self,
            "attachment",
            transit_gateway_id=gateway.ref,
            vpc_id=network.id,
            subnet_ids=network.subnet_ids("transit"),
        )
        for account in CROSSING:
            route = network.route(
                "database",
                f"to-{account}",
                getattr(settings.networks, account),
                transit_gateway_id=gateway.ref,
            )
            route.add_resource_dependency(attachment)
        self.gateway, self.attachment = gateway.ref, attachment.ref
        CfnOutput(Stack.of(self), "StandbyTransitGateway", value=gateway.ref)


class InterRegion(Construct):
    """The peering, which region A asks for. Region B accepts it by hand."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, gateway: str) -> None:
        super().__init__(scope, id_)
        peer = asked(
            self, "StandbyTransitGateway", "An output of the standby stack of engineering", pattern="tgw-.*"
        )
        peering = ec2.CfnTransitGatewayPeeringAttachment(
            self,
            "peering",
            transit_gateway_id=gateway,
            peer_transit_gateway_id=peer,
            peer_account_id=settings.account("engineering"),
            peer_region=settings.replica.region,
        )
        CfnOutput(Stack.of(self), "InterRegionAttachment", value=peering.attr_transit_gateway_attachment_id)


class Crossing(Construct):
    """Region B's tables: from its network to the accounts that may cross, and from the peering back."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, standby: StandbyGateway) -> None:
        super().__init__(scope, id_)
        peering = told_peering(self)
        blocks = [getattr(settings.networks, account) for account in CROSSING]
        _table(self, "standby", standby.gateway, standby.attachment, dict.fromkeys(blocks, peering))
        _table(self, "peering", standby.gateway, peering, {settings.replica.network: standby.attachment})


def cross_from_first_region(
    scope: Construct, settings: Settings, gateway: str, tables: dict[str, str], attachments: dict[str, str]
) -> None:
    """Region A's tables: those of the accounts that may cross lead to the peering, and it leads to them."""
    peering = told_peering(scope)
    for account in CROSSING:
        ec2.CfnTransitGatewayRoute(
            scope,
            f"{account}-to-standby",
            transit_gateway_route_table_id=tables[account],
            destination_cidr_block=settings.replica.network,
            transit_gateway_attachment_id=peering,
        )
    _table(
        scope,
        "standby",
        gateway,
        peering,
        {getattr(settings.networks, account): attachments[account] for account in CROSSING},
    )


def _table(scope: Construct, name: str, gateway: str, attachment: str, routes: dict[str, str]) -> None:
    """What comes from an attachment goes where these routes lead, and nowhere else."""
    table = ec2.CfnTransitGatewayRouteTable(scope, f"{name}-table", transit_gateway_id=gateway)
    ec2.CfnTransitGatewayRouteTableAssociation(
        scope,
        f"{name}-association",
        transit_gateway_attachment_id=attachment,
        transit_gateway_route_table_id=table.ref,
    )
    for number, (block, target) in enumerate(routes.items()):
        ec2.CfnTransitGatewayRoute(
            scope,
            f"{name}-route-{number}",
            transit_gateway_route_table_id=table.ref,
            destination_cidr_block=block,
            transit_gateway_attachment_id=target,
        )
