"""The organization: a unit for accounts without internet, one for those that serve people, accounts."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_organizations as organizations
from constructs import Construct

from medallion_platform.accounts.guard_rails import everywhere, without_internet
from medallion_platform.parameters import asked
from medallion_platform.regions.residency import guard
from medallion_platform.settings import Settings

# The serving account has document 2's network, which faces the internet.
UNITS = {"private": ["engineering", "consumers"], "edge": ["serving"]}


class Organization(Construct):
    """Deployed from the management account, which holds nothing else."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        organization = organizations.CfnOrganization(self, "organization", feature_set="ALL")
        organization.apply_removal_policy(RemovalPolicy.RETAIN)
        data = organizations.CfnOrganizationalUnit(
            self, "data", name=settings.prefix, parent_id=organization.attr_root_id
        )
        units = {}
        for name, accounts in UNITS.items():
            unit = organizations.CfnOrganizationalUnit(
                self, name, name=f"{settings.prefix}-{name}", parent_id=data.attr_id
            )
            units[name] = unit
            recovery = ["recovery"] if settings.parts.backup and name == "private" else []
            for account in [*accounts, *recovery]:
                self._account(settings, account, unit)
        staying = [("data-residency", guard(settings), data)] if settings.parts.residency else []
        for name, content, target in (
            ("guard-rails", everywhere(settings), data),
            ("without-internet", without_internet(), units["private"]),
            *staying,
        ):
            organizations.CfnPolicy(
                self,
                f"{name}-policy",
                name=f"{settings.prefix}-{name}",
                description="What nobody may do, whatever else is allowed",
                type="SERVICE_CONTROL_POLICY",
                content=content,
                target_ids=[target.attr_id],
            )

    def _account(self, settings: Settings, account: str, unit: organizations.CfnOrganizationalUnit) -> None:
        email = asked(
            self, f"{account.title()}Email", f"Address of the owner of the account {account}", pattern=".+@.+"
        )
        made = organizations.CfnAccount(
            self,
            f"{account}-account",
            account_name=f"{settings.prefix}-{account}",
            email=email,
            parent_ids=[unit.attr_id],
        )
        made.apply_removal_policy(RemovalPolicy.RETAIN)
