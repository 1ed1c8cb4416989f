"""KMS keys: one for each zone of data, and one of the platform in each account; all multi-region."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.access import KEY_ACTIONS, grants
from medallion_platform.parameters import asked
from medallion_platform.policies import Statement, allow, document
from medallion_platform.regions.residency import tags
from medallion_platform.settings import HOMES, Settings

# Whoever manages a key must not be able to read by it: no Decrypt, Encrypt, GenerateDataKey, CreateGrant.
_MANAGE = [
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
    "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
    "kms:ListAliases", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
    "kms:ReplicateKey", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    "kms:UpdateAlias", "kms:UpdateKeyDescription",
]  # fmt: skip


def zones_of(account: str) -> list[str]:
    return [zone for zone, where in HOMES.items() if where == account]


def make_key(
    scope: Construct, id_: str, settings: Settings, account: str, name: str, policy: dict[str, Any]
) -> kms.CfnKey:
    """A key that is rotated, outlives its stack, and has the alias `<prefix>-<account>-<name>`."""
    key = kms.CfnKey(
        scope,
        id_,
        description=f"{settings.prefix} {name}",
        key_policy=policy,
        enable_key_rotation=True,
        multi_region=not settings.stays(name),
        tags=tags(settings, name) or None,
        pending_window_in_days=30,
    )
    key.apply_removal_policy(RemovalPolicy.RETAIN)
    alias = f"alias/{settings.prefix}-{account}-{name}"
    kms.CfnAlias(scope, f"{id_}-alias", alias_name=alias, target_key_id=key.ref)
    return key


def managed(own: str, *statements: Statement) -> dict[str, Any]:
    """The policy of a key that its account manages, and that is used as the statements say."""
    return document(_management(own), *statements)


def copied_zones(settings: Settings, account: str) -> list[str]:
    """The account's zones that have a copy in region B."""
    return [zone for zone in zones_of(account) if not settings.stays(zone)]


class Keys(Construct):
    """The keys of an account, by zone; `platform` is the one of queues, streams, secrets and logs."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        self._settings, self._account = settings, account
        region = settings.region
        self.by_zone = {
            zone: self._key(zone, _zone_policy(settings, zone, region)) for zone in zones_of(account)
        }
        self.platform = self._key("platform", _platform_policy(settings, account, region))
        self.database: kms.CfnKey | None = None
        if settings.parts.rds and account == "engineering":
            self.database = self._key("database", _database_policy(settings, region))

    def _key(self, name: str, policy: dict[str, Any]) -> kms.CfnKey:
        return make_key(self, name, self._settings, self._account, name, policy)


class ReplicaKeys(Construct):
    """The zones' keys in the replica's region, and the database's. Which keys they are of is told when they
    are deployed."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        region = settings.replica.region
        self.by_zone = {
            zone: self._key(zone, f"the zone {zone}", _zone_policy(settings, zone, region))
            for zone in copied_zones(settings, account)
        }
        self.database: kms.CfnReplicaKey | None = None
        if account == "engineering" and (settings.parts.failover or settings.parts.backup):
            self.database = self._key("database", "the database", _database_policy(settings, region))

    def _key(self, name: str, what: str, policy: dict[str, Any]) -> kms.CfnReplicaKey:
        primary = asked(
            self,
            f"PrimaryKey{name.title()}",
            f"ARN of the key of {what}, an output of the stack of keys",
            pattern="arn:aws:kms:.*:key/mrk-.*",
        )
        key = kms.CfnReplicaKey(
            self, name, primary_key_arn=primary, key_policy=policy, pending_window_in_days=30
        )
        key.apply_removal_policy(RemovalPolicy.RETAIN)
        return key


def _management(account: str) -> dict[str, Any]:
    return allow("Manage", _MANAGE, "*", to={"AWS": f"arn:aws:iam::{account}:root"})


