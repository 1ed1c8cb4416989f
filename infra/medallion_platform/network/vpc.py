"""A VPC of subnets in groups: one subnet per availability zone, one route table and one ACL per group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from aws_cdk import CfnTag, Fn
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from medallion_platform.network.rules import Rule
from medallion_platform.settings import Settings


@dataclass(frozen=True)
class Group:
    """Subnets of one purpose: where they begin in the VPC's block, how large they are, who may pass."""

    name: str
    first: str  # the last two numbers of the first block, as "16.0"
    size: int  # bits of the mask
    inbound: Sequence[Rule]
    outbound: Sequence[Rule]
    zones: int = 2

    def blocks(self, vpc: str) -> list[str]:
        """Blocks that follow each other, one per availability zone."""
        one = IPv4Network(f"{'.'.join(vpc.split('.')[:2])}.{self.first}/{self.size}")
        firsts = (int(one.network_address) + place * one.num_addresses for place in range(self.zones))
        return [str(IPv4Network((first, self.size))) for first in firsts]


class Vpc(Construct):
    """The VPC with its groups; `public` groups have a way to and from the internet."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, name: str, block: str, groups: Sequence[Group]
    ) -> None:
        super().__init__(scope, id_)
        self.block = block
        self._name = f"{settings.prefix}-{name}"
        self.vpc = ec2.CfnVPC(
            self,
            "vpc",
            cidr_block=block,
            enable_dns_hostnames=True,  # endpoints are found by the services' own names
            enable_dns_support=True,
            tags=[CfnTag(key="Name", value=self._name)],
        )
        self.subnets: dict[str, list[ec2.CfnSubnet]] = {}
        self.route_tables: dict[str, ec2.CfnRouteTable] = {}
        for group in groups:
            self._group(group)

    @property
    def id(self) -> str:
        return self.vpc.ref

    def subnet_ids(self, group: str) -> list[str]:
        return [subnet.ref for subnet in self.subnets[group]]

    def route(self, group: str, id_: str, block: str, **target: str) -> ec2.CfnRoute:
        return ec2.CfnRoute(
            self,
            f"{group}-{id_}",
            route_table_id=self.route_tables[group].ref,
            destination_cidr_block=block,
            **target,
        )

    def _group(self, group: Group) -> None:
        tags = [CfnTag(key="Name", value=f"{self._name}-{group.name}")]
        table = ec2.CfnRouteTable(self, f"{group.name}-routes", vpc_id=self.id, tags=tags)
        acl = ec2.CfnNetworkAcl(self, f"{group.name}-acl", vpc_id=self.id, tags=tags)
        for outbound, rules in ((False, group.inbound), (True, group.outbound)):
            for number, rule in enumerate(rules, 1):
                ec2.CfnNetworkAclEntry(
                    self,
                    f"{group.name}-acl-{'out' if outbound else 'in'}-{number}",
                    network_acl_id=acl.ref,
                    rule_number=number * 10,
                    egress=outbound,
                    protocol=rule.number,
                    rule_action="allow",
                    cidr_block=rule.block,
                    port_range=rule.ports
                    and ec2.CfnNetworkAclEntry.PortRangeProperty(from_=rule.ports[0], to=rule.ports[1]),
                )
        self.route_tables[group.name] = table
        self.subnets[group.name] = []
        for place, block in enumerate(group.blocks(self.block)):
            letter = "abc"[place]
            subnet = ec2.CfnSubnet(
                self,
                f"{group.name}-{letter}",
                vpc_id=self.id,
                cidr_block=block,
                availability_zone=Fn.select(place, Fn.get_azs()),
                map_public_ip_on_launch=False,
                tags=[CfnTag(key="Name", value=f"{self._name}-{group.name}-{letter}")],
            )
            self.subnets[group.name].append(subnet)
            ec2.CfnSubnetRouteTableAssociation(
                self, f"{group.name}-{letter}-routes", subnet_id=subnet.ref, route_table_id=table.ref
            )
            ec2.CfnSubnetNetworkAclAssociation(
                self, f"{group.name}-{letter}-acl", subnet_id=subnet.ref, network_acl_id=acl.ref
            )
