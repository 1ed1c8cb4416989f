"""Queues for what failed, and what waits: encrypted, TLS only, with as long a memory as SQS has."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from medallion_platform.policies import Statement, allow, deny, document
from medallion_platform.settings import Settings


def queue_arn(settings: Settings, name: str) -> str:
    return f"arn:aws:sqs:{settings.region}:{settings.account('engineering')}:{settings.prefix}-{name}"


def make_queue(
    scope: Construct,
    settings: Settings,
    name: str,
    key: kms.CfnKey,
    *,
    dead: str | None = None,
    seen_for: int = 30,
    rules: list[str] | None = None,
) -> sqs.CfnQueue:
    """A queue. What was received five times and not done goes to the queue `dead`; `rules` of EventBridge may
    send to it."""
    arn = queue_arn(settings, name)
    more: dict[str, Any] = {}
    if dead:
        more["redrive_policy"] = {"deadLetterTargetArn": queue_arn(settings, dead), "maxReceiveCount": 5}
    queue = sqs.CfnQueue(
        scope,
        name,
        queue_name=f"{settings.prefix}-{name}",
        kms_master_key_id=key.attr_arn,
        message_retention_period=14 * 24 * 3600,
        visibility_timeout=seen_for,
        **more,
    )
    statements: list[Statement] = [
        deny("OnlyTls", ["sqs:*"], arn, to="*", when={"Bool": {"aws:SecureTransport": "false"}})
    ]
    if rules:
        region, own = settings.region, settings.account("engineering")
        statements.append(
            allow(
                "Rules",
                ["sqs:SendMessage"],
                arn,
                to={"Service": "events.amazonaws.com"},
                when={
                    "ArnEquals": {
                        "aws:SourceArn": [f"arn:aws:events:{region}:{own}:rule/{rule}" for rule in rules]
                    }
                },
            )
        )
    sqs.CfnQueuePolicy(scope, f"{name}-policy", queues=[queue.ref], policy_document=document(*statements))
    return queue
