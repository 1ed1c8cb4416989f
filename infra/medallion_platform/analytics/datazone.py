"""DataZone: a domain to find data in, a project per domain of the contracts, the lake as an environment."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_datazone as datazone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.analytics.contracts import lake
from medallion_platform.databases import LAYERS
from medallion_platform.identity.roles import boundary_arn, make_role
from medallion_platform.policies import Statement, allow
from medallion_platform.settings import Settings

_MANAGED = "arn:aws:iam::aws:policy/service-role"


class Domain(Construct):
    """What CloudFormation has of it. Assets are published, and subscriptions granted, in DataZone itself; a
    grant there becomes one of Lake Formation."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        self._settings, self._own = settings, settings.account("serving")
        execution = self._role("domain", "The domain's own calls", "AmazonDataZoneDomainExecutionRolePolicy",
                               ["sts:AssumeRole", "sts:TagSession"])  # fmt: skip
        self.domain = datazone.CfnDomain(
            self,
            "domain",
            name=settings.prefix,
            description="Data products of the lakehouse",
            domain_execution_role=execution.attr_arn,
            kms_key_identifier=key.attr_arn,
        )
        for name in sorted({table.domain for table in lake(settings.analytics.product)}):
            datazone.CfnProject(
                self,
                f"project-{name}",
                domain_identifier=self.domain.attr_id,
                name=name,
                description=f"Data of {name}",
            )
        self._blueprint()

    def _blueprint(self) -> None:
        settings, region = self._settings, self._settings.region
        access = self._role("access", "Grants of subscriptions", "AmazonDataZoneGlueManageAccessRolePolicy")
        making = self._role(
            "provisioning", "Environments of projects", "AmazonDataZoneRedshiftGlueProvisioningPolicy"
        )
        datazone.CfnEnvironmentBlueprintConfiguration(
            self,
            "lake",
            domain_identifier=self.domain.attr_id,
            environment_blueprint_identifier="DefaultDataLake",
            enabled_regions=[region],
            manage_access_role_arn=access.attr_arn,
            provisioning_role_arn=making.attr_arn,
            environment_role_permission_boundary=boundary_arn(settings, "serving"),
            regional_parameters=[
                datazone.CfnEnvironmentBlueprintConfiguration.RegionalParameterProperty(
                    region=region,
                    parameters={"S3Location": f"s3://{settings.bucket(LAYERS['gold'])}/datazone"},
                )
            ],
        )

    def _role(
        self,
        name: str,
        description: str,
        managed: str,
        actions: tuple[str, ...] | list[str] = ("sts:AssumeRole",),
    ) -> iam.CfnRole:
        own: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": self._own}}
        trust: Statement = allow(
            "DataZone", actions, None, to={"Service": "datazone.amazonaws.com"}, when=own
        )
        role = make_role(
            self, self._settings, f"serving-datazone-{name}", trust=[trust], description=description
        )
        role.managed_policy_arns = [f"{_MANAGED}/{managed}"]
        return role
