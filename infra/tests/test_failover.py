"""Failover and failback, by the command that people run, against moto, whose RDS has replicas elsewhere."""

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from local import Deployment
from moto import mock_aws
from moto.cloudwatch.models import cloudwatch_backends
from moto.rds.models import RDSBackend, rds_backends
from moto.server import ThreadedMotoServer
from templates import Templates
from test_deployment import NOT_ON_MOTO, as_moto_reads_it

sys.path.append(str(Path(__file__).parents[1] / "jobs"))

import failover

from medallion_platform.regions import found
from medallion_platform.settings import DEFAULT, SettingsError, load

SETTINGS = load(environ={})
HERE, THERE = SETTINGS.region, SETTINGS.replica.region
NAME = "medallion-database"
KEY = f"arn:aws:kms:{{}}:{SETTINGS.account('engineering')}:key/mrk-database"


class World:
    """What is there, as a test asks for it."""

    def rds(self, region):
        return boto3.client("rds", region_name=region)

    def instance(self, region, name=NAME):
        found = {
            each["DBInstanceIdentifier"]: each
            for each in self.rds(region).describe_db_instances()["DBInstances"]
        }
        return found.get(name)

    def address(self, region, name=NAME):
        return self.instance(region, name)["Endpoint"]["Address"]

    def is_replica(self, region):
        return bool(self.instance(region).get("ReadReplicaSourceDBInstanceIdentifier"))

    def records(self):
        route53 = boto3.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        return route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]

    def put(self, records):
        route53 = boto3.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        changes = [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records]
        route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes})

    def leads(self):
        """Where the two records lead."""
        return {
            record["Failover"]: record["ResourceRecords"][0]["Value"]
            for record in self.records()
            if record["Type"] == "CNAME"
        }

    def state(self):
        [text] = [record for record in self.records() if record["Type"] == "TXT"]
        lines = [each["Value"].strip('"').split("=") for each in text["ResourceRecords"]]
        return {name: value for name, value in lines if not name.startswith("check:")}

    def catches_up(self, region, lag=0.0, minutes=2.0):
        """RDS tells that the replica in a region has replayed what is two minutes from now, less the lag."""
        boto3.client("cloudwatch", region_name=region).put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {
                    "MetricName": "ReplicaLag",
                    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": NAME}],
                    "Timestamp": datetime.now(UTC) + timedelta(minutes=minutes),
                    "Value": lag,
                }
            ],
        )


