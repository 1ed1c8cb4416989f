"""What Databricks is given: a role to launch clusters, their instance profile, Unity Catalog's roles."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.keys import zones_of
from medallion_platform.network.lakehouse import CLUSTERS
from medallion_platform.policies import Statement, allow, deny
from medallion_platform.regions.database import reader_arn
from medallion_platform.settings import Settings

_KINDS = ["fleet", "instance", "launch-template", "network-interface", "volume"]
_TAGGED = {"StringEquals": {"aws:RequestTag/Vendor": "Databricks"}}
_OURS = {"StringEquals": {"ec2:ResourceTag/Vendor": "Databricks"}}
_LAUNCH = ["ec2:CreateFleet", "ec2:RequestSpotInstances", "ec2:RunInstances"]


class DatabricksAccess(Construct):
    """The roles of an account's workspace."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        databricks = settings.databricks
        workspace = make_role(
            self,
            settings,
            f"{account}-workspace",
            trust=[allow("Clusters", ["sts:AssumeRole"], None, to={"Service": "ec2.amazonaws.com"})],
            statements=list(_workspace(settings, account)),
            description="Clusters of the workspace, by their instance profile",
        )
        profile = iam.CfnInstanceProfile(
            self,
            "profile",
            instance_profile_name=f"{settings.prefix}-{account}-workspace",
            roles=[f"{settings.prefix}-{account}-workspace"],
        )
        profile.add_resource_dependency(workspace)
        make_role(
            self,
            settings,
            f"{account}-databricks",
            trust=[
                allow(
                    "Databricks",
                    ["sts:AssumeRole"],
                    None,
                    to={"AWS": f"arn:aws:iam::{databricks.aws_account}:root"},
                    when={"StringEquals": {"sts:ExternalId": settings.databricks_account}},
                )
            ],
            statements=list(_launching(settings, account)),
            description="Databricks, to launch and end clusters",
        )
        for zone in ("landing", "raw", "trusted", "refined"):
            if zone in zones_of(account):
                _catalog(self, settings, f"{account}-unity-catalog-{zone}")


