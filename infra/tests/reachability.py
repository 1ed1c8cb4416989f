"""Whether a packet, and its answer, get from one place to another: a helper of tests over the templates.

It follows a connection as AWS does: the security group that lets it out, the ACL of its subnet, the most
specific route, what is at the other end of it, and the ACL and security group there; then the answer's way
back through both ACLs and a route. Any target of a route that it does not know is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Any

from simulator import Policies, Request
from templates import Resource, Templates

S3_ADDRESS = ip_address("52.218.0.1")  # in AWS's prefix list, and in no VPC
REPLY = 50000


@dataclass(frozen=True)
class Place:
    """A network interface: in a subnet, with security groups."""

    subnet: Resource
    groups: frozenset[str]

    @property
    def address(self) -> IPv4Address:
        return ip_network(self.subnet.properties["CidrBlock"])[10]

    @property
    def vpc(self) -> str:
        return str(self.subnet.properties["VpcId"])


@dataclass
class Network:
    """The networks of all templates."""

    templates: Templates
    prefix_list: str
    rules: dict[str, dict[str, list[Mapping[str, Any]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.templates.resources("AWS::EC2::SecurityGroup"):
            self.rules[f"{group.id}.GroupId"] = {
                "in": list(group.properties.get("SecurityGroupIngress", [])),
                "out": list(group.properties["SecurityGroupEgress"]),
            }
        for type_, way in (("Ingress", "in"), ("Egress", "out")):
            for rule in self.templates.resources(f"AWS::EC2::SecurityGroup{type_}"):
                self.rules[rule.properties["GroupId"]][way].append(rule.properties)

    # Where things are

    def subnets(self, stack: str, group: str) -> list[Resource]:
        """The subnets of a group, as `raw`, of a stack, as `engineering-network`."""
        found = [
            subnet
            for subnet in self.templates.resources("AWS::EC2::Subnet", stack=stack)
            if any(tag["Value"][:-2].endswith(f"-{group}") for tag in subnet.properties["Tags"])
        ]
        assert len(found) >= 2, f"{group} of {stack} has {len(found)} subnets, and not one in each zone"
        return found

    def places(self, stack: str, group: str, *security_groups: str) -> list[Place]:
        """An interface in each subnet of the group, with security groups by their construct's name."""
        ids = frozenset(self._security_group(stack, name) for name in security_groups)
        return [Place(subnet, ids) for subnet in self.subnets(stack, group)]

    def _security_group(self, stack: str, name: str) -> str:
        found = [
            group.id
            for group in self.templates.resources("AWS::EC2::SecurityGroup", stack=stack)
            if any(tag["Value"].endswith(f"-{name}") for tag in group.properties["Tags"])
        ]
        assert len(found) == 1, f"{len(found)} security groups {name} in {stack}"
        return f"{found[0]}.GroupId"

    # What reaches what

    def connects(self, source: Place, goal: Place, port: int) -> bool:
        """Whether a TCP connection can be opened, and answered."""
        return (
            self._group_lets(source, "out", goal.address, port, goal.groups)
            and self._acl_lets(source.subnet, egress=True, address=goal.address, port=port)
            and self._routes(source.subnet, goal)
            and self._acl_lets(goal.subnet, egress=False, address=source.address, port=port)
            and self._group_lets(goal, "in", source.address, port, source.groups)
            and self._acl_lets(goal.subnet, egress=True, address=source.address, port=REPLY)
            and self._routes(goal.subnet, source)
            and self._acl_lets(source.subnet, egress=False, address=goal.address, port=REPLY)
        )

    def reaches_internet(self, source: Place, address: str, port: int) -> bool:
        """Whether a connection leaves for the internet: by a NAT gateway, or from a public subnet."""
        goal = ip_address(address)
        return (
            self._group_lets(source, "out", goal, port, frozenset())
            and self._acl_lets(source.subnet, egress=True, address=goal, port=port)
            and self._to_internet(source.subnet, goal)
            and self._acl_lets(source.subnet, egress=False, address=goal, port=REPLY)
        )

    def is_reached_from_internet(self, goal: Place, address: str, port: int) -> bool:
        """Whether somebody outside can open a connection to an interface here that has a public address."""
        caller = ip_address(address)
        return (
            self._acl_lets(goal.subnet, egress=False, address=caller, port=port)
            and self._group_lets(goal, "in", caller, port, frozenset())
            and self._acl_lets(goal.subnet, egress=True, address=caller, port=REPLY)
            and self._target(goal.subnet, caller)[0] == "GatewayId"
        )

    def reaches_s3(self, source: Place, request: Request) -> str:
        """By which way a request to S3 leaves: `endpoint`, `interface`, `internet`; `` where it does not."""
        for endpoint in self._endpoints(source.vpc, "Interface"):
            if (
                endpoint.properties["ServiceName"].endswith(".s3")
                and endpoint.properties["PrivateDnsEnabled"]
            ):
                # under S3's own name it is found before any route is looked at
                return "interface" if self.reaches_service(source, ".s3", 443, request) else ""
        if not self._group_lets(source, "out", S3_ADDRESS, 443, frozenset()):
            return ""
        if not self._acl_lets(source.subnet, egress=True, address=S3_ADDRESS, port=443):
            return ""
        if not self._acl_lets(source.subnet, egress=False, address=S3_ADDRESS, port=REPLY):
            return ""
        table = self._table(source.subnet)
        for endpoint in self._endpoints(source.vpc, "Gateway"):
            if table in endpoint.properties["RouteTableIds"]:  # more specific than any other route
                return "endpoint" if _policy_allows(endpoint, request) else ""
        return "internet" if self._to_internet(source.subnet, S3_ADDRESS) else ""

    def reaches_service(
        self, source: Place, service: str, port: int = 443, request: Request | None = None
    ) -> bool:
        """Whether an interface endpoint, by the end of its service's name, can be reached from here."""
        for endpoint in self._endpoints(source.vpc, "Interface"):
            if not endpoint.properties["ServiceName"].endswith(service):
                continue
            ids = endpoint.properties["SubnetIds"]
            groups = frozenset(endpoint.properties["SecurityGroupIds"])
            interfaces = [
                Place(subnet, groups)
                for subnet in self.templates.resources("AWS::EC2::Subnet")
                if subnet.id in ids
            ]
            assert len(interfaces) == 2, f"{service} is in {len(interfaces)} subnets"
            if request is not None and not _policy_allows(endpoint, request):
                return False
            return all(self.connects(source, interface, port) for interface in interfaces)
        return False

    # Its parts

    def _group_lets(
        self, place: Place, way: str, address: IPv4Address, port: int, others: frozenset[str]
    ) -> bool:
        return any(
            _covers(rule, port) and self._names(rule, address, others)
            for group in place.groups
            for rule in self.rules[group][way]
        )

    def _names(self, rule: Mapping[str, Any], address: IPv4Address, others: frozenset[str]) -> bool:
        if "CidrIp" in rule:
            return address in ip_network(rule["CidrIp"])
        if "DestinationPrefixListId" in rule:
            return rule["DestinationPrefixListId"] == self.prefix_list and address == S3_ADDRESS
        return (rule.get("SourceSecurityGroupId") or rule["DestinationSecurityGroupId"]) in others

    def _acl_lets(self, subnet: Resource, *, egress: bool, address: IPv4Address, port: int) -> bool:
        acl = self._associated(subnet, "AWS::EC2::SubnetNetworkAclAssociation", "NetworkAclId")
        entries = [
            entry.properties
            for entry in self.templates.resources("AWS::EC2::NetworkAclEntry")
            if entry.properties["NetworkAclId"] == acl and entry.properties.get("Egress", False) == egress
        ]
        for entry in sorted(entries, key=lambda one: one["RuleNumber"]):
            ports = entry.get("PortRange")
            if address in ip_network(entry["CidrBlock"]) and (
                entry["Protocol"] == -1 or (entry["Protocol"] == 6 and ports["From"] <= port <= ports["To"])
            ):
                return bool(entry["RuleAction"] == "allow")
        return False

    def _routes(self, subnet: Resource, goal: Place) -> bool:
        vpc = str(subnet.properties["VpcId"])
        if vpc == goal.vpc:
            return True
        kind, target = self._target(subnet, goal.address)
        if kind == "TransitGatewayId":
            return self._transits(vpc, goal)
        if kind == "VpcPeeringConnectionId":
            [peering] = [
                one for one in self.templates.resources("AWS::EC2::VPCPeeringConnection") if one.id == target
            ]
            return {vpc, goal.vpc} == {peering.properties["VpcId"], peering.properties["PeerVpcId"]}
        return False

    def _transits(self, vpc: str, goal: Place) -> bool:
        at = {one.id: one for one in self.templates.resources("AWS::EC2::TransitGatewayAttachment")}
        peerings = {
            one.id: {one.stack.region, one.properties["PeerRegion"]}
            for one in self.templates.resources("AWS::EC2::TransitGatewayPeeringAttachment")
        }
        # a peering is an attachment in both regions, under one id, and has a table in each
        tables = {
            (one.properties["TransitGatewayAttachmentId"], one.stack.region): one.properties[
                "TransitGatewayRouteTableId"
            ]
            for one in self.templates.resources("AWS::EC2::TransitGatewayRouteTableAssociation")
        }
        [(came_by, region)] = [
            (id_, one.stack.region) for id_, one in at.items() if one.properties["VpcId"] == vpc
        ]
        for _ in range(4):
            leads_to = self._transit_route(tables[came_by, region], goal.address)
            if leads_to not in peerings:
                return leads_to in at and at[leads_to].properties["VpcId"] == goal.vpc
            [region] = peerings[leads_to] - {region}
            came_by = leads_to
        raise AssertionError("a connection goes round between transit gateways")

    def _transit_route(self, table: str, address: IPv4Address) -> str:
        """The attachment that the most specific route of a transit gateway's table leads to."""
        routes = [
            (ip_network(one.properties["DestinationCidrBlock"]), one.properties)
            for one in self.templates.resources("AWS::EC2::TransitGatewayRoute")
            if one.properties["TransitGatewayRouteTableId"] == table
        ]
        fit = [one for one in routes if address in one[0]]
        if not fit:
            return ""
        return str(max(fit, key=lambda one: one[0].prefixlen)[1]["TransitGatewayAttachmentId"])

    def _to_internet(self, subnet: Resource, address: IPv4Address) -> bool:
        kind, target = self._target(subnet, address)
        if kind == "NatGatewayId":
            [nat] = [one for one in self.templates.resources("AWS::EC2::NatGateway") if one.id == target]
            [where] = [
                one
                for one in self.templates.resources("AWS::EC2::Subnet")
                if one.id == nat.properties["SubnetId"]
            ]
            return (
                self._acl_lets(where, egress=True, address=address, port=443)
                and self._acl_lets(where, egress=False, address=address, port=REPLY)
                and self._target(where, address)[0] == "GatewayId"
            )
        return kind == "GatewayId"

    def _target(self, subnet: Resource, address: IPv4Address) -> tuple[str, str]:
        """The kind and the id of what the most specific route leads to; empty without a route."""
        table = self._table(subnet)
        fit = [(block, kind, id_) for block, kind, id_ in self._table_routes(table) if address in block]
        if not fit:
            return "", ""
        _, kind, id_ = max(fit, key=lambda one: one[0].prefixlen)
        return kind, id_

    def _table_routes(self, table: str) -> Iterator[tuple[IPv4Network, str, str]]:
        known = ("GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId")
        for route in self.templates.resources("AWS::EC2::Route"):
            if route.properties["RouteTableId"] == table:
                targets = [name for name in known if name in route.properties]
                assert len(targets) == 1, f"{route.id} leads to something that is not known here"
                yield (
                    IPv4Network(route.properties["DestinationCidrBlock"]),
                    targets[0],
                    str(route.properties[targets[0]]),
                )

    def _table(self, subnet: Resource) -> str:
        return self._associated(subnet, "AWS::EC2::SubnetRouteTableAssociation", "RouteTableId")

    def _associated(self, subnet: Resource, type_: str, property_: str) -> str:
        found = [
            one.properties[property_]
            for one in self.templates.resources(type_)
            if one.properties["SubnetId"] == subnet.id
        ]
        assert len(found) == 1, f"{subnet.id} has {len(found)} of {property_}"
        return str(found[0])

    def _endpoints(self, vpc: str, kind: str) -> Iterator[Resource]:
        for endpoint in self.templates.resources("AWS::EC2::VPCEndpoint"):
            if endpoint.properties["VpcId"] == vpc and endpoint.properties["VpcEndpointType"] == kind:
                yield endpoint


