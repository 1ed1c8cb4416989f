"""The buckets themselves: versions, locks, lifecycles, inventories, logs and copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Fn
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from medallion_platform.keys import copied_zones, zones_of
from medallion_platform.regions.residency import tags
from medallion_platform.settings import Settings
from medallion_platform.zones.access import access_logs_policy, artifacts_policy, logs_policy, zone_policy
from medallion_platform.zones.bucket import (
    attach_policy,
    encryption,
    expiry,
    lifecycle,
    logging_to,
    make_bucket,
)


class Zones(Construct):
    """The zones of an account, with the buckets that its logs go to."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        keys: Mapping[str, kms.CfnKey],
        platform_key: kms.CfnKey,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._account = settings, account
        self._access_logs = _access_logs(self, settings, account)
        self._logs = self._bucket_of_logs(platform_key)
        if account == "engineering" or (account == "serving" and settings.parts.apis):
            self._bucket_of_artifacts(platform_key)
        self.buckets = {zone: self._zone(zone, keys[zone]) for zone in zones_of(account)}

    def _bucket_of_logs(self, key: kms.CfnKey) -> s3.CfnBucket:
        name = self._settings.bucket(f"logs-{self._account}")
        bucket = make_bucket(
            self,
            "logs",
            name,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(self._access_logs.ref, "logs"),
            lifecycle_configuration=lifecycle(
                [
                    expiry("expire", self._settings.retention.logs_days),
                    # they name objects, and keys may name people
                    expiry("inventories", self._settings.retention.erasure_deadline_days - 3, "inventory/"),
                ]
            ),
        )
        attach_policy(self, "logs-policy", bucket, logs_policy(self._settings, self._account, name))
        return bucket

    def _bucket_of_artifacts(self, key: kms.CfnKey) -> None:
        """The wheel and functions, under names that say their version."""
        name = self._settings.bucket(f"artifacts-{self._account}")
        bucket = make_bucket(
            self,
            "artifacts",
            name,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(self._access_logs.ref, "artifacts"),
            lifecycle_configuration=lifecycle([]),
        )
        attach_policy(self, "artifacts-policy", bucket, artifacts_policy(name))

    def _zone(self, zone: str, key: kms.CfnKey) -> s3.CfnBucket:
        settings = self._settings
        name = settings.bucket(zone)
        more: dict[str, Any] = {}
        if settings.parts.replication and not settings.stays(zone):
            more["replication_configuration"] = self._replication(zone, key)
        bucket = make_bucket(
            self,
            zone,
            name,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(self._access_logs.ref, zone),
            lifecycle_configuration=_zone_lifecycle(settings, zone),
            inventory_configurations=[_inventory(zone, settings, self._account)],
            tags=tags(settings, zone) or None,
            **_particulars(settings, zone),
            **more,
        )
        attach_policy(self, f"{zone}-policy", bucket, zone_policy(settings, zone, name))
        return bucket

    def _replication(self, zone: str, key: kms.CfnKey) -> s3.CfnBucket.ReplicationConfigurationProperty:
        """Files of the zone are copied, deletions, too. Of Delta tables that is no backup: S3 does not copy
        a table's log after its data."""
        settings = self._settings
        minutes = s3.CfnBucket.ReplicationTimeValueProperty(minutes=15)
        there = Fn.sub(
            f"arn:aws:kms:{settings.replica.region}:{settings.account(self._account)}:key/${{key}}",
            {"key": key.ref},  # keys of both regions have one id
        )
        return s3.CfnBucket.ReplicationConfigurationProperty(
            role=settings.role(f"{self._account}-replication"),
            rules=[
                s3.CfnBucket.ReplicationRuleProperty(
                    id="to-replica",
                    status="Enabled",
                    priority=1,
                    filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                    delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
                    source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(
                            status="Enabled"
                        )
                    ),
                    destination=s3.CfnBucket.ReplicationDestinationProperty(
                        bucket=f"arn:aws:s3:::{settings.bucket(zone, replica=True)}",
                        encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                            replica_kms_key_id=there
                        ),
                        metrics=s3.CfnBucket.MetricsProperty(status="Enabled", event_threshold=minutes),
                        replication_time=s3.CfnBucket.ReplicationTimeProperty(status="Enabled", time=minutes),
                    ),
                )
            ],
        )


