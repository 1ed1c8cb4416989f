"""How accounts are connected: a transit gateway that the first account shares, or peering, the small way."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ram as ram
from constructs import Construct

from medallion_platform.network.lakehouse import NEIGHBOURS, LakehouseNetwork, computing
from medallion_platform.parameters import asked
from medallion_platform.regions.crossing import CROSSING, cross_from_first_region, crosses
from medallion_platform.settings import Settings


def connected_groups(settings: Settings, network: LakehouseNetwork, account: str) -> list[str]:
    """The subnets that other accounts may be reached from, and answered to."""
    if account == "engineering":
        return ["database"] if network.has_database else []
    return computing(settings, account)


class TransitGateway(Construct):
    """The gateway, shared with the other accounts. Nothing is routed that is not said so."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        self.gateway = ec2.CfnTransitGateway(
            self,
            "gateway",
            description=f"{settings.prefix}: between the accounts",
            auto_accept_shared_attachments="disable",
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            dns_support="enable",
        )
        ram.CfnResourceShare(
            self,
            "share",
            name=f"{settings.prefix}-transit-gateway",
            allow_external_principals=False,
            principals=[settings.account(name) for name in ("serving", "consumers")],
            resource_arns=[
                f"arn:aws:ec2:{settings.region}:{settings.account('engineering')}"
                f":transit-gateway/{self.gateway.ref}"
            ],
        )
        CfnOutput(Stack.of(self), "TransitGateway", value=self.gateway.ref)


class Attachment(Construct):
    """A VPC at the gateway, and its routes to the accounts that it is connected with."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        network: LakehouseNetwork,
        gateway: str,
    ) -> None:
        super().__init__(scope, id_)
        attachment = ec2.CfnTransitGatewayAttachment(
            self,
            "attachment",
            transit_gateway_id=gateway,
            vpc_id=network.network.id,
            subnet_ids=network.network.subnet_ids("transit"),
        )
        self.id = attachment.ref
        for group in connected_groups(settings, network, account):
            for other in NEIGHBOURS[account]:
                route = network.network.route(
                    group, f"to-{other}", getattr(settings.networks, other), transit_gateway_id=gateway
                )
                route.add_resource_dependency(attachment)
        if crosses(settings) and account in CROSSING:
            for group in computing(settings, account):
                route = network.network.route(
                    group, "to-standby", settings.replica.network, transit_gateway_id=gateway
                )
                route.add_resource_dependency(attachment)
        CfnOutput(Stack.of(self), "TransitGatewayAttachment", value=attachment.ref)


class TransitRoutes(Construct):
    """Each account's own table at the gateway: to its neighbours, and to nobody else."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, gateway: str, own: str) -> None:
        super().__init__(scope, id_)
        attachments = {"engineering": own}
        for name in ("serving", "consumers"):
            told = asked(
                self,
                f"{name.title()}Attachment",
                f"TransitGatewayAttachment, an output of the network stack of {name}",
                pattern="tgw-attach-.*",
            )
            attachments[name] = told
        tables = {}
        for name, neighbours in NEIGHBOURS.items():
            table = ec2.CfnTransitGatewayRouteTable(self, f"{name}-table", transit_gateway_id=gateway)
            ec2.CfnTransitGatewayRouteTableAssociation(
                self,
                f"{name}-association",
                transit_gateway_attachment_id=attachments[name],
                transit_gateway_route_table_id=table.ref,
            )
            tables[name] = table.ref
            for other in neighbours:
                ec2.CfnTransitGatewayRoute(
                    self,
                    f"{name}-to-{other}",
                    transit_gateway_route_table_id=table.ref,
                    destination_cidr_block=getattr(settings.networks, other),
                    transit_gateway_attachment_id=attachments[other],
                )
        if crosses(settings):
            cross_from_first_region(self, settings, gateway, tables, attachments)


class Peering(Construct):
    """A peering that this account asks its neighbour for; the neighbour's role accepts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        other: str,
        network: LakehouseNetwork,
    ) -> None:
        super().__init__(scope, id_)
        vpc = asked(
            self, f"{other.title()}Vpc", f"Vpc, an output of the network stack of {other}", pattern="vpc-.*"
        )
        peering = ec2.CfnVPCPeeringConnection(
            self,
            "peering",
            vpc_id=network.network.id,
            peer_vpc_id=vpc,
            peer_owner_id=settings.account(other),
            peer_role_arn=settings.role(f"{other}-peering"),
        )
        for group in connected_groups(settings, network, account):
            network.network.route(
                group, f"to-{other}", getattr(settings.networks, other), vpc_peering_connection_id=peering.ref
            )
        CfnOutput(Stack.of(self), f"PeeringWith{other.title()}", value=peering.ref)


class PeeringRoutes(Construct):
    """The way back, in the account that was asked."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        other: str,
        network: LakehouseNetwork,
    ) -> None:
        super().__init__(scope, id_)
        told = asked(
            self,
            f"PeeringWith{other.title()}",
            f"PeeringWith{account.title()}, an output of the network stack of {other}",
            pattern="pcx-.*",
        )
        for group in connected_groups(settings, network, account):
            ec2.CfnRoute(
                self,
                group,
                route_table_id=network.network.route_tables[group].ref,
                destination_cidr_block=getattr(settings.networks, other),
                vpc_peering_connection_id=told,
            )
