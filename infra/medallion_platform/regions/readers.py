"""Who reads in region B what region A replicated: clusters there, by roles of their own."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.policies import allow
from medallion_platform.regions.database import reader_arn
from medallion_platform.settings import Settings


class Readers(Construct):
    """The instance profile of an account's clusters in region B. It reads copies there; nothing in region A,
    and it writes nowhere: what is written is a failover's own matter."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        name = f"{account}-standby"
        role = make_role(
            self,
            settings,
            name,
            trust=[allow("Clusters", ["sts:AssumeRole"], None, to={"Service": "ec2.amazonaws.com"})],
            statements=[
                allow("Database", ["rds-db:connect"], reader_arn(settings, settings.replica.region)),
            ]
            if account == "engineering"
            else [],
            description="Clusters in region B, by their instance profile",
        )
        profile = iam.CfnInstanceProfile(
            self,
            "profile",
            instance_profile_name=f"{settings.prefix}-{name}",
            roles=[f"{settings.prefix}-{name}"],
        )
        profile.add_resource_dependency(role)
