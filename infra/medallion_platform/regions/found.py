"""What is found in AWS of the database and its names, region by region, and the calls that change it.

It needs boto3 alone, and no CDK: jobs/failover.py is run where there is nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnectedError

from medallion_platform.settings import Settings

PAUSE = 15.0  # seconds between two looks
# What a region in need answers instead of an answer; RDS says the last ones with a status below 500.
_BUSY = ("RequestLimitExceeded", "Throttling", "ThrottlingException")
# What else a replica would not have by itself: as RDS tells it, and as it is asked for.
_AS_IT_WAS = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "CACertificateIdentifier": "CACertificateIdentifier",
    "MaxAllocatedStorage": "MaxAllocatedStorage",
    "PerformanceInsightsEnabled": "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "StorageType": "StorageType",
}


class FailoverError(Exception):
    """It cannot go on; the message says why, and what to do."""


class Region:
    """The instance of a region, under its name, and the one that was left behind there."""

    def __init__(self, name: str, settings: Settings, client: Callable[..., Any]) -> None:
        patience = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 3})
        self.name, self.identifier = name, f"{settings.prefix}-database"
        self.former = f"{self.identifier}-former"
        self.rds = client("rds", region_name=name, config=patience)
        self.metrics = client("cloudwatch", region_name=name, config=patience)

    def find(self, identifier: str | None = None) -> dict[str, Any] | None:
        """The instance, or None. Raises ConnectionError where the region does not answer."""
        try:
            found = self.rds.describe_db_instances(DBInstanceIdentifier=identifier or self.identifier)
        except (HTTPClientError, NotConnectedError) as error:
            raise ConnectionError(f"RDS does not answer in {self.name}: {error}") from error
        except ClientError as error:
            if error.response["Error"]["Code"] in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
                return None
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 500 or error.response["Error"]["Code"] in _BUSY:
                raise ConnectionError(f"RDS does not answer in {self.name}: {error}") from error
            raise
        [instance] = found["DBInstances"]
        return dict(instance)

    def writer(self) -> dict[str, Any] | None:
        """The instance, where it is one that takes writes, whoever is to write to it."""
        found = self.find()
        return found if found and not source_of(found) else None

    def is_replica_of(self, instance: dict[str, Any], source: Region) -> bool:
        """Across regions RDS names a replica's source by its ARN."""
        arn = source_of(instance).split(":")
        return arn[3:4] == [source.name] and arn[-1] in (source.identifier, source.former)

    def replicate(self, region: str, arn: str, like: dict[str, Any]) -> None:
        """Makes a replica of what is in another region, like an instance that is here."""
        self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=self.identifier,
            SourceDBInstanceIdentifier=arn,
            SourceRegion=region,
            KmsKeyId=like["KmsKeyId"],
            DBInstanceClass=like["DBInstanceClass"],
            DBSubnetGroupName=like["DBSubnetGroup"]["DBSubnetGroupName"],
            DBParameterGroupName=like["DBParameterGroups"][0]["DBParameterGroupName"],
            VpcSecurityGroupIds=[each["VpcSecurityGroupId"] for each in like["VpcSecurityGroups"]],
            MultiAZ=like["MultiAZ"],
            PubliclyAccessible=False,
            EnableIAMDatabaseAuthentication=True,
            EnableCloudwatchLogsExports=like.get("EnabledCloudwatchLogsExports", []),
            CopyTagsToSnapshot=True,
            DeletionProtection=True,
            **{given: like[told] for told, given in _AS_IT_WAS.items() if told in like},
        )

    def lags(self, begin: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """How many seconds the replica was behind, a minute at a time; -1 where it did not replicate."""
        found = self.metrics.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="ReplicaLag",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": self.identifier}],
            StartTime=begin,
            EndTime=end,
            Period=60,
            Statistics=["Maximum"],
        )
        return sorted((each["Timestamp"], each["Maximum"]) for each in found["Datapoints"])


