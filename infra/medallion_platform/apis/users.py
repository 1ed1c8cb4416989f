"""Who may call the APIs: a user pool, whose groups are the roles of the contracts."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from medallion_platform.settings import Settings


class Users(Construct):
    """Administrators add people, or an identity provider of the company's does; nobody signs up alone."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, roles: Iterable[str]) -> None:
        super().__init__(scope, id_)
        pool = cognito.CfnUserPool
        self.pool = pool(
            self,
            "pool",
            user_pool_name=f"{settings.prefix}-apis",
            admin_create_user_config=pool.AdminCreateUserConfigProperty(allow_admin_create_user_only=True),
            deletion_protection="ACTIVE",
            mfa_configuration="ON",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            username_attributes=["email"],
            policies=pool.PoliciesProperty(
                password_policy=pool.PasswordPolicyProperty(
                    minimum_length=14,
                    require_lowercase=True,
                    require_numbers=True,
                    require_symbols=True,
                    require_uppercase=True,
                    temporary_password_validity_days=3,
                )
            ),
        )
        self.pool.apply_removal_policy(RemovalPolicy.RETAIN)
        self.client = cognito.CfnUserPoolClient(
            self,
            "client",
            client_name=f"{settings.prefix}-apis",
            user_pool_id=self.pool.ref,
            explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            id_token_validity=60,
            access_token_validity=60,
            refresh_token_validity=1,
            token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
                id_token="minutes",  # noqa: S106 (a unit)
                access_token="minutes",  # noqa: S106
                refresh_token="days",  # noqa: S106
            ),
        )
        for role in sorted(roles):
            cognito.CfnUserPoolGroup(
                self,
                f"group-{role}",
                group_name=role,
                user_pool_id=self.pool.ref,
                description="A role of the contracts",
            )