def _zone_policy(settings: Settings, zone: str, region: str) -> dict[str, Any]:
    """S3 uses the key, for roles that may use the zone; nobody uses it otherwise."""
    own = settings.account(HOMES[zone])
    statements = [_management(own)]
    replica = region != settings.region
    table = [grant for grant in grants(settings) if grant.zone == zone and grant.replica == replica]
    by_actions: dict[tuple[str, ...], set[str]] = {}
    for grant in table:
        by_actions.setdefault(tuple(KEY_ACTIONS[grant.kind]), set()).add(settings.role(grant.role))
    if settings.parts.replication and not settings.stays(zone):
        replication = settings.role(f"{HOMES[zone]}-replication")
        actions = ("kms:Decrypt",) if region == settings.region else ("kms:Encrypt", "kms:GenerateDataKey")
        by_actions.setdefault(actions, set()).add(replication)
    for number, (actions, roles) in enumerate(sorted(by_actions.items())):
        accounts = sorted({role.split(":")[4] for role in roles})
        statements.append(
            allow(
                f"Use{number}",
                actions,
                "*",
                to={"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
                when={
                    "ArnEquals": {"aws:PrincipalArn": sorted(roles)},
                    "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
                },
            )
        )
    if zone == "landing" and settings.parts.data_exchange and not replica:
        statements.append(
            allow(
                "DataExchange",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                "*",
                to={"Service": "dataexchange.amazonaws.com"},
                when={"StringEquals": {"aws:SourceAccount": own}},
            )
        )
    return document(*statements)


# What uses the platform's key on behalf of the account, and what does so by a grant of its own.
_USING = ["dms", "kinesis", "lambda", "s3", "scheduler", "secretsmanager", "sns", "sqs"]
_GRANTED = ["dms", "lambda"]
# What else does both in the serving account, where there is a catalog.
_ANALYTICS = ["datazone", "redshift", "redshift-serverless"]


def _platform_policy(settings: Settings, account: str, region: str) -> dict[str, Any]:
    """Queues, streams, functions and logs of one account: through these services, for whom IAM lets use them.
    Zones have keys of their own, which are not as open."""
    own = settings.account(account)
    root = {"AWS": f"arn:aws:iam::{own}:root"}
    more = _ANALYTICS if settings.parts.catalog and account == "serving" else []
    return document(
        _management(own),
        allow(
            "OwnAccount",
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            "*",
            to=root,
            when={
                "StringEquals": {
                    "kms:ViaService": [f"{name}.{region}.amazonaws.com" for name in (*_USING, *more)]
                }
            },
        ),
        allow(
            "Grants",
            ["kms:CreateGrant"],
            "*",
            to=root,
            when={
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "StringEquals": {
                    "kms:ViaService": [f"{name}.{region}.amazonaws.com" for name in (*_GRANTED, *more)]
                },
            },
        ),
        _logs(own, region),
        allow(
            "Events",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            "*",
            to={"Service": ["events.amazonaws.com", "s3.amazonaws.com", "scheduler.amazonaws.com"]},
            when={"StringEquals": {"aws:SourceAccount": own}},
        ),
    )


def _logs(own: str, region: str) -> dict[str, Any]:
    return allow(
        "Logs",
        [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        "*",
        to={"Service": f"logs.{region}.amazonaws.com"},
        when={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{own}:log-group:*"}},
    )


def _database_policy(settings: Settings, region: str) -> dict[str, Any]:
    """The database, its backups and its secrets: through these services alone. What a key allows here is
    no way into the database, whose rows nobody reads by its key."""
    own = settings.account("engineering")
    using = [
        "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
    ]  # fmt: skip
    accounts = {"OwnAccount": own}
    if settings.parts.backup and region == settings.replica.region:
        accounts["Recovery"] = settings.account("recovery")  # copies what is in region B's vault
    statements = []
    for sid, account in accounts.items():
        root = {"AWS": f"arn:aws:iam::{account}:root"}
        services = ["backup", "rds"] if sid == "Recovery" else ["backup", "rds", "secretsmanager"]
        via = {"kms:ViaService": [f"{name}.{region}.amazonaws.com" for name in services]}
        statements.append(allow(sid, using, "*", to=root, when={"StringEquals": via}))
        granted = {"Bool": {"kms:GrantIsForAWSResource": "true"}, "StringEquals": via}
        statements.append(allow(f"{sid}Grants", ["kms:CreateGrant"], "*", to=root, when=granted))
    return document(_management(own), *statements, _logs(own, region))
