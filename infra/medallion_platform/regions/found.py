"""What is found in AWS of the database and its names, region by region, and the calls that change it.

It needs boto3 alone, and no CDK: jobs/failover.py is run where there is nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnectedError

from medallion_platform.settings import Settings

PAUSE = 15.0  # seconds between two looks


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
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise ConnectionError(f"RDS does not answer in {self.name}: {error}") from error
            raise
        [instance] = found["DBInstances"]
        return dict(instance)


class Names:
    """The records of the private zone."""

    def __init__(self, settings: Settings, client: Callable[..., Any]) -> None:
        self._route53 = client("route53", region_name="us-east-1")
        self._zone_name = settings.failover.zone
        self.database = f"database.{self._zone_name}."
        self._state = f"failover.{self.database}"
        self._zone = ""

    def read(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """What the text record says, and the records of the database."""
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
                    state = dict(line.split("=", 1) for line in lines)
                    return state, [each for each in records if each["Name"] == self.database]
        raise FailoverError(f"{self._state} is in no zone of this account: deploy the stack of names first.")

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
