"""S3 Batch Operations: what is in S3 already, copied into landing by a job that a state machine follows.

CloudFormation has no type for such a job; it is one API call. `medallion ingest batch` makes the same jobs by
hand, and copies again what failed.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key
from medallion_platform.machine import AGAIN, StateMachine
from medallion_platform.parameters import asked
from medallion_platform.policies import allow, document, service
from medallion_platform.settings import Settings
from medallion_platform.zones.access import secure_transport
from medallion_platform.zones.bucket import (
    attach_policy,
    encryption,
    expiry,
    lifecycle,
    logging_to,
    make_bucket,
)

_NAME = "batch-copy"
# Seconds between two looks at a job. An execution has 25,000 events, 9 of them a look: enough for three days.
_PAUSE = 120


class BatchCopy(Construct):
    """The bucket of manifests and reports, the role that jobs take on, and the machine."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.region
        bucket = settings.bucket("batch-engineering")
        made = make_bucket(
            self,
            "bucket",
            bucket,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(settings.bucket("access-logs-engineering"), "batch"),
            # reports name objects, and keys may name people
            lifecycle_configuration=lifecycle(
                [expiry("expire", settings.retention.erasure_deadline_days - 3)]
            ),
        )
        arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        attach_policy(self, "bucket-policy", made, document(secure_transport(arns)))
        archive = asked(
            self,
            "ArchiveBucket",
            "The bucket whose objects may be copied into landing",
            pattern="[a-z0-9.-]{3,63}",
        )
        role = make_role(
            self,
            settings,
            "engineering-batch-operations",
            trust=[service("batchoperations.s3", own)],
            statements=[
                allow(
                    "Source",
                    [
                        "s3:GetObject",
                        "s3:GetObjectTagging",
                        "s3:GetObjectVersion",
                        "s3:GetObjectVersionTagging",
                    ],
                    f"arn:aws:s3:::{archive}/*",
                ),
                allow("Tags", ["s3:PutObjectTagging"], f"arn:aws:s3:::{settings.bucket('landing')}/*"),
                allow(
                    "Manifests",
                    ["s3:GetObject", "s3:GetObjectVersion"],
                    [
                        f"{arns[0]}/manifests/*",
                        f"arn:aws:s3:::{settings.bucket('logs-engineering')}/inventory/*",
                    ],
                ),
                allow("Reports", ["s3:PutObject"], f"{arns[0]}/reports/*"),
                platform_key(
                    settings, own, ["kms:Decrypt", "kms:GenerateDataKey"], f"s3.{region}.amazonaws.com"
                ),
            ],
            description="Jobs of S3 Batch Operations, into landing",
        )
        self.machine = StateMachine(
            self,
            "machine",
            settings,
            _NAME,
            key,
            definition=definition(settings),
            statements=[
                allow("Create", ["s3:CreateJob"], f"arn:aws:s3:{region}:{own}:job/*"),
                allow("Follow", ["s3:DescribeJob"], f"arn:aws:s3:{region}:{own}:job/*"),
                allow(
                    "GiveRole",
                    ["iam:PassRole"],
                    role.attr_arn,
                    when={"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}},
                ),
            ],
        )


def definition(settings: Settings) -> dict[str, Any]:
    """Of {"manifest": {"arn", "etag"}, "prefix"}: makes the job, looks until it has ended, fails where it
    failed, or where an object did."""
    own = settings.account("engineering")
    report = {
        "Bucket": f"arn:aws:s3:::{settings.bucket('batch-engineering')}",
        "Enabled": True,
        "Format": "Report_CSV_20180820",
        "Prefix": "reports",
        "ReportScope": "AllTasks",
    }
    return {
        "StartAt": "Create",
        "States": {
            "Create": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3control:createJob",
                "Parameters": {
                    "AccountId": own,
                    "ClientRequestToken.$": "$$.Execution.Name",  # begun anew, an execution finds its own job
                    "ConfirmationRequired": False,
                    "Priority": 10,
                    "RoleArn": settings.role("engineering-batch-operations"),
                    "Operation": {
                        "S3PutObjectCopy": {
                            "TargetResource": f"arn:aws:s3:::{settings.bucket('landing')}",
                            "TargetKeyPrefix.$": "$.prefix",
                            "MetadataDirective": "COPY",
                        }
                    },
                    "Manifest": {
                        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                        "Location": {"ObjectArn.$": "$.manifest.arn", "ETag.$": "$.manifest.etag"},
                    },
                    "Report": report,
                },
                "ResultPath": "$.made",
                "Retry": [AGAIN],
                "Next": "Pause",
            },
            "Pause": {"Type": "Wait", "Seconds": _PAUSE, "Next": "Look"},
            "Look": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3control:describeJob",
                "Parameters": {"AccountId": own, "JobId.$": "$.made.JobId"},
                "ResultPath": "$.found",
                "Retry": [AGAIN],
                "Next": "HasEnded",
            },
            "HasEnded": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.found.Job.Status", "StringEquals": "Complete"},
                            {
                                "Variable": "$.found.Job.ProgressSummary.NumberOfTasksFailed",
                                "NumericEquals": 0,
                            },
                        ],
                        "Next": "Copied",
                    },
                    {"Variable": "$.found.Job.Status", "StringEquals": "Complete", "Next": "SomeFailed"},
                    {"Variable": "$.found.Job.Status", "StringEquals": "Failed", "Next": "Failed"},
                    {"Variable": "$.found.Job.Status", "StringEquals": "Cancelled", "Next": "Failed"},
                ],
                "Default": "Pause",
            },
            "Copied": {"Type": "Succeed"},
            "SomeFailed": {
                "Type": "Fail",
                "Error": "SomeObjectsFailed",
                "Cause": "Some objects were not copied; the job's report below reports/ names them.",
            },
            "Failed": {"Type": "Fail", "Error": "JobFailed", "Cause": "The job failed or was cancelled."},
        },
    }