def _workspace(settings: Settings, account: str) -> Iterator[Statement]:
    own, region = settings.account(account), settings.region
    if settings.parts.streams and account == "engineering":
        yield allow(
            "Streams",
            [
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            f"arn:aws:kinesis:{region}:{own}:stream/{settings.prefix}-*",
        )
        yield allow(
            "StreamsKey",
            ["kms:Decrypt"],
            f"arn:aws:kms:{region}:{own}:key/*",
            when={
                "StringEquals": {"kms:ViaService": f"kinesis.{region}.amazonaws.com"},
                "ForAnyValue:StringEquals": {
                    "kms:ResourceAliases": f"alias/{settings.prefix}-{account}-platform"
                },
            },
        )
    if settings.parts.database and account == "engineering":
        # By its IAM authentication, which another account's roles have not. Which database that is, is known
        # only once it is there.
        regions = [region, *([settings.replica.region] if settings.parts.failover else [])]
        yield allow("Database", ["rds-db:connect"], [reader_arn(settings, each) for each in regions])


def _catalog(scope: Construct, settings: Settings, name: str) -> None:
    """A storage credential: Unity Catalog takes on the role, and so does the role, with the external id."""
    own = settings.role(name)
    account = own.split(":")[4]
    external = {"sts:ExternalId": settings.databricks_account}
    make_role(
        scope,
        settings,
        name,
        trust=[
            allow(
                "UnityCatalog",
                ["sts:AssumeRole"],
                None,
                to={"AWS": settings.databricks.catalog_role},
                when={"StringEquals": external},
            ),
            allow(  # named by a condition: a principal must be there already, and the role is not
                "Itself",
                ["sts:AssumeRole"],
                None,
                to={"AWS": f"arn:aws:iam::{account}:root"},
                when={"StringEquals": external, "ArnEquals": {"aws:PrincipalArn": own}},
            ),
        ],
        statements=[allow("Itself", ["sts:AssumeRole"], own)],
        description="Storage credential of Unity Catalog",
    )


def _network_names(settings: Settings, account: str) -> Iterator[str]:
    """Of what clusters are in: the security group `workspace`, and the subnets of document 1."""
    yield f"{settings.prefix}-{account}-workspace"
    for group in CLUSTERS[account]:
        yield from (f"{settings.prefix}-{account}-{group}-{letter}" for letter in "ab")


def _launching(settings: Settings, account: str) -> Iterator[Statement]:
    """What Databricks asks for where the VPC is the customer's, and no more: see docs/platform.md."""
    own = settings.account(account)
    here = f"arn:aws:ec2:{settings.region}:{own}"
    made = [f"{here}:{kind}/*" for kind in _KINDS]
    found = [*made, f"{here}:spot-instances-request/*"]
    images = f"arn:aws:ec2:{settings.region}::image/*"
    creating = ["CreateFleet", "CreateLaunchTemplate", "CreateVolume", "RequestSpotInstances", "RunInstances"]
    template = ["ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:CreateVolume"]
    yield allow("Launch", [*_LAUNCH, *template], made, when=_TAGGED)
    yield allow(
        "TagWhatIsLaunched",
        ["ec2:CreateTags"],
        made,
        when={"StringEquals": {**_TAGGED["StringEquals"], "ec2:CreateAction": creating}},
    )
    yield allow(
        "ChangeWhatIsOurs",
        [
            *_LAUNCH, *template,
            "ec2:AssignPrivateIpAddresses", "ec2:AssociateIamInstanceProfile", "ec2:AttachVolume",
            "ec2:CancelSpotInstanceRequests", "ec2:CreateTags", "ec2:DeleteFleets",
            "ec2:DeleteLaunchTemplate", "ec2:DeleteLaunchTemplateVersions", "ec2:DeleteTags",
            "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:DisassociateIamInstanceProfile",
            "ec2:GetLaunchTemplateData", "ec2:ModifyFleet", "ec2:ModifyLaunchTemplate",
            "ec2:ReplaceIamInstanceProfileAssociation", "ec2:TerminateInstances",
        ],
        found,
        when=_OURS,
    )  # fmt: skip
    owner = {"ec2:Owner": settings.databricks.image_account}
    yield allow("ImagesOfDatabricks", _LAUNCH, images, when={"StringEquals": owner})
    yield deny("NoOtherImages", _LAUNCH, "arn:aws:ec2:*::image/*", when={"StringNotEquals": owner})
    # by names, which nobody but who deploys can give: the account has other networks, one with the internet
    network = [f"{here}:security-group/*", f"{here}:subnet/*"]
    names = {"StringEquals": {"ec2:ResourceTag/Name": list(_network_names(settings, account))}}
    yield allow("IntoOurNetwork", ["ec2:RunInstances"], network, when=names)
    yield allow(
        "Look",
        [
            "ec2:DescribeAvailabilityZones", "ec2:DescribeFleetHistory", "ec2:DescribeFleetInstances",
            "ec2:DescribeFleets", "ec2:DescribeIamInstanceProfileAssociations", "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeLaunchTemplates", "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls",
            "ec2:DescribePrefixLists", "ec2:DescribeReservedInstancesOfferings", "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups", "ec2:DescribeSpotInstanceRequests", "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs",
            "ec2:GetSpotPlacementScores",
        ],
        "*",  # AWS has these for all resources only
    )  # fmt: skip
    yield allow(
        "ClustersAsWorkspace",
        ["iam:PassRole"],
        settings.role(f"{account}-workspace"),
        when={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    )
    yield allow(
        "Spot",
        ["iam:CreateServiceLinkedRole"],
        f"arn:aws:iam::{own}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        when={"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    )
