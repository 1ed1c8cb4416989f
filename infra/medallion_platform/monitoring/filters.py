"""What is looked for in the trail: patterns of CloudWatch Logs, and what each is called for."""

from __future__ import annotations

from dataclasses import dataclass

from medallion_platform.settings import Settings


@dataclass(frozen=True)
class Filter:
    """A pattern, the metric that counts what fits it, and what it means for people."""

    metric: str
    pattern: str
    meaning: str


def _any_of(*names: str) -> str:
    return " || ".join(f'($.eventName = "{name}")' for name in names)


FILTERS = {
    "root-used": Filter(
        "RootUsed",
        '{ ($.userIdentity.type = "Root") && ($.userIdentity.invokedBy NOT EXISTS) && '
        '($.eventType != "AwsServiceEvent") }',
        "Somebody works as root. Nothing of the platform needs it.",
    ),
    "sign-in-without-mfa": Filter(
        "SignInWithoutMfa",
        '{ ($.eventName = "ConsoleLogin") && ($.userIdentity.type = "IAMUser") && '
        '($.responseElements.ConsoleLogin = "Success") && ($.additionalEventData.MFAUsed != "Yes") }',
        "A user came in by a password alone. Who comes by IAM Identity Center is asked for MFA there.",
    ),
    "policies-changed": Filter(
        "PoliciesChanged",
        "{ "
        + _any_of(
            "AttachRolePolicy", "AttachUserPolicy", "CreatePolicyVersion", "DeleteBucketPolicy",
            "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy", "PutBucketPolicy",
            "PutRolePermissionsBoundary", "PutRolePolicy", "PutUserPolicy", "SetDefaultPolicyVersion",
            "UpdateAssumeRolePolicy",
        )
        + " }",
        "Policies of roles or buckets were changed. Was it a deployment?",
    ),
    "keys-changed": Filter(
        "KeysChanged",
        '{ ($.eventSource = "kms.amazonaws.com") && ('
        + _any_of("DisableKey", "DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion")
        + ") }",
        "A key was disabled, opened to others, or is to be deleted: kms cancel-key-deletion, within 30 days.",
    ),
    "ending-key-used": Filter(
        "EndingKeyUsed",
        '{ ($.eventSource = "kms.amazonaws.com") && ($.errorMessage = "*is pending deletion*") }',
        "A key that waits for its deletion is still needed: cancel it, or the data go with it.",
    ),
    "trail-stopped": Filter(
        "TrailStopped",
        '{ ($.eventSource = "cloudtrail.amazonaws.com") && ('
        + _any_of("DeleteTrail", "PutEventSelectors", "PutInsightSelectors", "StopLogging", "UpdateTrail")
        + ") }",
        "The trail was stopped or changed: from here on, not all is written down.",
    ),
    "watch-changed": Filter(
        "WatchChanged",
        "{ "
        + _any_of(
            "DeleteAlarms", "DeleteLogGroup", "DeleteMetricFilter", "DeleteTopic", "DisableAlarmActions",
            "PutMetricAlarm", "PutMetricFilter", "Unsubscribe",
        )
        + " }",
        "What watches was changed: alarms, filters of logs, whom they call. Was it a deployment?",
    ),
}  # fmt: skip


def trail_namespace(settings: Settings) -> str:
    return f"{settings.prefix.title()}/Trail"
