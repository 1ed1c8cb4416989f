"""Guard rails: what holds for everybody in the accounts, administrators too. They grant nothing."""

from __future__ import annotations

from typing import Any

from medallion_platform.policies import deny, document, people
from medallion_platform.settings import ACCOUNTS, Settings

# Services that have no region, or whose one region is us-east-1.
_GLOBAL = [
    "budgets:*", "ce:*", "cloudfront:*", "directconnect:*", "globalaccelerator:*", "health:*",
    "iam:*", "organizations:*", "route53:*", "route53domains:*", "s3:GetAccountPublicAccessBlock",
    "s3:ListAllMyBuckets", "shield:*", "sts:*", "support:*", "trustedadvisor:*", "waf:*",
]  # fmt: skip


# Who deploys the stacks: the permission set `Deployers` of IAM Identity Center. Nobody else can make a role
# on that path, whatever it is called.
DEPLOYERS = people("*", "Deployers")


def everywhere(settings: Settings) -> dict[str, Any]:
    """For all accounts of the platform."""
    prefix = settings.prefix
    but_deployers = {"ArnNotLike": {"aws:PrincipalArn": DEPLOYERS}}
    regions = [settings.region, *([settings.replica.region] if settings.parts.replication else [])]
    administrators = sorted(settings.role(f"{account}-key-administrator") for account in ACCOUNTS)
    return document(
        deny("NobodyLeaves", ["organizations:LeaveOrganization"], "*"),
        {
            "Sid": "OnlyOurRegions",
            "Effect": "Deny",
            "NotAction": _GLOBAL,
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": regions}},
        },
        deny("NotAsRoot", ["*"], "*", when={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}),
        deny("LocksHold", ["s3:BypassGovernanceRetention"], f"arn:aws:s3:::{prefix}-*"),
        deny(
            "NothingIsPublic",
            ["s3:PutAccountPublicAccessBlock", "s3:PutBucketPublicAccessBlock"],
            "*",
            when=but_deployers,
        ),
        # an administrator who could would let himself into a zone
        deny(
            "PoliciesStay",
            [
                "iam:AttachRolePolicy", "iam:CreatePolicyVersion", "iam:CreateRole", "iam:DeleteRole",
                "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
                "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "s3:DeleteBucketPolicy",
                "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy",
            ],
            [
                f"arn:aws:iam::*:policy/{prefix}-*",
                f"arn:aws:iam::*:role/{prefix}-*",
                f"arn:aws:s3:::{prefix}-*",
            ],
            when=but_deployers,
        ),
        # a copy of a key has a policy of its own
        deny("KeyPoliciesStay", ["kms:PutKeyPolicy", "kms:ReplicateKey"], "*", when=but_deployers),
        deny(  # nor give himself one, by a machine of his own
            "RolesAreGivenByThePlatform",
            ["iam:PassRole"],
            f"arn:aws:iam::*:role/{prefix}-*",
            when={"ArnNotLike": {"aws:PrincipalArn": [*DEPLOYERS, f"arn:aws:iam::*:role/{prefix}-*"]}},
        ),
        deny(
            "LogsStay",
            ["cloudtrail:DeleteTrail", "cloudtrail:StopLogging", "ec2:DeleteFlowLogs", "logs:DeleteLogGroup"],
            "*",
        ),
        deny(
            "KeysStay",
            ["kms:DisableKey", "kms:ScheduleKeyDeletion"],
            "*",
            when={"ArnNotEquals": {"aws:PrincipalArn": administrators}},
        ),
        deny(
            "NoUsers",
            ["iam:CreateAccessKey", "iam:CreateUser"],
            "*",
        ),
    )  # fmt: skip


def without_internet() -> dict[str, Any]:
    """For accounts whose networks have no way to the internet."""
    return document(
        deny(
            "NoInternet",
            [
                "ec2:AllocateAddress",
                "ec2:AttachEgressOnlyInternetGateway",
                "ec2:AttachInternetGateway",
                "ec2:CreateEgressOnlyInternetGateway",
                "ec2:CreateInternetGateway",
                "ec2:CreateNatGateway",
                "globalaccelerator:Create*",
            ],
            "*",
        )
    )
