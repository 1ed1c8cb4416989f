"""Document 2's network: public subnets that face the internet, private ones behind a NAT gateway, and private
links for the services used."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnTag
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.network.endpoints import interface, s3_gateway
from medallion_platform.network.flow_logs import FlowLogs
from medallion_platform.network.rules import ANYWHERE, REDSHIFT, REPLIES, TLS, Rule, SecurityGroup
from medallion_platform.network.vpc import Group, Vpc
from medallion_platform.parameters import asked
from medallion_platform.policies import allow
from medallion_platform.settings import Settings

_INTERFACES = [
    "athena", "emr-serverless", "execute-api", "glue", "kinesis-streams", "kms", "lambda", "logs",
    "monitoring", "redshift-data", "secretsmanager", "sts",
]  # fmt: skip
_PRIVATE = ["analytics", "processing"]
_ZONES = ["trusted", "refined"]


class EdgeNetwork(Construct):
    """The VPC of what people and applications use: `analytics` is for QuickSight, `processing` for EMR,
    Glue and Lambda, `warehouse` for Redshift."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key_arn: str) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self.network = Vpc(self, "network", settings, "edge", settings.networks.edge, self._groups())
        self._internet()
        self._security_groups()
        warehouse, lake = (["warehouse"], ["lakeformation"]) if settings.parts.redshift else ([], [])
        for group in (*_PRIVATE, *warehouse):
            s3_gateway(self, settings, self.network, group, [settings.bucket(zone) for zone in _ZONES])
        for service in (*_INTERFACES, *lake):
            interface(self, settings, self.network, self.endpoints, service)
        self._balancer()
        self._connections()
        FlowLogs(self, "flow-logs", settings, "serving", "edge", self.network.id, key_arn)

    def _groups(self) -> Sequence[Group]:
        inside = self._settings.networks.edge
        outward = [Rule(inside), Rule(ANYWHERE, TLS)]
        return [
            Group(
                "public",
                "0.0",
                24,
                inbound=[Rule(ANYWHERE, TLS), Rule(ANYWHERE, REPLIES)],
                outbound=[*outward, Rule(ANYWHERE, REPLIES)],
            ),
            *(
                # answers from the internet come by the NAT gateway, under the addresses they were asked at
                Group(name, first, 20, inbound=[Rule(inside), Rule(ANYWHERE, REPLIES)], outbound=outward)
                for name, first in zip(_PRIVATE, ("32.0", "64.0"), strict=True)
            ),
            Group("endpoints", "240.0", 24, inbound=[Rule(inside, TLS)], outbound=[Rule(inside, REPLIES)]),
            *self._warehouse(),
        ]

    def _warehouse(self) -> list[Group]:
        """Redshift Serverless wants three availability zones. It reaches services of AWS, and S3."""
        if not self._settings.parts.redshift:
            return []
        inside = self._settings.networks.edge
        return [
            Group(
                "warehouse",
                "96.0",
                24,
                inbound=[Rule(inside), Rule(ANYWHERE, REPLIES)],
                outbound=[Rule(inside), Rule(ANYWHERE, TLS)],
                zones=3,
            )
        ]

    def _internet(self) -> None:
        network = self.network
        gateway = ec2.CfnInternetGateway(self, "internet")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "attached", vpc_id=network.id, internet_gateway_id=gateway.ref
        )
        out = network.route("public", "internet", ANYWHERE, gateway_id=gateway.ref)
        out.add_resource_dependency(attached)
        address = ec2.CfnEIP(self, "address", domain="vpc")
        address.add_resource_dependency(attached)
        nat = ec2.CfnNatGateway(
            self,
            "nat",
            subnet_id=network.subnets["public"][0].ref,
            allocation_id=address.attr_allocation_id,
            tags=[CfnTag(key="Name", value=f"{self._settings.prefix}-edge")],
        )
        for group in _PRIVATE:
            network.route(group, "updates", ANYWHERE, nat_gateway_id=nat.ref)

    def _security_groups(self) -> None:
        def group(name: str, description: str) -> SecurityGroup:
            called = f"{self._settings.prefix}-edge-{name}"
            return SecurityGroup(self, name, self.network.id, called, description)

        self.balancer = group("balancer", "Load balancer")
        self.processing = group("processing", "EMR, Glue and Lambda")
        self.redshift = group("redshift", "Redshift")
        self.quicksight = group("quicksight", "QuickSight")
        self.endpoints = group("endpoints", "Private links")
        self.balancer.admits_block(ANYWHERE, TLS, "Applications and people")
        self.balancer.reaches(self.processing, TLS, "What answers them")
        self.processing.reaches_itself("Machines of a cluster")
        self.processing.reaches_block(ANYWHERE, TLS, "Updates of software, by the NAT gateway")
        self.processing.reaches(self.redshift, REDSHIFT, "Queries")
        self.quicksight.reaches(self.redshift, REDSHIFT, "Queries of dashboards")
        # answers to QuickSight are looked at as if they were new connections
        self.quicksight.admits_group(self.redshift, REPLIES, "Answers")
        for one in (self.processing, self.redshift):
            one.reaches(self.endpoints, TLS, "Services of AWS")
            one.reaches_prefixes(self._settings.s3_prefix_list, TLS, "S3, by its gateway")

    def _balancer(self) -> None:
        """Who is asked for nothing that is there is told so; services add their rules."""
        certificate = asked(
            self,
            "Certificate",
            "ARN of the certificate for the load balancer's name",
            pattern="arn:aws:acm:.*",
        )
        attributes = {
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": self._settings.bucket("access-logs-serving"),
            "access_logs.s3.prefix": "balancer",
            "deletion_protection.enabled": "true",
            "routing.http.drop_invalid_header_fields.enabled": "true",
        }
        balancer = elb.CfnLoadBalancer(
            self,
            "load-balancer",
            name=f"{self._settings.prefix}-edge",
            type="application",
            scheme="internet-facing",
            subnets=self.network.subnet_ids("public"),
            security_groups=[self.balancer.id],
            load_balancer_attributes=[
                elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
                for key, value in attributes.items()
            ],
        )
        elb.CfnListener(
            self,
            "listener",
            load_balancer_arn=balancer.ref,
            port=443,
            protocol="HTTPS",
            ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=certificate)],
            default_actions=[
                elb.CfnListener.ActionProperty(
                    type="fixed-response",
                    fixed_response_config=elb.CfnListener.FixedResponseConfigProperty(
                        status_code="404", content_type="text/plain", message_body="There is nothing here."
                    ),
                )
            ],
        )

    def _connections(self) -> None:
        """How API Gateway, Glue and QuickSight, which run elsewhere, come into the private subnets."""
        settings = self._settings
        api.CfnVpcLink(
            self,
            "api-link",
            name=f"{settings.prefix}-edge",
            subnet_ids=self.network.subnet_ids("processing"),
            security_group_ids=[self.processing.id],
        )
        glue.CfnConnection(
            self,
            "glue-link",
            catalog_id=settings.account("serving"),
            connection_input=glue.CfnConnection.ConnectionInputProperty(
                name=f"{settings.prefix}-edge",
                connection_type="NETWORK",
                physical_connection_requirements=glue.CfnConnection.PhysicalConnectionRequirementsProperty(
                    availability_zone=self.network.subnets["processing"][0].attr_availability_zone,
                    subnet_id=self.network.subnet_ids("processing")[0],
                    security_group_id_list=[self.processing.id],
                ),
            ),
        )
        role = make_role(
            self,
            settings,
            "serving-quicksight-network",
            trust=[allow("QuickSight", ["sts:AssumeRole"], None, to={"Service": "quicksight.amazonaws.com"})],
            statements=[
                allow(  # AWS has these for all resources only
                    "IntoTheNetwork",
                    [
                        "ec2:CreateNetworkInterface",
                        "ec2:DeleteNetworkInterface",
                        "ec2:DescribeSecurityGroups",
                        "ec2:DescribeSubnets",
                        "ec2:ModifyNetworkInterfaceAttribute",
                    ],
                    "*",
                )
            ],
            description="QuickSight's network interfaces",
        )
        quicksight.CfnVPCConnection(
            self,
            "quicksight-link",
            aws_account_id=settings.account("serving"),
            vpc_connection_id=f"{settings.prefix}-edge",
            name=f"{settings.prefix}-edge",
            subnet_ids=self.network.subnet_ids("analytics"),
            security_group_ids=[self.quicksight.id],
            role_arn=role.attr_arn,
        )
