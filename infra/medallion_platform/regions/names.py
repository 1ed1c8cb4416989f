"""The name that leads to the database, in whichever region it takes writes.

While the first region is silent, the name leads to the replica in the second one: it answers readers, and
refuses writers. Writes move only when people say so, by jobs/failover.py, which changes these records.
"""

from __future__ import annotations

from aws_cdk import aws_rds as rds
from aws_cdk import aws_route53 as route53
from constructs import Construct

from medallion_platform.network.vpc import Vpc
from medallion_platform.parameters import asked
from medallion_platform.regions.database import alarm_name
from medallion_platform.settings import Settings

SECONDS = "30"  # for which clients may remember a record


def database_name(settings: Settings) -> str:
    return f"database.{settings.failover.zone}."


def state_name(settings: Settings) -> str:
    """A text record that says which region takes writes; jobs/failover.py keeps it."""
    return f"failover.{database_name(settings)}"


class Names(Construct):
    """A private zone of both regions' networks, deployed in region B: it must be there when A is not."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, standby: Vpc, replica: rds.CfnDBInstance
    ) -> None:
        super().__init__(scope, id_)
        vpc = asked(
            self, "EngineeringVpc", "Vpc, an output of the network stack of engineering", pattern="vpc-.*"
        )
        address = asked(
            self,
            "DatabaseAddress",
            "DatabaseAddress, an output of the database stack of engineering",
            pattern="[a-z0-9.-]+",
        )
        regions = [settings.region, settings.replica.region]
        zone = route53.CfnHostedZone(
            self,
            "zone",
            name=f"{settings.failover.zone}.",
            hosted_zone_config=route53.CfnHostedZone.HostedZoneConfigProperty(
                comment=f"{settings.prefix}: names that lead to where things are"
            ),
            vpcs=[
                route53.CfnHostedZone.VPCProperty(vpc_id=id_, vpc_region=region)
                for id_, region in zip((vpc, standby.id), regions, strict=True)
            ],
        )
        checks = {}
        addresses = (address, replica.attr_endpoint_address)
        for kind, region, led_to in zip(("PRIMARY", "SECONDARY"), regions, addresses, strict=True):
            checks[region] = _check(self, settings, region)
            route53.CfnRecordSet(
                self,
                kind.lower(),
                hosted_zone_id=zone.ref,
                name=database_name(settings),
                type="CNAME",
                ttl=SECONDS,
                set_identifier=kind.lower(),
                failover=kind,
                health_check_id=checks[region].ref,
                resource_records=[led_to],
            )
        route53.CfnRecordSet(
            self,
            "state",
            hosted_zone_id=zone.ref,
            name=state_name(settings),
            type="TXT",
            ttl=SECONDS,
            resource_records=[
                f'"writes={settings.region}"',
                *(f'"check:{region}={check.ref}"' for region, check in checks.items()),
            ],
        )


def _check(scope: Construct, settings: Settings, region: str) -> route53.CfnHealthCheck:
    """By an alarm: Route 53's own checkers do not come into private networks."""
    return route53.CfnHealthCheck(
        scope,
        f"check-{region}",
        health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(
            type="CLOUDWATCH_METRIC",
            alarm_identifier=route53.CfnHealthCheck.AlarmIdentifierProperty(
                name=alarm_name(settings), region=region
            ),
            insufficient_data_health_status="Unhealthy",
        ),
        health_check_tags=[
            route53.CfnHealthCheck.HealthCheckTagProperty(
                key="Name", value=f"{settings.prefix}-database-{region}"
            )
        ],
    )
