"""What may pass: rules of network ACLs and of security groups."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import CfnTag
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

ANYWHERE = "0.0.0.0/0"
TLS = (443, 443)
POSTGRES = (5432, 5432)
REDSHIFT = (5439, 5439)
REPLIES = (1024, 65535)
# Databricks: the relay of secure cluster connectivity, and its control plane's services.
RELAY = (6666, 6666)
CONTROL_PLANE = (8443, 8451)
# What an agent of DataSync is told by; files go by TLS.
AGENT = (1024, 1064)


@dataclass(frozen=True)
class Rule:
    """Traffic with a block of addresses; without ports, all of it."""

    block: str
    ports: tuple[int, int] | None = None

    @property
    def number(self) -> int:
        """The protocol: TCP, or any."""
        return -1 if self.ports is None else 6


class SecurityGroup(Construct):
    """A security group that lets nothing in or out but what is added."""

    def __init__(self, scope: Construct, id_: str, vpc_id: str, name: str, description: str) -> None:
        super().__init__(scope, id_)
        self._rules = 0
        nothing = ec2.CfnSecurityGroup.EgressProperty(  # without any rule, AWS would let everything out
            ip_protocol="icmp", cidr_ip="255.255.255.255/32", from_port=252, to_port=86, description="Nothing"
        )
        self.group = ec2.CfnSecurityGroup(
            self,
            "group",
            vpc_id=vpc_id,
            group_description=description,
            security_group_egress=[nothing],
            tags=[CfnTag(key="Name", value=name)],
        )

    @property
    def id(self) -> str:
        return self.group.attr_group_id

    def reaches(self, other: SecurityGroup, ports: tuple[int, int], why: str) -> None:
        """Let this group open connections to another one."""
        self.reaches_only(other, ports, why)
        other.admits_group(self, ports, why)

    def reaches_itself(self, why: str) -> None:
        """Machines of one cluster talk to each other, by TCP and UDP."""
        for protocol in ("tcp", "udp"):
            common = {"ip_protocol": protocol, "from_port": 0, "to_port": 65535, "description": why}
            ec2.CfnSecurityGroupIngress(
                self, self._next("in"), group_id=self.id, source_security_group_id=self.id, **common
            )
            ec2.CfnSecurityGroupEgress(
                self, self._next("out"), group_id=self.id, destination_security_group_id=self.id, **common
            )

    def reaches_only(self, other: SecurityGroup, ports: tuple[int, int], why: str) -> None:
        ec2.CfnSecurityGroupEgress(
            self, self._next("out"), group_id=self.id, destination_security_group_id=other.id,
            ip_protocol="tcp", from_port=ports[0], to_port=ports[1], description=why,
        )  # fmt: skip

    def admits_group(self, other: SecurityGroup, ports: tuple[int, int], why: str) -> None:
        ec2.CfnSecurityGroupIngress(
            self, self._next("in"), group_id=self.id, source_security_group_id=other.id,
            ip_protocol="tcp", from_port=ports[0], to_port=ports[1], description=why,
        )  # fmt: skip

    def reaches_block(self, block: str, ports: tuple[int, int], why: str) -> None:
        ec2.CfnSecurityGroupEgress(
            self, self._next("out"), group_id=self.id, cidr_ip=block,
            ip_protocol="tcp", from_port=ports[0], to_port=ports[1], description=why,
        )  # fmt: skip

    def reaches_prefixes(self, prefix_list: str, ports: tuple[int, int], why: str) -> None:
        ec2.CfnSecurityGroupEgress(
            self, self._next("out"), group_id=self.id, destination_prefix_list_id=prefix_list,
            ip_protocol="tcp", from_port=ports[0], to_port=ports[1], description=why,
        )  # fmt: skip

    def admits_block(self, block: str, ports: tuple[int, int], why: str) -> None:
        ec2.CfnSecurityGroupIngress(
            self, self._next("in"), group_id=self.id, cidr_ip=block,
            ip_protocol="tcp", from_port=ports[0], to_port=ports[1], description=why,
        )  # fmt: skip

    def _next(self, way: str) -> str:
        self._rules += 1
        return f"{way}-{self._rules}"