class Names:
    """The records of the private zone."""

    def __init__(self, settings: Settings, client: Callable[..., Any]) -> None:
        self._route53 = client("route53", region_name="us-east-1")
        self._zone_name = settings.failover.zone
        self._regions = (settings.region, settings.replica.region)
        self.database = f"database.{self._zone_name}."
        self._state = f"failover.{self.database}"
        self._zone = ""

    def read(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """What the text record says, and the records of the database.

        Raises FailoverError where they are not as the stack made them: people edit records, too.
        """
        found = self._route53.list_hosted_zones_by_name(DNSName=self._zone_name)["HostedZones"]
        pages = self._route53.get_paginator("list_resource_record_sets")
        for zone in found:  # there may be a public one of this name
            if zone["Name"] != f"{self._zone_name}.":
                continue
            records = [
                record
                for page in pages.paginate(HostedZoneId=zone["Id"])
                for record in page["ResourceRecordSets"]
            ]
            for text in records:
                if text["Name"] == self._state:
                    self._zone = zone["Id"]
                    lines = [each["Value"].strip('"') for each in text["ResourceRecords"]]
                    state = {name: value for name, _, value in (line.partition("=") for line in lines)}
                    led = [each for each in records if each["Name"] == self.database]
                    self._check(state, led)
                    return state, led
        raise FailoverError(f"{self._state} is in no zone of this account: deploy the stack of names first.")

    def _check(self, state: dict[str, str], led: list[dict[str, Any]]) -> None:
        checks = [f"check:{region}" for region in self._regions]
        if state.get("writes") not in self._regions or not all(state.get(check) for check in checks):
            raise FailoverError(
                f"{self._state} should say writes=REGION, one of {', '.join(self._regions)}, and the ids "
                f"{' and '.join(checks)}; it says: {state}. Mend it, by what the stack of names made."
            )
        kinds = sorted(record.get("Failover", "") for record in led if record.get("ResourceRecords"))
        if kinds != ["PRIMARY", "SECONDARY"] or len(led) != 2:
            raise FailoverError(
                f"{self.database} should have two records, PRIMARY and SECONDARY; it has {len(led)}: "
                f"{[record.get('Failover', record['Type']) for record in led]}. Mend them, by what the stack "
                "of names made: clients are led by them."
            )

    def remember(self, state: dict[str, str]) -> None:
        values = [{"Value": f'"{name}={value}"'} for name, value in state.items()]
        self.put([{"Name": self._state, "Type": "TXT", "TTL": 30, "ResourceRecords": values}])

    def put(self, records: list[dict[str, Any]]) -> None:
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records]}
        made = self._route53.change_resource_record_sets(HostedZoneId=self._zone, ChangeBatch=batch)
        change = made["ChangeInfo"]["Id"].removeprefix("/change/")
        until(lambda: self._route53.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC", 10, "Route 53")


def source_of(instance: dict[str, Any]) -> str:
    """What the instance is a replica of; empty where it is none."""
    return str(instance.get("ReadReplicaSourceDBInstanceIdentifier") or "")


def is_usable(instance: dict[str, Any] | None) -> bool:
    return instance is not None and instance["DBInstanceStatus"] in ("available", "backing-up")


def is_resting_replica(region: Region) -> bool:
    """Whether it is not being promoted: RDS says of such a one that it is modified."""
    found = region.find()
    return bool(source_of(found or {})) and is_usable(found)


def until(ready: Callable[[], bool], minutes: float, what: str) -> None:
    end = time.monotonic() + minutes * 60
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"Waited {minutes:g} minutes for {what}")
        time.sleep(PAUSE)


def as_role(settings: Settings, name: str, region: str) -> Callable[..., Any]:
    """Makes clients with the rights of a role, which operators may take on."""
    sts = boto3.client("sts", region_name=region)
    got = sts.assume_role(RoleArn=settings.role(name), RoleSessionName="failover")["Credentials"]
    return partial(
        boto3.client,
        aws_access_key_id=got["AccessKeyId"],
        aws_secret_access_key=got["SecretAccessKey"],
        aws_session_token=got["SessionToken"],
    )
