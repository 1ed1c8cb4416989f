"""CloudTrail: who did what in an account, or in all of the organization; kept where nobody can delete it."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.keys import copied_zones, make_key, managed, zones_of
from medallion_platform.log_groups import make_log_group
from medallion_platform.monitoring.filters import FILTERS, trail_namespace
from medallion_platform.parameters import asked
from medallion_platform.policies import Statement, allow, deny, document, service
from medallion_platform.settings import ACCOUNTS, Settings
from medallion_platform.zones.access import secure_transport
from medallion_platform.zones.bucket import (
    attach_policy,
    encryption,
    expiry,
    lifecycle,
    logging_to,
    make_bucket,
)

_Trail = cloudtrail.CfnTrail


class Trail(Construct):
    """A trail of all regions, its locked bucket, and the log group where filters look at it.

    In the management account it is the organization's: of all accounts, those to come included.
    """

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, account: str, platform_key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._account = settings, account
        self._own = settings.account(account)
        self._name = f"{settings.prefix}-{account}"
        self._arn = f"arn:aws:cloudtrail:{settings.region}:{self._own}:trail/{self._name}"
        whole = account == "management"
        accounts = ACCOUNTS if whole else (account,)
        folders = [self._own]
        if whole:
            folders.append(asked(self, "OrganizationId", "Of AWS Organizations, as in o-...", pattern="o-.*"))
        bucket, policy = self._bucket(folders)
        group = self._log(platform_key)
        trail = _Trail(
            self,
            "trail",
            trail_name=self._name,
            is_logging=True,
            is_multi_region_trail=True,
            is_organization_trail=whole,
            include_global_service_events=True,
            enable_log_file_validation=True,
            s3_bucket_name=bucket.ref,
            kms_key_id=self._key().attr_arn,
            cloud_watch_logs_log_group_arn=group.attr_arn,
            cloud_watch_logs_role_arn=self._role().attr_arn,
            advanced_event_selectors=_selectors(settings, accounts),
            insight_selectors=[
                _Trail.InsightSelectorProperty(insight_type=type_)
                for type_ in ("ApiCallRateInsight", "ApiErrorRateInsight")
            ],
        )
        trail.node.add_dependency(policy)

    def _key(self) -> kms.CfnKey:
        """CloudTrail encrypts by it, for this trail; auditors' accounts decide who reads."""
        encrypting = allow(
            "CloudTrail",
            ["kms:GenerateDataKey"],
            "*",
            to={"Service": "cloudtrail.amazonaws.com"},
            when={
                "StringEquals": {"aws:SourceArn": self._arn},
                "StringLike": {
                    "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{self._own}:trail/*"
                },
            },
        )
        looking = allow(
            "CloudTrailLooks",
            ["kms:DescribeKey"],
            "*",
            to={"Service": "cloudtrail.amazonaws.com"},
            when={"StringEquals": {"aws:SourceArn": self._arn}},
        )
        reading = allow(
            "OwnAccount",
            ["kms:Decrypt"],
            "*",
            to={"AWS": f"arn:aws:iam::{self._own}:root"},
            when={"StringEquals": {"kms:ViaService": f"s3.{self._settings.region}.amazonaws.com"}},
        )
        policy = managed(self._own, encrypting, looking, reading)
        return make_key(self, "key", self._settings, self._account, "trail", policy)

    def _bucket(self, folders: list[str]) -> tuple[s3.CfnBucket, Construct]:
        settings = self._settings
        name = settings.bucket(f"trail-{self._account}")
        more: dict[str, Any] = {}
        if zones_of(self._account):  # which has a bucket for such logs
            access_logs = settings.bucket(f"access-logs-{self._account}")
            more["logging_configuration"] = logging_to(access_logs, "trail")
        bucket = make_bucket(
            self,
            "bucket",
            name,
            bucket_encryption=encryption(None),  # files come encrypted by the trail's own key
            lifecycle_configuration=lifecycle([expiry("expire", settings.retention.logs_days)]),
            object_lock_enabled=True,
            object_lock_configuration=s3.CfnBucket.ObjectLockConfigurationProperty(
                object_lock_enabled="Enabled",
                rule=s3.CfnBucket.ObjectLockRuleProperty(
                    default_retention=s3.CfnBucket.DefaultRetentionProperty(
                        mode="GOVERNANCE", days=settings.monitoring.locked_days
                    )
                ),
            ),
            **more,
        )
        arns = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        ours: dict[str, Any] = {"StringEquals": {"aws:SourceArn": self._arn}}
        writer = {"Service": "cloudtrail.amazonaws.com"}
        return bucket, attach_policy(
            self,
            "bucket-policy",
            bucket,
            document(
                secure_transport(arns),
                nobody_deletes(arns[1]),
                allow("CloudTrailLooks", ["s3:GetBucketAcl"], arns[0], to=writer, when=ours),
                allow(
                    "CloudTrailWrites",
                    ["s3:PutObject"],
                    [f"{arns[0]}/AWSLogs/{folder}/*" for folder in folders],
                    to=writer,
                    when={
                        "StringEquals": {
                            **ours["StringEquals"],
                            "s3:x-amz-acl": "bucket-owner-full-control",
                        }
                    },
                ),
            ),
        )

    def _log(self, key: kms.CfnKey) -> logs.CfnLogGroup:
        settings = self._settings
        group = make_log_group(
            self, "log", settings, f"/{settings.prefix}/{self._account}/trail", key.attr_arn
        )
        for name, filter_ in FILTERS.items():
            logs.CfnMetricFilter(
                self,
                name,
                filter_name=f"{settings.prefix}-{name}",
                log_group_name=group.ref,
                filter_pattern=filter_.pattern,
                metric_transformations=[
                    logs.CfnMetricFilter.MetricTransformationProperty(
                        metric_namespace=trail_namespace(settings),
                        metric_name=filter_.metric,
                        metric_value="1",
                        unit="Count",
                    )
                ],
            )
        return group

    def _role(self) -> iam.CfnRole:
        settings = self._settings
        streams = (
            f"arn:aws:logs:{settings.region}:{self._own}:log-group:/{settings.prefix}/{self._account}/trail"
        )
        return make_role(
            self,
            settings,
            f"{self._account}-trail",
            trust=[service("cloudtrail", self._own)],
            statements=[allow("Write", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{streams}:*")],
            description="CloudTrail, into its log group",
        )


def nobody_deletes(objects: str) -> Statement:
    """Versions go when the lifecycle says so, and by nobody's hand."""
    return deny(
        "NobodyDeletes",
        [
            "s3:BypassGovernanceRetention",
            "s3:DeleteObjectVersion",
            "s3:PutObjectLegalHold",
            "s3:PutObjectRetention",
        ],
        objects,
        to="*",
    )


def _selectors(settings: Settings, accounts: tuple[str, ...]) -> list[_Trail.AdvancedEventSelectorProperty]:
    """What manages; who touched which object of the zones and their copies; who called a function."""
    field = _Trail.AdvancedFieldSelectorProperty
    buckets = [settings.bucket(zone) for account in accounts for zone in zones_of(account)]
    if settings.parts.replication:
        buckets += [
            settings.bucket(zone, replica=True)
            for account in accounts
            for zone in copied_zones(settings, account)
        ]
    made = [
        _Trail.AdvancedEventSelectorProperty(
            name="management", field_selectors=[field(field="eventCategory", equal_to=["Management"])]
        )
    ]
    data = field(field="eventCategory", equal_to=["Data"])
    if buckets:
        made.append(
            _Trail.AdvancedEventSelectorProperty(
                name="objects of zones",
                field_selectors=[
                    data,
                    field(field="resources.type", equal_to=["AWS::S3::Object"]),
                    field(field="resources.ARN", starts_with=[f"arn:aws:s3:::{each}/" for each in buckets]),
                ],
            )
        )
    made.append(
        _Trail.AdvancedEventSelectorProperty(
            name="functions",
            field_selectors=[data, field(field="resources.type", equal_to=["AWS::Lambda::Function"])],
        )
    )
    return made
