"""The way in from on-premises, into VPC_1 alone: Site-to-Site VPN, and Direct Connect by the same gateway."""

from __future__ import annotations

from aws_cdk import aws_directconnect as direct
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from medallion_platform.log_groups import make_log_group
from medallion_platform.network.vpc import Vpc
from medallion_platform.settings import Settings


class OnPremisesEntry(Construct):
    """On-premises reach the private links (Kinesis, S3, ...), and not the other accounts, as by a
    transit gateway they would."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, network: Vpc, key_arn: str) -> None:
        super().__init__(scope, id_)
        found = settings.on_premises
        gateway = ec2.CfnVPNGateway(self, "gateway", type="ipsec.1")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "attached", vpc_id=network.id, vpn_gateway_id=gateway.ref
        )
        customer = ec2.CfnCustomerGateway(
            self, "customer", type="ipsec.1", ip_address=found.gateway_address, bgp_asn=found.gateway_asn
        )
        group = make_log_group(self, "tunnels-log", settings, f"/{settings.prefix}/vpn", key_arn)
        tunnel = ec2.CfnVPNConnection.VpnTunnelOptionsSpecificationProperty(
            ike_versions=[ec2.CfnVPNConnection.IKEVersionsRequestListValueProperty(value="ikev2")],
            log_options=ec2.CfnVPNConnection.VpnTunnelLogOptionsSpecificationProperty(
                cloudwatch_log_options=ec2.CfnVPNConnection.CloudwatchLogOptionsSpecificationProperty(
                    log_enabled=True, log_group_arn=group.attr_arn, log_output_format="json"
                )
            ),
        )
        ec2.CfnVPNConnection(
            self,
            "vpn",
            type="ipsec.1",
            customer_gateway_id=customer.ref,
            vpn_gateway_id=gateway.ref,
            static_routes_only=False,
            vpn_tunnel_options_specifications=[tunnel, tunnel],
        )
        propagated = ec2.CfnVPNGatewayRoutePropagation(
            self,
            "routes",
            vpn_gateway_id=gateway.ref,
            route_table_ids=[network.route_tables[name].ref for name in ("endpoints", "raw", "trusted")],
        )
        propagated.add_resource_dependency(attached)
        direct_gateway = direct.CfnDirectConnectGateway(
            self,
            "direct",
            direct_connect_gateway_name=f"{settings.prefix}-on-premises",
            amazon_side_asn="64512",
        )
        direct.CfnDirectConnectGatewayAssociation(
            self,
            "direct-association",
            direct_connect_gateway_id=direct_gateway.ref,
            associated_gateway_id=gateway.ref,
            allowed_prefixes_to_direct_connect_gateway=[network.block],
        )
