"""Each part can be left out, and the rest still synthesises, with nothing of it left."""

import json

import pytest
from templates import Templates

from medallion_platform.limits import STANDS_ON
from medallion_platform.settings import SettingsError, load

NONE = {
    "replication": False,
    "connection": "none",
    "on_premises": False,
    "edge": False,
    "organization": False,
    "streams": False,
    "batch": False,
    "database": False,
    "data_exchange": False,
    "orchestration": False,
    "monitoring": False,
    "trail": "none",
    "audit_logs": False,
    "rds": False,
    "failover": False,
    "backup": False,
    "apis": False,
}

# What a part brings that nothing else does.
TELLING = {
    "replication": ["AWS::KMS::ReplicaKey"],
    "on_premises": ["AWS::EC2::VPNConnection", "AWS::DataSync::Task"],
    "streams": [
        "AWS::Kinesis::Stream",
        "AWS::Lambda::EventSourceMapping",
        "AWS::KinesisFirehose::DeliveryStream",
    ],
    "database": ["AWS::DMS::ReplicationConfig"],
    "data_exchange": ["AWS::DataExchange::EventAction"],
    "orchestration": ["AWS::Events::Connection", "AWS::Scheduler::Schedule"],
    "emr": ["AWS::EMRServerless::Application"],
    "edge": ["AWS::EC2::NatGateway", "AWS::ElasticLoadBalancingV2::LoadBalancer"],
    "organization": ["AWS::Organizations::Policy"],
    "monitoring": ["AWS::CloudWatch::Dashboard", "AWS::CE::AnomalySubscription"],
    "trail": ["AWS::CloudTrail::Trail", "AWS::Logs::MetricFilter"],
    "rds": ["AWS::RDS::DBInstance"],
    "failover": ["AWS::Route53::RecordSet"],
    "backup": ["AWS::Backup::BackupPlan"],
    "apis": ["AWS::ApiGateway::RestApi", "AWS::AppSync::GraphQLApi", "AWS::Cognito::UserPool"],
    "catalog": ["AWS::Glue::Crawler", "AWS::LakeFormation::Tag", "AWS::LakeFormation::DataCellsFilter"],
    "redshift": ["AWS::RedshiftServerless::Namespace", "AWS::RedshiftServerless::Workgroup"],
    "federation": ["AWS::Athena::DataCatalog"],
    "quicksight": ["AWS::QuickSight::DataSet", "AWS::QuickSight::Dashboard"],
    "datazone": ["AWS::DataZone::Domain", "AWS::DataZone::Project"],
}
OFF = {"trail": "none"}

NEEDS = {"emr": ["orchestration"], **STANDS_ON}


def standing_on(part: str) -> set[str]:
    """The part, and all that cannot be without it."""
    found = {part}
    for _ in NEEDS:
        found |= {name for name, needed in NEEDS.items() if found & set(needed)}
    return found


def types(templates: Templates) -> set[str]:
    return {resource.type for resource in templates.resources()}


def test_a_team_with_its_own_platform_gets_zones_networks_and_roles_alone(tmp_path):
    bare = types(Templates.of(tmp_path, parts=NONE))
    assert {"AWS::S3::Bucket", "AWS::EC2::VPC", "AWS::IAM::Role"} <= bare
    assert not bare & {type_ for kinds in TELLING.values() for type_ in kinds}


@pytest.mark.parametrize("part", TELLING)
def test_a_part_is_gone_with_its_setting_and_the_rest_is_there(platform, tmp_path, part):
    from check import EVERYTHING

    off = {name: OFF.get(name, False) for name in standing_on(part)}
    without = types(Templates.of(tmp_path, parts={**EVERYTHING, **off}))
    gone = types(platform) - without
    assert set(TELLING[part]) <= gone
    others = {type_ for name, kinds in TELLING.items() if name not in off for type_ in kinds}
    assert others <= without


def test_without_athena_no_persona_has_a_workgroup_and_the_apis_and_auditors_keep_theirs(platform, tmp_path):
    from check import EVERYTHING

    def workgroups(templates: Templates) -> set[str]:
        return {each.properties["Name"] for each in templates.resources("AWS::Athena::WorkGroup")}

    off = dict.fromkeys(standing_on("athena"), False)
    assert "medallion-flights_analyst" in workgroups(platform)
    assert workgroups(Templates.of(tmp_path, parts={**EVERYTHING, **off})) == {
        "medallion-apis",
        "medallion-audit",
    }


def test_without_batch_operations_there_is_no_role_machine_or_bucket_of_theirs(platform, tmp_path):
    from check import EVERYTHING

    def named(templates: Templates) -> str:
        return json.dumps([stack.template for stack in templates.stacks.values()])

    assert "batch-operations" in named(platform) and "medallion-batch-engineering" in named(platform)
    without = named(Templates.of(tmp_path, parts={**EVERYTHING, "batch": False}))
    assert "batch-operations" not in without and "medallion-batch-engineering" not in without


RDS = {"database": True, "rds": True}


@pytest.mark.parametrize(
    ("parts", "there", "gone"),
    [
        (RDS, {"AWS::RDS::DBInstance"}, {"AWS::Route53::RecordSet", "AWS::Backup::BackupVault"}),
        (
            {**RDS, "backup": True, "connection": "none"},
            {"AWS::Backup::BackupVault"},
            {"AWS::Route53::RecordSet", "AWS::EC2::TransitGateway"},
        ),
        (
            {**RDS, "failover": True, "databricks": False, "emr": True, "connection": "none"},
            {"AWS::Route53::RecordSet"},
            {"AWS::Backup::BackupVault", "AWS::EC2::TransitGateway"},
        ),
        ({"residency": True, "replication": False}, {"AWS::S3::Bucket"}, {"AWS::KMS::ReplicaKey"}),
    ],
    ids=["rds alone", "backup without failover", "failover without Databricks", "residency without copies"],
)
def test_parts_of_regions_come_by_themselves(tmp_path, parts, there, gone):
    found = types(Templates.of(tmp_path, parts=parts))
    assert there <= found and not gone & found


def test_work_without_anything_to_run_on_is_refused():
    with pytest.raises(SettingsError, match=r"parts\.databricks or parts\.emr"):
        load(environ={}, parts={"databricks": False})


@pytest.mark.parametrize("part", STANDS_ON)
def test_a_part_without_what_it_stands_on_is_refused(part):
    from check import EVERYTHING

    for needed in STANDS_ON[part]:
        going = standing_on(needed) - {part}
        with pytest.raises(SettingsError, match=rf"parts\.{part} needs parts\.{needed}\."):
            load(environ={}, parts={**EVERYTHING, **dict.fromkeys(going, False), part: True})


def test_stacks_are_said_to_be_what_they_are(platform):
    for stack in platform.stacks.values():
        assert stack.template["Description"], stack.name
        assert len(json.dumps(stack.template)) < 1_000_000, "CloudFormation takes no more"
        assert len(stack.template["Resources"]) <= 500, "nor more resources"