@pytest.fixture(scope="module")
def stacks(platform: Templates):
    """The stacks of the database and of names on moto."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv("AWS_DEFAULT_REGION", HERE)
        patch.setenv("MOTO_ACCOUNT_ID", SETTINGS.account("engineering"))
        patch.setenv(failover.ACCOUNT, SETTINGS.account("engineering"))
        patch.setattr(found, "PAUSE", 0.01)
        _as_rds_does(patch)
        world = deployed(platform)
        yield world, world.records(), world.instance(HERE)


@pytest.fixture
def world(stacks):
    return begun(*stacks)


def begun(world, records, first):
    """Everything as it was deployed: the instance in the first region, a replica of it in the second."""
    for region in (HERE, THERE):
        backend = rds_backends[SETTINGS.account("engineering")][region]
        for identifier in list(backend.databases):
            backend.databases.pop(identifier)
        backend.database_snapshots.clear()
    made = world.rds(HERE).create_db_instance(
        DBInstanceIdentifier=NAME,
        Engine=first["Engine"],
        EngineVersion=first["EngineVersion"],
        DBInstanceClass=first["DBInstanceClass"],
        AllocatedStorage=first["AllocatedStorage"],
        DBSubnetGroupName=first["DBSubnetGroup"]["DBSubnetGroupName"],
        DBParameterGroupName=NAME,
        MasterUsername="medallion",
        MasterUserPassword="not-a-secret",
        KmsKeyId=KEY.format(HERE),
        StorageEncrypted=True,
        MultiAZ=True,
    )["DBInstance"]
    [group] = world.rds(THERE).describe_db_subnet_groups()["DBSubnetGroups"]
    world.rds(THERE).create_db_instance_read_replica(
        DBInstanceIdentifier=NAME,
        SourceDBInstanceIdentifier=made["DBInstanceArn"],
        SourceRegion=HERE,
        DBSubnetGroupName=group["DBSubnetGroupName"],
        DBParameterGroupName=NAME,
        KmsKeyId=KEY.format(THERE),
    )
    led = {"PRIMARY": world.address(HERE), "SECONDARY": world.address(THERE)}
    for record in records:
        if record["Type"] == "CNAME":
            record["ResourceRecords"] = [{"Value": led[record["Failover"]]}]
    world.put(record for record in records if record["Type"] in ("CNAME", "TXT"))
    for region in (HERE, THERE):
        cloudwatch_backends[SETTINGS.account("engineering")][region].metric_data.clear()
    world.catches_up(THERE, minutes=-1)
    return world


def deployed(platform: Templates) -> World:
    def client(service, _account, region):
        return boto3.client(service, region_name=region)

    world, told = World(), {}
    for concern in ("keys", "network", "replica", "database", "standby", "names"):
        stack = platform.stacks[f"medallion-engineering-{concern}"]
        Deployment(client, lambda type_: type_ not in NOT_ON_MOTO, told).deploy(stack, as_moto_reads_it)
        outputs = boto3.client("cloudformation", region_name=stack.region).describe_stacks(
            StackName=stack.name
        )
        told |= {each["OutputKey"]: each["OutputValue"] for each in outputs["Stacks"][0].get("Outputs", [])}
        told["EngineeringVpc"] = told.get("Vpc", "")
    for region in (HERE, THERE):  # moto's CloudFormation makes up another name
        world.rds(region).create_db_parameter_group(
            DBParameterGroupName=NAME, DBParameterGroupFamily="postgres17", Description="As the stack's"
        )
    return world


def _as_rds_does(monkeypatch):
    """A replica has a resource id of its own, and when it is promoted it has no source any more. In moto it
    keeps both."""
    make, promote = RDSBackend.create_db_instance_read_replica, RDSBackend.promote_read_replica

    def made(self, given):
        found = make(self, given)
        found.dbi_resource_id = f"db-{uuid4().hex.upper()}"
        return found

    def promoted(self, given):
        found = promote(self, given)
        found.source_db_instance_identifier = None
        return found

    monkeypatch.setattr(RDSBackend, "create_db_instance_read_replica", made)
    monkeypatch.setattr(RDSBackend, "promote_read_replica", promoted)


def run(*arguments):
    return failover.main([*arguments, "--minutes", "0.02"])


def seen(world):
    """All that a failover changes."""
    kinds = {}
    for region in (HERE, THERE):
        for each in world.rds(region).describe_db_instances()["DBInstances"]:
            source = each.get("ReadReplicaSourceDBInstanceIdentifier")
            kinds[f"{region}/{each['DBInstanceIdentifier']}"] = source
    records = [each for each in world.records() if each["Type"] in ("CNAME", "TXT")]
    return kinds, sorted(records, key=str)


def checks(world):
    """Of which region the check of a record is."""
    [text] = [record for record in world.records() if record["Type"] == "TXT"]
    lines = [each["Value"].strip('"').split("=") for each in text["ResourceRecords"]]
    regions = {id_: name.removeprefix("check:") for name, id_ in lines if name.startswith("check:")}
    return {
        record["Failover"]: regions[record["HealthCheckId"]]
        for record in world.records()
        if record["Type"] == "CNAME"
    }


def moved(world):
    """Writes are in the second region, and the first one has a replica: how a failback begins."""
    world.catches_up(THERE)
    assert run("--to", THERE) == 0
    assert run("--rebuild", HERE) == 0
    return world


def test_it_begins_with_writes_in_the_first_region_and_a_replica_in_the_second(stacks, world, capsys):
    _, _, first = stacks
    assert first["DBInstanceIdentifier"] == NAME and first["Engine"] == "postgres"
    assert run() == 0
    said = capsys.readouterr().out
    assert "Writes go to eu-west-1." in said and "eu-central-1: medallion-database is a replica" in said
    assert world.leads() == {"PRIMARY": world.address(HERE), "SECONDARY": world.address(THERE)}
    assert world.state() == {"writes": HERE} and checks(world) == {"PRIMARY": HERE, "SECONDARY": THERE}


def test_writes_move_and_nothing_leads_to_what_was_left_behind(world):
    there = world.address(THERE)
    world.catches_up(THERE)
    assert run("--to", THERE) == 0
    assert not world.is_replica(THERE)
    assert world.instance(THERE)["BackupRetentionPeriod"] == SETTINGS.retention.backups_days
    assert world.leads() == {"PRIMARY": there, "SECONDARY": there}
    assert checks(world) == {"PRIMARY": THERE, "SECONDARY": THERE}
    assert world.state() == {"writes": THERE}
    assert world.instance(HERE) is None, "nobody writes to it by the address they know"
    assert world.address(HERE, f"{NAME}-former") != there


def test_a_dry_run_says_each_step_and_changes_nothing(world, capsys):
    before = seen(world)
    assert run("--to", THERE, "--dry-run") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said[:-1]] == [
        "Remember",
        "Close",
        "Wait",
        "Promote",
        "Let",
        "Remember",
    ]
    assert said[-1] == "Nothing was changed." and seen(world) == before


def test_a_dry_run_of_the_way_back_says_its_steps_and_changes_nothing(world, capsys):
    world.catches_up(THERE)
    run("--to", THERE)
    before = seen(world)
    capsys.readouterr()
    assert run("--rebuild", HERE, "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Would: Make a replica in eu-west-1.",
        "Would: Let database.medallion.internal. lead to eu-central-1, and in need to eu-west-1.",
        "Nothing was changed.",
    ]
    assert seen(world) == before
    assert run("--to", THERE, "--dry-run") == 0
    assert capsys.readouterr().out == "Nothing was changed.\n"


def test_done_again_it_finds_all_done(world, capsys):
    world.catches_up(THERE)
    run("--to", THERE)
    after = seen(world)
    capsys.readouterr()
    assert run("--to", THERE) == 0
    assert capsys.readouterr().out == "eu-central-1 takes writes.\n" and seen(world) == after


def test_what_was_left_behind_becomes_a_replica_and_takes_writes_back(world):
    moved(world)
    assert world.instance(HERE)["ReadReplicaSourceDBInstanceIdentifier"].split(":")[3] == THERE
    assert world.instance(HERE)["KmsKeyId"] == KEY.format(HERE)
    assert world.leads() == {"PRIMARY": world.address(THERE), "SECONDARY": world.address(HERE)}
    world.catches_up(HERE)
    assert run("--to", HERE) == 0
    assert not world.is_replica(HERE) and world.state() == {"writes": HERE}
    assert set(world.leads().values()) == {world.address(HERE)} and world.instance(THERE) is None
    assert run("--rebuild", THERE) == 0
    assert world.is_replica(THERE)
    assert world.leads() == {"PRIMARY": world.address(HERE), "SECONDARY": world.address(THERE)}


def test_what_was_left_behind_never_takes_writes_as_it_is(world, capsys):
    world.catches_up(THERE)
    run("--to", THERE)
    assert run("--to", HERE) == 1
    assert "There is no medallion-database in eu-west-1: --rebuild" in capsys.readouterr().err
    reopen(world)
    before = seen(world)
    assert run("--to", HERE) == 1
    assert "is no replica: it was left behind" in capsys.readouterr().err and seen(world) == before


LOST = f"https://rds.{HERE}.amazonaws.com"
SILENCES = {
    "refused": EndpointConnectionError(endpoint_url=LOST),
    "no way there": ConnectTimeoutError(endpoint_url=LOST),
    "no answer": ReadTimeoutError(endpoint_url=LOST),
    "overrun": ClientError(
        {"Error": {"Code": "Throttling"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "DescribeDBInstances"
    ),
    "broken": ClientError(
        {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 503}},
        "DescribeDBInstances",
    ),
}


@pytest.mark.parametrize("silence_", SILENCES)
def test_a_region_that_does_not_answer_must_be_said_to_be_lost_and_is_closed_when_it_answers(
    world, monkeypatch, capsys, silence_
):
    before, there = seen(world), world.address(THERE)
    with monkeypatch.context() as patch:
        silence(patch, SILENCES[silence_])
        assert run("--to", THERE) == 1
        assert "--source-is-lost" in capsys.readouterr().err
        patch.undo()
        assert seen(world) == before
        silence(patch, SILENCES[silence_])
        assert run("--to", THERE, "--source-is-lost") == 0
    assert world.leads() == {"PRIMARY": there, "SECONDARY": there} and not world.is_replica(THERE)
    assert world.instance(HERE) is not None, "it was not to be reached"
    assert run("--to", THERE) == 0
    assert world.instance(HERE) is None and world.state() == {"writes": THERE}


def test_a_region_that_only_tells_how_it_is_can_be_said_to_be_lost_too(world, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        unchangeable(patch)
        assert run("--to", THERE) == 1
        assert "InvalidDBInstanceState" in capsys.readouterr().err and world.is_replica(THERE)
        assert run("--to", THERE, "--source-is-lost") == 0
    assert "eu-west-1 could not be closed" in capsys.readouterr().out
    assert set(world.leads().values()) == {world.address(THERE)} and world.state() == {"writes": THERE}
    assert world.instance(HERE) is not None
    assert run("--to", THERE) == 0
    assert world.instance(HERE) is None and world.instance(HERE, f"{NAME}-former") is not None


@pytest.mark.parametrize(
    ("lag", "told"),
    [(None, "does not replicate"), (-1.0, "does not replicate"), (901.0, "is 901 seconds behind")],
)
def test_nothing_is_closed_for_a_replica_that_would_not_catch_up(world, capsys, lag, told):
    account = SETTINGS.account("engineering")
    cloudwatch_backends[account][THERE].metric_data.clear()
    if lag is not None:
        world.catches_up(THERE, minutes=-3)
        world.catches_up(THERE, lag, minutes=-1)
    before = seen(world)
    for more in ([], ["--dry-run"]):
        assert run("--to", THERE, *more) == 1
        assert told in capsys.readouterr().err and seen(world) == before
    assert run("--to", THERE, "--source-is-lost") == 0


def test_a_replica_of_another_instance_is_neither_promoted_nor_kept(world, capsys):
    backend = rds_backends[SETTINGS.account("engineering")][THERE]
    other = f"arn:aws:rds:{HERE}:{SETTINGS.account('engineering')}:db:payroll"
    backend.databases[NAME].source_db_instance_identifier = other
    before = seen(world)
    for arguments in (["--to", THERE], ["--to", THERE, "--source-is-lost"], ["--rebuild", THERE]):
        assert run(*arguments) == 1
        assert f"is a replica of {other}, and not of" in capsys.readouterr().err and seen(world) == before


def test_the_closed_instance_has_restarted_before_the_replica_is_asked(world, monkeypatch, capsys):
    """Who was connected may write until then."""
    world.catches_up(THERE)
    with monkeypatch.context() as patch:
        status(patch, HERE, f"{NAME}-former", "renaming")
        assert run("--to", THERE) == 1
        assert f"{NAME}-former to restart" in capsys.readouterr().err and world.is_replica(THERE)
    assert run("--to", THERE) == 0 and not world.is_replica(THERE)


def test_nothing_is_promoted_where_somebody_went_back_meanwhile(world, monkeypatch, capsys):
    call, asked = BaseClient._make_api_call, []

    def meanwhile(self, operation, given):
        if operation == "GetMetricStatistics":
            asked.append(given)
            if len(asked) == 2:  # the first look was before anything was closed
                reopen(world)
                world.catches_up(THERE)
        return call(self, operation, given)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", meanwhile)
        assert run("--to", THERE) == 1
    assert "Somebody went back meanwhile" in capsys.readouterr().err and len(asked) >= 2
    assert world.is_replica(THERE) and not world.is_replica(HERE), "one region takes writes, not two"
    assert run("--to", HERE) == 0 and world.state() == {"writes": HERE}


def test_one_does_not_go_back_while_the_replica_is_being_promoted(world, monkeypatch, capsys):
    world.catches_up(THERE, lag=600)
    run("--to", THERE)
    reopen(world)
    before = seen(world)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        status(patch, THERE, NAME, "modifying")
        assert run("--to", HERE) == 1
        assert "may be promoted already" in capsys.readouterr().err
    assert seen(world) == before


def text_of(lines):
    def edited(records):
        [text] = [record for record in records if record["Type"] == "TXT"]
        found = {line["Value"].strip('"').split("=")[0]: line["Value"] for line in text["ResourceRecords"]}
        found.update(lines)
        return [{**text, "ResourceRecords": [{"Value": value} for value in found.values() if value]}]

    return edited


EDITED = {
    "another region": (text_of({"writes": '"writes=us-east-1"'}), "should say writes=REGION"),
    "no region": (text_of({"writes": '"hello"'}), "should say writes=REGION"),
    "no check": (text_of({f"check:{THERE}": ""}), f"check:{THERE}"),
}


@pytest.mark.parametrize("case", EDITED)
def test_a_text_record_edited_by_hand_is_refused(world, capsys, case):
    edit, told = EDITED[case]
    world.put(edit(world.records()))
    before = seen(world)
    for arguments in ([], ["--to", THERE], ["--to", HERE], ["--rebuild", HERE], ["--rebuild", THERE]):
        assert run(*arguments) == 1
        assert told in capsys.readouterr().err and seen(world) == before


@pytest.mark.parametrize("kind", ["PRIMARY", "SECONDARY"])
def test_a_name_that_lacks_a_record_is_not_left_to_lead_nowhere(world, capsys, kind):
    route53 = boto3.client("route53")
    [zone] = route53.list_hosted_zones()["HostedZones"]
    [record] = [each for each in world.records() if each.get("Failover") == kind]
    taken = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=taken)
    try:
        before = seen(world)
        assert run("--to", THERE) == 1
        assert "should have two records" in capsys.readouterr().err and seen(world) == before
    finally:
        world.put([record])


def test_a_record_that_leads_elsewhere_is_turned_back(world):
    [record] = [each for each in world.records() if each.get("Failover") == "PRIMARY"]
    world.put([{**record, "ResourceRecords": [{"Value": "somewhere.example.com"}]}])
    assert run("--to", HERE) == 0
    assert world.leads() == {"PRIMARY": world.address(HERE), "SECONDARY": world.address(THERE)}


def test_a_rebuilt_replica_is_as_ready_as_what_it_takes_the_place_of(world, monkeypatch):
    world.catches_up(THERE)
    run("--to", THERE)
    call, asked = BaseClient._make_api_call, []
    more = {
        "StorageType": "gp3",
        "MaxAllocatedStorage": 1000,
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "AutoMinorVersionUpgrade": True,
        "PerformanceInsightsEnabled": True,
        "PerformanceInsightsKMSKeyId": KEY.format(HERE),
        "PerformanceInsightsRetentionPeriod": 7,
    }

    def told(self, operation, given):
        if operation == "CreateDBInstanceReadReplica":
            asked.append(given)
        answer = call(self, operation, given)
        if operation == "DescribeDBInstances" and given["DBInstanceIdentifier"].endswith("-former"):
            answer["DBInstances"][0].update(more)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", told)
        assert run("--rebuild", HERE) == 0
    [given] = asked
    wanted = {**more, "EnablePerformanceInsights": more["PerformanceInsightsEnabled"]}
    del wanted["PerformanceInsightsEnabled"]
    assert {name: given.get(name) for name in wanted} == wanted


def test_it_asks_for_the_one_account_that_has_the_database():
    settings = failover.settled(DEFAULT, {failover.ACCOUNT: "123456789012"})
    assert settings.role("engineering-dns-operator").startswith("arn:aws:iam::123456789012:")
    for environ, told in (({}, f"{failover.ACCOUNT} is missing"), ({failover.ACCOUNT: "1"}, "12 digits")):
        with pytest.raises(SettingsError, match=told):
            failover.settled(DEFAULT, environ)


def test_a_replica_that_lacks_something_is_not_promoted_unless_people_say_so(world, capsys):
    world.catches_up(THERE, lag=600)
    assert run("--to", THERE) == 1
    assert "Run this again to wait on" in capsys.readouterr().err
    assert world.is_replica(THERE) and world.instance(HERE) is None and world.state()["promoting"]
    assert world.leads()["PRIMARY"] != world.address(THERE)
    assert run("--to", THERE, "--source-is-lost") == 0
    assert not world.is_replica(THERE) and world.state() == {"writes": THERE}


def test_where_an_earlier_failovers_instance_still_is_nothing_begins(world, capsys):
    moved(world)
    world.catches_up(HERE)
    run("--to", HERE)
    run("--rebuild", THERE)
    before = seen(world)
    assert run("--to", THERE) == 1
    assert "medallion-database-former of an earlier failover is still in eu-west-1" in capsys.readouterr().err
    assert seen(world) == before


def test_before_the_promotion_one_can_still_go_back(world):
    before = seen(world)
    world.catches_up(THERE, lag=600)
    run("--to", THERE)
    reopen(world)
    assert run("--to", HERE) == 0
    assert seen(world)[1] == before[1] and world.state() == {"writes": HERE}


def test_a_region_that_is_none_of_the_two_is_refused(world, capsys):
    assert run("--to", "us-east-1") == 1
    assert "us-east-1 is none of the regions: eu-west-1, eu-central-1." in capsys.readouterr().err


class KilledError(BaseException):
    """As SIGKILL: nothing catches it."""


CHANGES = {
    "ChangeResourceRecordSets",
    "CreateDBInstanceReadReplica",
    "ModifyDBInstance",
    "PromoteReadReplica",
}


def killed_at(patch, place, *, after):
    """The process ends before, or after, so many calls that change something."""
    call, made = BaseClient._make_api_call, []

    def counted(self, operation, given):
        if operation not in CHANGES:
            return call(self, operation, given)
        made.append(operation)
        if len(made) == place and not after:
            raise KilledError
        found = call(self, operation, given)
        if len(made) == place:
            raise KilledError
        return found

    patch.setattr(BaseClient, "_make_api_call", counted)
    return made


def unchangeable(patch):
    """RDS of the first region answers, and changes nothing."""
    call = BaseClient._make_api_call

    def answered(self, operation, given):
        if self.meta.region_name == HERE and operation == "ModifyDBInstance":
            raise ClientError({"Error": {"Code": "InvalidDBInstanceState"}}, operation)
        return call(self, operation, given)

    patch.setattr(BaseClient, "_make_api_call", answered)


def status(patch, region, name, what):
    """RDS says so of an instance."""
    call = BaseClient._make_api_call

    def answered(self, operation, given):
        answer = call(self, operation, given)
        if operation == "DescribeDBInstances" and self.meta.region_name == region:
            for each in answer["DBInstances"]:
                if each["DBInstanceIdentifier"] == name:
                    each["DBInstanceStatus"] = what
        return answer

    patch.setattr(BaseClient, "_make_api_call", answered)


def reopen(world):
    """What people do to go back: the instance that was closed gets its name again."""
    world.rds(HERE).modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-former", NewDBInstanceIdentifier=NAME, ApplyImmediately=True
    )


def silence(patch, error):
    """RDS of the first region fails so."""
    call = BaseClient._make_api_call

    def answered(self, operation, given):
        if self.meta.region_name == HERE and self.meta.service_model.service_name == "rds":
            raise error
        return call(self, operation, given)

    patch.setattr(BaseClient, "_make_api_call", answered)


JOURNEY = [("--to", THERE), ("--rebuild", HERE), ("--to", HERE), ("--rebuild", THERE)]


@pytest.mark.parametrize("place", range(len(JOURNEY)), ids=lambda place: " ".join(JOURNEY[place]))
def test_killed_anywhere_and_run_again_it_ends_as_if_nothing_had_been(stacks, place, monkeypatch):
    def arrived():
        world = begun(*stacks)
        for region in (HERE, THERE):
            world.catches_up(region)
        for step in JOURNEY[:place]:
            assert run(*step) == 0
        for region in (HERE, THERE):  # what an earlier failover left is deleted by hand
            databases = rds_backends[SETTINGS.account("engineering")][region].databases
            if place == 2 and region == THERE:
                databases.pop(f"{NAME}-former", None)
        return world

    world = arrived()
    with monkeypatch.context() as patch:
        made = killed_at(patch, 10**6, after=True)
        assert run(*JOURNEY[place]) == 0
    whole = seen(world)
    assert len(made) >= 2
    for number in range(1, len(made) + 1):
        for after in (False, True):
            world = arrived()
            with monkeypatch.context() as patch:
                killed_at(patch, number, after=after)
                with pytest.raises(KilledError):
                    run(*JOURNEY[place])
            assert run(*JOURNEY[place]) == 0, (number, after)
            assert seen(world) == whole, (number, after)


# The runbook

PAGE = (Path(__file__).parents[2] / "docs" / "runbooks" / "failover.md").read_text()
# moto has not what they are about; the rest of the page is run.
NOT_RUN = {
    "aws dms start-replication",
    "aws secretsmanager replicate-secret-to-regions",
    "aws secretsmanager stop-replication-to-replica",
}


def commands(section):
    """The commands of a section of the page, in order."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


