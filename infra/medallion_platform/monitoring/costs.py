"""What costs more than it used to."""

from __future__ import annotations

import json

from aws_cdk import aws_ce as ce
from constructs import Construct

from medallion_platform.monitoring.alarms import Topic
from medallion_platform.settings import Settings


class CostAnomalies(Construct):
    """Anomalies in what the account's services cost. Of such monitors an account has one."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str, topic: Topic) -> None:
        super().__init__(scope, id_)
        monitor = ce.CfnAnomalyMonitor(
            self,
            "monitor",
            monitor_name=f"{settings.prefix}-{account}",
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
        )
        ce.CfnAnomalySubscription(
            self,
            "subscription",
            subscription_name=f"{settings.prefix}-{account}",
            monitor_arn_list=[monitor.attr_monitor_arn],
            frequency="IMMEDIATE",  # topics are told at once, or not at all
            subscribers=[ce.CfnAnomalySubscription.SubscriberProperty(type="SNS", address=topic.ref)],
            threshold_expression=json.dumps(
                {
                    "Dimensions": {
                        "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                        "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
                        "Values": [str(settings.monitoring.cost_anomaly_usd)],
                    }
                }
            ),
        )
