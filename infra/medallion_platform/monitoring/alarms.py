"""Alarms, whom they call, and a dashboard: all made of one list of watches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from medallion_platform.keys import make_key, managed
from medallion_platform.monitoring.watches import Metric, Watch
from medallion_platform.parameters import asked
from medallion_platform.policies import allow, deny, document
from medallion_platform.settings import Settings

# Services that call people by the topic.
_CALLING = ["cloudwatch.amazonaws.com", "costalerts.amazonaws.com"]


class Topic(Construct):
    """Whom alarms of an account's region call: whoever answers the mail of the address that is told."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str, region: str) -> None:
        super().__init__(scope, id_)
        own = settings.account(account)
        on_behalf = {"StringEquals": {"aws:SourceAccount": own}}
        using = allow(
            "Calls",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            "*",
            to={"Service": _CALLING},
            when=on_behalf,
        )
        key = make_key(self, "key", settings, account, "monitoring", managed(own, using))
        arn = f"arn:aws:sns:{region}:{own}:{settings.prefix}-alarms"
        topic = sns.CfnTopic(self, "topic", topic_name=arn.rsplit(":", 1)[1], kms_master_key_id=key.attr_arn)
        self.ref = topic.ref
        sns.CfnTopicPolicy(
            self,
            "policy",
            topics=[topic.ref],
            policy_document=document(
                deny(
                    "OnlyTls", ["sns:Publish"], arn, to="*", when={"Bool": {"aws:SecureTransport": "false"}}
                ),
                allow("Calls", ["sns:Publish"], arn, to={"Service": _CALLING}, when=on_behalf),
            ),
        )
        sns.CfnSubscription(
            self,
            "operators",
            topic_arn=topic.ref,
            protocol="email",
            endpoint=asked(
                self,
                "OperatorsEmail",
                "Address of those who answer alarms; AWS asks it to confirm",
                pattern=".+@.+",
            ),
        )


class Alarms(Construct):
    """An alarm for each watch. It calls when something is wrong, and again when it is well."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, watches: Sequence[Watch], topic: Topic
    ) -> None:
        super().__init__(scope, id_)
        for watch in watches:
            cloudwatch.CfnAlarm(
                self,
                watch.name,
                alarm_name=f"{settings.prefix}-{watch.name}",
                alarm_description=f"{watch.meaning} Without data: {watch.because}",
                comparison_operator="LessThanThreshold" if watch.below else "GreaterThanThreshold",
                threshold=watch.threshold,
                evaluation_periods=watch.last,
                datapoints_to_alarm=watch.periods,
                treat_missing_data=watch.missing,
                actions_enabled=True,
                alarm_actions=[topic.ref],
                ok_actions=[topic.ref],
                **_compared(watch),
            )


def _compared(watch: Watch) -> dict[str, Any]:
    if watch.expression:
        return {"metrics": watch.queries()}
    [metric] = watch.metrics
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in metric.of.items()
        ],
        "statistic": metric.statistic,
        "period": watch.seconds,
    }


class Dashboard(Construct):
    """A row for each concern, with the line that calls people in each picture."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        account: str,
        region: str,
        watches: Sequence[Watch],
    ) -> None:
        super().__init__(scope, id_)
        cloudwatch.CfnDashboard(
            self,
            "dashboard",
            dashboard_name=f"{settings.prefix}-{account}-{region}",
            dashboard_body=json.dumps({"widgets": _widgets(watches, region)}),
        )


_WIDTH, _HEIGHT = 6, 6  # of a picture, where a dashboard is 24 wide


def _widgets(watches: Sequence[Watch], region: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    y = 0
    for concern, found in groupby(sorted(watches, key=lambda one: one.concern), key=lambda one: one.concern):
        title = {"markdown": f"## {concern}"}
        made.append({"type": "text", "x": 0, "y": y, "width": 24, "height": 1, "properties": title})
        y += 1
        pictures = list(found)
        for number, watch in enumerate(pictures):
            column, row = number * _WIDTH % 24, number * _WIDTH // 24
            made.append(
                {
                    "type": "metric",
                    "x": column,
                    "y": y + row * _HEIGHT,
                    "width": _WIDTH,
                    "height": _HEIGHT,
                    "properties": _picture(watch, region),
                }
            )
        y += _HEIGHT * -(-len(pictures) * _WIDTH // 24)
    return made


def _picture(watch: Watch, region: str) -> dict[str, Any]:
    shown: list[list[Any]] = [
        _line(metric, f"m{number}", hidden=bool(watch.expression))
        for number, metric in enumerate(watch.metrics, 1)
    ]
    if watch.expression:
        shown.append([{"expression": watch.expression, "id": "watched", "label": watch.name}])
    return {
        "title": watch.name,
        "region": region,
        "view": "timeSeries",
        "period": watch.seconds,
        "metrics": shown,
        "annotations": {"horizontal": [{"label": "calls people", "value": watch.threshold}]},
    }


def _line(metric: Metric, id_: str, *, hidden: bool) -> list[Any]:
    dimensions = [part for pair in metric.of.items() for part in pair]
    return [
        metric.namespace,
        metric.name,
        *dimensions,
        {"id": id_, "stat": metric.statistic, "visible": not hidden},
    ]