def _covers(rule: Mapping[str, Any], port: int) -> bool:
    protocol = str(rule["IpProtocol"])
    return protocol == "-1" or (protocol in ("tcp", "6") and rule["FromPort"] <= port <= rule["ToPort"])


def _policy_allows(endpoint: Resource, request: Request) -> bool:
    """An endpoint's policy is like a resource's: what it does not allow does not pass"""
    policy = endpoint.properties.get("PolicyDocument")
    if policy is None:
        return True
    return Policies(resources={request.resource: policy}).allows(request)


def told(templates: Templates) -> dict[str, str]:
    """What is told to stacks when they are deployed, by the names of their parameters."""
    made: dict[str, str] = {}
    for resource in templates.resources(
        "AWS::EC2::TransitGateway",
        "AWS::EC2::TransitGatewayAttachment",
        "AWS::EC2::TransitGatewayPeeringAttachment",
        "AWS::EC2::VPCPeeringConnection",
    ):
        standby = resource.stack.name.endswith("-standby")
        account = "standby" if standby else resource.stack.name.split("-")[1]
        if resource.type == "AWS::EC2::TransitGateway":
            made["StandbyTransitGateway" if standby else "TransitGateway"] = resource.id
        elif resource.type == "AWS::EC2::TransitGatewayPeeringAttachment":
            made["InterRegionAttachment"] = resource.id
        elif resource.type == "AWS::EC2::TransitGatewayAttachment":
            made[f"{account.title()}Attachment"] = resource.id
        else:
            made[f"PeeringWith{account.title()}"] = resource.id
    for resource in templates.resources("AWS::EC2::VPC"):
        standby = resource.stack.name.endswith("-standby")
        account = "standby" if standby else resource.stack.name.split("-")[1]
        made[f"{account.title()}Vpc"] = resource.id
    return made