class ReplicaZones(Construct):
    """The copies of an account's zones, in the replica's region."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        keys: Mapping[str, kms.CfnReplicaKey],
    ) -> None:
        super().__init__(scope, id_)
        access_logs = _access_logs(self, settings, account, replica=True)
        for zone in copied_zones(settings, account):
            name = settings.bucket(zone, replica=True)
            bucket = make_bucket(
                self,
                zone,
                name,
                bucket_encryption=encryption(keys[zone].attr_arn),
                logging_configuration=logging_to(access_logs.ref, zone),
                lifecycle_configuration=_zone_lifecycle(settings, zone),
                **_particulars(settings, zone),
            )
            policy = zone_policy(settings, zone, name, replica=True)
            attach_policy(self, f"{zone}-policy", bucket, policy)


def _access_logs(
    scope: Construct, settings: Settings, account: str, *, replica: bool = False
) -> s3.CfnBucket:
    """S3 cannot write its access logs where KMS encrypts, and nothing logs the access to the logs."""
    name = settings.bucket(f"access-logs-{account}", replica=replica)
    bucket = make_bucket(
        scope,
        "access-logs",
        name,
        bucket_encryption=encryption(None),
        lifecycle_configuration=lifecycle([expiry("expire", settings.retention.logs_days)]),
    )
    attach_policy(scope, "access-logs-policy", bucket, access_logs_policy(settings, account, name))
    return bucket


def _particulars(settings: Settings, zone: str) -> dict[str, Any]:
    """Landing is locked; what arrives there and in raw is told to EventBridge, and commits of gold tables."""
    made: dict[str, Any] = {}
    if zone in ("landing", "raw") or (zone == "refined" and settings.parts.apis):
        told = s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        made["notification_configuration"] = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=told
        )
    if zone == "landing":
        locked = s3.CfnBucket.DefaultRetentionProperty(
            mode="GOVERNANCE", days=settings.retention.landing_lock_days
        )
        made["object_lock_enabled"] = True
        made["object_lock_configuration"] = s3.CfnBucket.ObjectLockConfigurationProperty(
            object_lock_enabled="Enabled", rule=s3.CfnBucket.ObjectLockRuleProperty(default_retention=locked)
        )
    return made


def _zone_lifecycle(settings: Settings, zone: str) -> s3.CfnBucket.LifecycleConfigurationProperty:
    """Old versions go when nothing holds them any more: before the erasure deadline, in every zone."""
    retention = settings.retention
    if zone == "error":
        return lifecycle([expiry("expire", retention.erasure_deadline_days - 3)])
    kept = retention.landing_lock_days if zone == "landing" else retention.versions_days
    return lifecycle(
        [
            s3.CfnBucket.RuleProperty(
                id="old-versions",
                status="Enabled",
                noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                    noncurrent_days=kept
                ),
                expired_object_delete_marker=True,
            ),
        ]
    )


def _inventory(zone: str, settings: Settings, account: str) -> s3.CfnBucket.InventoryConfigurationProperty:
    """In CSV, which S3 Batch Operations reads."""
    return s3.CfnBucket.InventoryConfigurationProperty(
        id="weekly",
        enabled=True,
        included_object_versions="All",
        schedule_frequency="Weekly",
        optional_fields=[
            "Size",
            "LastModifiedDate",
            "ETag",
            "ReplicationStatus",
            "ObjectLockRetainUntilDate",
        ],
        destination=s3.CfnBucket.DestinationProperty(
            bucket_arn=f"arn:aws:s3:::{settings.bucket(f'logs-{account}')}",
            bucket_account_id=settings.account(account),
            format="CSV",
            prefix=f"inventory/{zone}",
        ),
    )