@pytest.fixture(scope="module")
def server(stacks):
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    yield "http://{}:{}".format(*served.get_host_and_port())
    served.stop()


def walk(world, server, listed):
    for command in listed:
        for region in (HERE, THERE):
            world.catches_up(region)
        if command.startswith("python "):
            environment = {**os.environ, "AWS_ENDPOINT_URL": server}
            done = subprocess.run(
                [sys.executable, *shlex.split(command)[1:]],
                cwd=Path(__file__).parents[2],
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, (command, done.stderr)
        else:
            as_aws_does(command)


def as_aws_does(command):
    """What the command line of AWS makes of a command: a call of the API, by its own description."""
    _, service, operation, *options = shlex.split(command)
    named = boto3.client(service, region_name=HERE).meta.service_model
    [wanted] = [name for name in named.operation_names if xform_name(name, "-") == operation]
    shape = named.operation_model(wanted).input_shape.members
    known = {xform_name(name, "-"): name for name in shape}
    given, region = {}, HERE
    while options:
        option = options.pop(0).removeprefix("--")
        if option == "region":
            region = options.pop(0)
        elif option in known and shape[known[option]].type_name != "boolean":
            given[known[option]] = options.pop(0)
        else:
            given[known[option.removeprefix("no-")]] = not option.startswith("no-")
    if f"aws {service} {operation}" not in NOT_RUN:
        getattr(boto3.client(service, region_name=region), operation.replace("-", "_"))(**given)


def test_the_runbook_moves_writes_and_brings_them_back(world, server):
    listed = commands("A planned move")
    walk(world, server, [*commands("What is where"), *listed[:2]])
    assert not world.is_replica(THERE) and world.state() == {"writes": THERE}
    walk(world, server, commands("Afterwards"))
    assert world.is_replica(HERE) and world.instance(HERE, f"{NAME}-former") is None
    walk(world, server, commands("Back"))
    assert world.state() == {"writes": HERE} and world.is_replica(THERE)
    assert world.leads() == {"PRIMARY": world.address(HERE), "SECONDARY": world.address(THERE)}
    assert world.instance(THERE, f"{NAME}-former") is None


def test_the_runbook_goes_on_without_a_lost_region(world, server):
    walk(world, server, [*commands("Region A is lost"), *commands("Afterwards"), *commands("Back")])
    assert world.state() == {"writes": HERE} and world.is_replica(THERE)


def test_the_runbook_goes_back_before_the_promotion(world, server):
    before = seen(world)
    world.catches_up(THERE, lag=600)
    assert run("--to", THERE) == 1
    walk(world, server, commands("A planned move")[2:])
    assert seen(world)[1] == before[1] and world.instance(HERE, f"{NAME}-former") is None


def test_every_command_of_the_page_is_walked():
    sections = ("What is where", "A planned move", "Region A is lost", "Afterwards", "Back")
    walked = [command for section in sections for command in commands(section)]
    assert [line.strip() for line in PAGE.splitlines() if line.startswith("    ")] == walked
    assert {" ".join(each.split()[:3]) for each in walked if each.startswith("aws")} >= NOT_RUN
