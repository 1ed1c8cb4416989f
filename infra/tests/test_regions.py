"""What survives a region: the database and its replica, names, backups; and what may not leave its region."""

import json
from dataclasses import replace

import boto3
import machine
import pytest
from moto.events.models import EventPattern
from simulator import Policies, Request
from templates import Templates
from test_access import ACCOUNT, may_do_anything, role

from medallion_platform.regions.backup import onward
from medallion_platform.settings import SettingsError, load

SETTINGS = load(environ={})
HERE, THERE = SETTINGS.region, SETTINGS.replica.region
OWN = ACCOUNT["engineering"]


# The database


def instances(platform):
    """The instance and its replica."""
    found = {each.stack.region: each.properties for each in platform.resources("AWS::RDS::DBInstance")}
    return found[HERE], found[THERE]


def test_the_database_and_its_replica_are_closed_encrypted_and_ready_to_take_over(platform):
    for found, region in zip(instances(platform), (HERE, THERE), strict=True):
        assert found["MultiAZ"] is True and found["PubliclyAccessible"] is False
        assert found["KmsKeyId"].startswith(f"arn:aws:kms:{region}:{OWN}:key/mrk-")
        assert found["PerformanceInsightsKMSKeyId"] == found["KmsKeyId"]
        assert found["EnableIAMDatabaseAuthentication"] is True and found["EnablePerformanceInsights"] is True
        assert found["DeletionProtection"] is True and found["DeleteAutomatedBackups"] is True
        assert found["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
        assert found["BackupRetentionPeriod"] == SETTINGS.retention.backups_days
        assert found["DBInstanceIdentifier"] == "medallion-database", "the same name in both regions"
        [group] = [
            each
            for each in platform.resources("AWS::RDS::DBSubnetGroup")
            if each.stack.region == region and each.name == found["DBSubnetGroupName"]
        ]
        assert len(group.properties["SubnetIds"]) == 2
        assert all("networkdatabase" in each for each in group.properties["SubnetIds"])


def test_the_replica_is_of_the_database_and_says_no_more_than_aws_takes(platform):
    first, replica = instances(platform)
    assert (
        replica["SourceDBInstanceIdentifier"]
        == f"arn:aws:rds:{HERE}:{OWN}:db:{first['DBInstanceIdentifier']}"
    )
    assert replica["SourceRegion"] == HERE
    assert first["StorageEncrypted"] is True
    assert not {"StorageEncrypted", "MasterUsername", "MasterUserPassword", "Engine", "DBName"} & set(replica)


def test_neither_is_ended_with_its_stack_nor_leaves_a_snapshot_for_ever(platform):
    for found in platform.resources("AWS::RDS::DBInstance"):
        assert found.raw["DeletionPolicy"] == found.raw["UpdateReplacePolicy"] == "Retain", found.id


def test_it_takes_tls_alone_and_its_logs_have_no_statements_and_end_before_the_deadline(platform):
    groups = list(platform.resources("AWS::RDS::DBParameterGroup"))
    assert len(groups) == 2
    for group in groups:
        told = group.properties["Parameters"]
        assert told["rds.force_ssl"] == "1" and told["rds.logical_replication"] == "1"
        assert told["log_min_error_statement"] == "panic" and told["log_parameter_max_length_on_error"] == "0"
        assert "log_statement" not in told and "log_min_duration_statement" not in told
    logs = [
        each.properties
        for each in platform.resources("AWS::Logs::LogGroup")
        if each.properties["LogGroupName"].startswith("/aws/rds/instance/medallion-database/")
    ]
    assert len(logs) == 4 and all(each["KmsKeyId"] for each in logs)
    assert {each["RetentionInDays"] for each in logs} == {14}


def test_no_template_has_a_password_and_both_secrets_are_encrypted(platform):
    first, _ = instances(platform)
    assert (
        first["MasterUserPassword"]
        == "{{resolve:secretsmanager:medallion-database-master:SecretString:password}}"
    )
    secrets = {
        each.properties["Name"]: each.properties for each in platform.resources("AWS::SecretsManager::Secret")
    }
    for name in ("medallion-database-master", "medallion-database-dms"):
        assert secrets[name]["KmsKeyId"] and "SecretString" not in secrets[name]
        assert secrets[name]["GenerateSecretString"]["PasswordLength"] == 40
    [copied] = secrets["medallion-database-master"]["ReplicaRegions"]
    assert copied["Region"] == THERE and copied["KmsKeyId"].startswith(f"arn:aws:kms:{THERE}:")


def test_dms_enters_by_the_secret_of_its_own_user_and_needs_not_be_told(platform):
    source = platform.one("AWS::DMS::Endpoint", EndpointType="source").properties
    assert source["PostgreSqlSettings"]["SecretsManagerSecretId"] == "medallion-database-dms"
    assert source["DatabaseName"] == "operations"
    attached = {
        each.properties["SecretId"]
        for each in platform.resources("AWS::SecretsManager::SecretTargetAttachment")
    }
    assert len(attached) == 2, "host and port come from the instance"
    asked = {name for stack in platform.stacks.values() for name in stack.template.get("Parameters", {})}
    assert "DatabaseLogin" not in asked


# Names


def test_the_name_leads_to_the_database_and_for_readers_to_the_replica_where_it_is_silent(platform):
    records = {
        each.properties.get("Failover", "state"): each.properties
        for each in platform.resources("AWS::Route53::RecordSet")
    }
    assert set(records) == {"PRIMARY", "SECONDARY", "state"}
    for kind in ("PRIMARY", "SECONDARY"):
        assert records[kind]["Name"] == "database.medallion.internal." and records[kind]["Type"] == "CNAME"
        assert int(records[kind]["TTL"]) <= 60
    alarms = {
        each.stack.region: each.properties
        for each in platform.resources("AWS::CloudWatch::Alarm")
        if each.properties["AlarmName"] == "medallion-database-silent"
    }
    checks = {each.id: each.properties for each in platform.resources("AWS::Route53::HealthCheck")}
    for kind, region in (("PRIMARY", HERE), ("SECONDARY", THERE)):
        config = checks[records[kind]["HealthCheckId"]]["HealthCheckConfig"]
        assert config["AlarmIdentifier"] == {"Name": alarms[region]["AlarmName"], "Region": region}
        assert config["InsufficientDataHealthStatus"] == "Unhealthy"
        assert alarms[region]["TreatMissingData"] == "breaching"
    said = records["state"]["ResourceRecords"]
    assert said[0] == f'"writes={HERE}"'
    assert said[1:] == [
        f'"check:{region}={records[kind]["HealthCheckId"]}"'
        for kind, region in (("PRIMARY", HERE), ("SECONDARY", THERE))
    ]


def test_names_are_private_to_both_networks_and_deployed_where_the_first_region_is_not(platform):
    zone = platform.one("AWS::Route53::HostedZone")
    assert zone.stack.region == THERE
    assert [each["VPCRegion"] for each in zone.properties["VPCs"]] == [HERE, THERE]


# Who may do what

RDS = {region: f"arn:aws:rds:{region}:{OWN}:db:medallion-database" for region in (HERE, THERE)}
OPERATOR_OF_DATABASES, OPERATOR_OF_NAMES = (
    role("engineering-database-operator"),
    role("engineering-dns-operator"),
)


def at(region, **more):
    return {"aws:RequestedRegion": region, **more}


def change(name, type_="CNAME", action="UPSERT"):
    return at(
        "us-east-1",
        **{
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
            "route53:ChangeResourceRecordSetsRecordTypes": [type_],
            "route53:ChangeResourceRecordSetsActions": [action],
        },
    )


ZONE = "arn:aws:route53:::hostedzone/Z1"
CHANGE = "route53:ChangeResourceRecordSets"
MUST_ALLOW = {
    "the operator closes the database": Request(
        OPERATOR_OF_DATABASES, "rds:ModifyDBInstance", RDS[HERE], at(HERE)
    ),
    "the operator promotes the replica": Request(
        OPERATOR_OF_DATABASES, "rds:PromoteReadReplica", RDS[THERE], at(THERE)
    ),
    "the operator makes a replica anew": Request(
        OPERATOR_OF_DATABASES, "rds:CreateDBInstanceReadReplica", RDS[HERE], at(HERE)
    ),
    "the operator looks how far the replica is behind": Request(
        OPERATOR_OF_DATABASES, "cloudwatch:GetMetricStatistics", "*", at(THERE)
    ),
    "the operator of names finds the zone": Request(
        OPERATOR_OF_NAMES, "route53:ListHostedZonesByName", "*", at("us-east-1")
    ),
    "the operator of names turns the name": Request(
        OPERATOR_OF_NAMES, CHANGE, ZONE, change("database.medallion.internal")
    ),
    "the operator of names remembers where writes go": Request(
        OPERATOR_OF_NAMES, CHANGE, ZONE, change("failover.database.medallion.internal", "TXT")
    ),
    "a cluster enters the database by IAM": Request(
        role("engineering-workspace"),
        "rds-db:connect",
        f"arn:aws:rds-db:{HERE}:{OWN}:dbuser:db-1/medallion_reader",
        at(HERE),
    ),
    "a cluster enters it when it is in region B": Request(
        role("engineering-workspace"),
        "rds-db:connect",
        f"arn:aws:rds-db:{THERE}:{OWN}:dbuser:db-2/medallion_reader",
        at(THERE),
    ),
    "a cluster of region B enters it there": Request(
        role("engineering-standby"),
        "rds-db:connect",
        f"arn:aws:rds-db:{THERE}:{OWN}:dbuser:db-2/medallion_reader",
        at(THERE),
    ),
    "DMS reads its secret": Request(
        role("engineering-dms"),
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{HERE}:{OWN}:secret:medallion-database-dms-AbCdEf",
        at(HERE),
    ),
}
MUST_DENY = {
    "the operator ends the database": Request(
        OPERATOR_OF_DATABASES, "rds:DeleteDBInstance", RDS[HERE], at(HERE)
    ),
    "the operator makes a replica elsewhere": Request(
        OPERATOR_OF_DATABASES,
        "rds:CreateDBInstanceReadReplica",
        f"arn:aws:rds:us-east-1:{OWN}:db:medallion-database",
        at("us-east-1"),
    ),
    "the operator changes another database": Request(
        OPERATOR_OF_DATABASES, "rds:ModifyDBInstance", f"arn:aws:rds:{HERE}:{OWN}:db:payroll", at(HERE)
    ),
    "the operator reads the master's password": Request(
        OPERATOR_OF_DATABASES,
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{HERE}:{OWN}:secret:medallion-database-master-AbCdEf",
        at(HERE),
    ),
    "a cluster enters the database as its master": Request(
        role("engineering-workspace"),
        "rds-db:connect",
        f"arn:aws:rds-db:{THERE}:{OWN}:dbuser:db-2/medallion",
        at(THERE),
    ),
    "a cluster of region B enters the database of region A": Request(
        role("engineering-standby"),
        "rds-db:connect",
        f"arn:aws:rds-db:{HERE}:{OWN}:dbuser:db-1/medallion_reader",
        at(HERE),
    ),
    "DMS reads the master's password": Request(
        role("engineering-dms"),
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{HERE}:{OWN}:secret:medallion-database-master-AbCdEf",
        at(HERE),
    ),
    "the operator of names deletes a record": Request(
        OPERATOR_OF_NAMES, CHANGE, ZONE, change("database.medallion.internal", action="DELETE")
    ),
    "the operator of names changes another zone": Request(
        OPERATOR_OF_NAMES, CHANGE, ZONE, change("www.example.com")
    ),
    "the operator of names sends mail elsewhere": Request(
        OPERATOR_OF_NAMES, CHANGE, ZONE, change("database.medallion.internal", "MX")
    ),
}


@pytest.mark.parametrize("case", MUST_ALLOW)
def test_it_is_allowed(policies: Policies, case):
    assert policies.allows(MUST_ALLOW[case])


@pytest.mark.parametrize("case", MUST_DENY)
def test_it_is_denied(policies: Policies, case):
    assert not policies.allows(MUST_DENY[case])


def test_the_databases_key_is_for_rds_and_its_secrets_on_behalf_of_its_own_account(platform):
    policies = Policies.of(platform)
    deployer, stranger = may_do_anything(policies, "engineering"), may_do_anything(policies, "consumers")
    key = policies.key(platform, "alias/medallion-engineering-database")
    by_rds = at(HERE, **{"kms:ViaService": f"rds.{HERE}.amazonaws.com"})
    assert policies.allows(
        Request(deployer, "kms:CreateGrant", key, {**by_rds, "kms:GrantIsForAWSResource": "true"})
    )
    assert not policies.allows(Request(deployer, "kms:CreateGrant", key, by_rds)), "a grant for people"
    assert not policies.allows(Request(deployer, "kms:Decrypt", key, at(HERE))), "through no service"
    assert not policies.allows(Request(stranger, "kms:Decrypt", key, by_rds)), "another account"


# Backups


def vaults(platform):
    return {
        (each.stack.name.split("-")[1], each.stack.region): each.properties
        for each in platform.resources("AWS::Backup::BackupVault")
    }


def test_there_are_three_vaults_whose_locks_end_before_the_erasure_deadline(platform):
    found = vaults(platform)
    assert set(found) == {("engineering", HERE), ("engineering", THERE), ("recovery", THERE)}
    days = SETTINGS.retention.backups_days
    assert days + 3 < SETTINGS.retention.erasure_deadline_days
    for vault in found.values():
        assert vault["LockConfiguration"] == {
            "MinRetentionDays": days,
            "MaxRetentionDays": days,
            "ChangeableForDays": 3,
        }
    keys = [vault["EncryptionKeyArn"] for vault in found.values()]
    assert len(set(keys)) == 3 and keys[2].split(":")[4] == ACCOUNT["recovery"]


def test_each_day_a_backup_goes_into_the_first_vault_and_a_copy_into_the_second(platform):
    plan = platform.one("AWS::Backup::BackupPlan").properties["BackupPlan"]
    [rule] = plan["BackupPlanRule"]
    kept = {"DeleteAfterDays": SETTINGS.retention.backups_days}
    [copied] = rule["CopyActions"]
    assert rule["Lifecycle"] == copied["Lifecycle"] == kept
    assert (
        copied["DestinationBackupVaultArn"] == f"arn:aws:backup:{THERE}:{OWN}:backup-vault:medallion-database"
    )
    selected = platform.one("AWS::Backup::BackupSelection").properties["BackupSelection"]
    assert selected["Resources"] == [RDS[HERE]] and selected["IamRoleArn"] == role("engineering-backup")


class Backup:
    """AWS Backup, as far as a copy is asked for."""

    def __init__(self):
        self.asked = []

    def start_copy_job(self, **given):
        self.asked.append(given)
        return {"CopyJobId": "job-2"}


EVENT = {
    "source": "aws.backup",
    "detail-type": "Copy Job State Change",
    "detail": {
        "copyJobId": "job-1",
        "state": "COMPLETED",
        "destinationBackupVaultArn": f"arn:aws:backup:{THERE}:{OWN}:backup-vault:medallion-database",
        "destinationRecoveryPointArn": f"arn:aws:rds:{THERE}:{OWN}:snapshot:awsbackup:copyjob-1",
    },
}


def test_what_has_come_to_region_b_is_sent_on_to_the_other_account_once(platform):
    service = Backup()
    machine.run(onward(SETTINGS), EVENT, "run", lambda _: service)
    [asked] = service.asked
    assert asked == {
        "RecoveryPointArn": EVENT["detail"]["destinationRecoveryPointArn"],
        "SourceBackupVaultName": "medallion-database",
        "DestinationBackupVaultArn": BACKUP[f"recovery/{THERE}"],
        "IamRoleArn": role("engineering-backup"),
        "IdempotencyToken": "job-1",
        "Lifecycle": {"DeleteAfterDays": SETTINGS.retention.backups_days},
    }
    shape = (
        boto3.client("backup", region_name=THERE)
        .meta.service_model.operation_model("StartCopyJob")
        .input_shape
    )
    assert set(asked) <= set(shape.members)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, True),
        ({"state": "FAILED"}, False),
        ({"destinationBackupVaultArn": f"arn:aws:backup:{THERE}:{OWN}:backup-vault:another"}, False),
    ],
)
def test_only_what_has_come_to_that_vault_is_sent_on(platform, change, told):
    """By the rule's pattern, on moto's own matching of events."""
    rule = platform.one("AWS::Events::Rule", Name="medallion-backup-onward")
    assert rule.stack.region == THERE
    event = {**EVENT, "detail": {**EVENT["detail"], **change}}
    assert EventPattern.load(json.dumps(rule.properties["EventPattern"])).matches_event(event) is told


BACKUP = {
    f"{account}/{region}": f"arn:aws:backup:{region}:{ACCOUNT[account]}:backup-vault:medallion-database"
    for account, region in (("engineering", HERE), ("engineering", THERE), ("recovery", THERE))
}
POINT = f"arn:aws:rds:{THERE}:{OWN}:snapshot:awsbackup:copyjob-1"


def test_the_role_of_backups_copies_into_both_vaults_and_touches_no_other_snapshot(policies):
    by = role("engineering-backup")
    for vault in (f"engineering/{THERE}", f"recovery/{THERE}"):
        assert policies.allows(Request(by, "backup:CopyIntoBackupVault", BACKUP[vault], at(THERE))), vault
    assert policies.allows(Request(by, "rds:CreateDBSnapshot", RDS[HERE], at(HERE)))
    for action, on in (
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:{OWN}:snapshot:medallion-by-hand"),
        ("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:{OWN}:db:payroll"),
        ("rds:DeleteDBInstance", RDS[HERE]),
        ("backup:CopyIntoBackupVault", f"arn:aws:backup:{HERE}:{OWN}:backup-vault:another"),
    ):
        assert not policies.allows(Request(by, action, on, at(HERE))), action


def test_not_even_an_administrator_deletes_a_backup_or_takes_it_elsewhere(platform):
    policies = Policies.of(platform)
    policies.guard_rails.clear()
    for account in ("engineering", "recovery"):
        by = may_do_anything(policies, account)
        for name, vault in BACKUP.items():
            if name.startswith(account):
                region = name.split("/")[1]
                for action in ("backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"):
                    assert not policies.allows(Request(by, action, vault, at(region))), (name, action)
                assert policies.allows(Request(by, "backup:DescribeBackupVault", vault, at(region)))
    stranger = "arn:aws:iam::999999999999:role/x"
    assert not policies.allows(
        Request(stranger, "backup:CopyFromBackupVault", BACKUP[f"recovery/{THERE}"], at(THERE))
    )
    assert not policies.allows(
        Request(stranger, "backup:CopyIntoBackupVault", BACKUP[f"recovery/{THERE}"], at(THERE))
    )


def test_the_copys_account_reads_region_bs_copy_by_its_key_and_nothing_in_region_a(platform):
    policies = Policies.of(platform)
    by = may_do_anything(policies, "recovery")
    first = policies.key(platform, "alias/medallion-engineering-database")
    second = first.replace(HERE, THERE)
    [second] = [arn for arn in policies.resources if f":{THERE}:{OWN}:key/" in arn and "database" in arn]
    for key, region, allowed in ((first, HERE, False), (second, THERE, True)):
        by_rds = at(region, **{"kms:ViaService": f"rds.{region}.amazonaws.com"})
        assert policies.allows(Request(by, "kms:Decrypt", key, by_rds)) is allowed, region
        assert not policies.allows(Request(by, "kms:Decrypt", key, at(region))), "through no service"


# Copies of zones in region B


def test_every_copy_is_measured_and_in_time_encrypted_anew_and_loses_what_was_deleted(platform):
    copied = 0
    for bucket in platform.resources("AWS::S3::Bucket"):
        for rule in bucket.properties.get("ReplicationConfiguration", {}).get("Rules", []):
            copied += 1
            to = rule["Destination"]
            assert rule["Status"] == "Enabled" and rule["Filter"] == {"Prefix": ""}
            assert to["Metrics"] == {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}
            assert to["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
            assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
            assert rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"] == {"Status": "Enabled"}
            assert to["EncryptionConfiguration"]["ReplicaKmsKeyID"].startswith(f"arn:aws:kms:{THERE}:")
    assert copied == 5


ZONES = {
    "engineering-standby": {"landing", "raw", "trusted", "error"},
    "serving-standby": {"trusted", "refined"},
    "consumers-standby": {"refined"},
}


def zone_key(policies, zone, region):
    """The ARN of a zone's key in a region."""
    [found] = [
        arn
        for arn in policies.resources
        if arn.startswith(f"arn:aws:kms:{region}:") and f"mrk-keys{zone}" in arn
    ]
    return found


def objects(zone, region):
    return f"arn:aws:s3:::{SETTINGS.bucket(zone, replica=region == THERE)}/x"


def inside(account, region):
    return at(region, **{"aws:VpceAccount": ACCOUNT[account]})


@pytest.mark.parametrize("name", ZONES)
def test_clusters_of_region_b_decrypt_what_was_copied_for_them_and_nothing_else(policies, name):
    by, account = role(name), name.split("-")[0]
    for zone in ("landing", "raw", "trusted", "refined", "error"):
        for region in (HERE, THERE):
            may = region == THERE and zone in ZONES[name]
            where = inside(account, region)
            read = Request(by, "s3:GetObject", objects(zone, region), where)
            assert policies.allows(read) is may, (zone, region)
            for through in (HERE, THERE):
                asked = {**where, "kms:ViaService": f"s3.{through}.amazonaws.com"}
                decrypts = policies.allows(
                    Request(by, "kms:Decrypt", zone_key(policies, zone, region), asked)
                )
                assert decrypts is (may and through == region), (zone, region, through)
            for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
                assert not policies.allows(Request(by, action, objects(zone, region), where)), (zone, action)
            via = {**where, "kms:ViaService": f"s3.{region}.amazonaws.com"}
            assert not policies.allows(
                Request(by, "kms:GenerateDataKey", zone_key(policies, zone, region), via)
            )
    from_outside = Request(by, "s3:GetObject", objects(min(ZONES[name]), THERE), at(THERE))
    assert not policies.allows(from_outside), "over the internet"


def test_roles_of_region_a_neither_read_nor_decrypt_the_copies(policies):
    seen = 0
    for by in policies.identities:
        if by.endswith("-standby"):
            continue
        seen += 1
        for zone in ("landing", "raw", "trusted", "refined", "error"):
            where = inside("engineering", THERE)
            assert not policies.allows(Request(by, "s3:GetObject", objects(zone, THERE), where)), (by, zone)
            via = {**where, "kms:ViaService": f"s3.{THERE}.amazonaws.com"}
            decrypts = policies.allows(Request(by, "kms:Decrypt", zone_key(policies, zone, THERE), via))
            assert not decrypts, (by, zone)
    assert seen > 20


def test_replication_itself_can_write_copies_and_not_read_them(policies):
    by = role("engineering-replication")
    key = zone_key(policies, "raw", THERE)
    via = at(THERE, **{"kms:ViaService": f"s3.{THERE}.amazonaws.com"})
    assert policies.allows(Request(by, "s3:ReplicateObject", objects("raw", THERE), at(THERE)))
    assert policies.allows(Request(by, "kms:GenerateDataKey", key, via))
    assert not policies.allows(Request(by, "kms:Decrypt", key, via))
    assert not policies.allows(Request(by, "s3:GetObject", objects("raw", THERE), at(THERE)))


# What stays in its region


@pytest.fixture(scope="module")
def staying(tmp_path_factory):
    """With the zones of the settings, landing and error, staying where they are."""
    from check import EVERYTHING

    return Templates.of(tmp_path_factory.mktemp("staying"), parts={**EVERYTHING, "residency": True})


def residency(resource):
    return {each["Key"]: each["Value"] for each in resource.properties.get("Tags", [])}.get("data-residency")


def test_zones_that_stay_have_no_copy_and_a_tagged_key_of_one_region(staying):
    buckets = {
        (each.properties["BucketName"].split("-")[1], each.stack.region): each
        for each in staying.resources("AWS::S3::Bucket")
    }
    keys = {each.properties["Description"]: each for each in staying.resources("AWS::KMS::Key")}
    for zone in ("landing", "error", "raw", "trusted", "refined"):
        stays = zone in ("landing", "error")
        bucket, key = buckets[zone, HERE], keys[f"medallion {zone}"]
        assert residency(bucket) == residency(key) == (HERE if stays else None), zone
        assert ("ReplicationConfiguration" in bucket.properties) is not stays, zone
        assert ((zone, THERE) in buckets) is not stays, zone
        assert key.properties["MultiRegion"] is not stays, zone
    copies = [each.logical_id for each in staying.resources("AWS::KMS::ReplicaKey")]
    assert len(copies) == 4 and not any("landing" in each or "error" in each for each in copies)


TAGGED = {"aws:ResourceTag/data-residency": HERE}
KEY = f"arn:aws:kms:{HERE}:{OWN}:key/mrk-any"
LANDING = f"arn:aws:s3:::{SETTINGS.bucket('landing')}"
# An administrator asks: the action, the resource, the region, and what else is known.
STAYS = {
    "replicates a key that stays": ("kms:ReplicateKey", KEY, HERE, TAGGED),
    "makes another region the first of a key that stays": ("kms:UpdatePrimaryRegion", KEY, HERE, TAGGED),
    "decrypts by a key that stays, elsewhere": ("kms:Decrypt", KEY, THERE, TAGGED),
    "grants a key that stays, elsewhere": ("kms:CreateGrant", KEY, THERE, TAGGED),
    "takes the tag off a key": (
        "kms:UntagResource",
        KEY,
        HERE,
        {**TAGGED, "aws:TagKeys": ["data-residency"]},
    ),
    "says of a key that it is of another region": (
        "kms:TagResource",
        KEY,
        HERE,
        {**TAGGED, "aws:TagKeys": ["x", "data-residency"]},
    ),
    "takes the tags off a bucket": ("s3:PutBucketTagging", LANDING, HERE, {}),
    "copies a bucket elsewhere": ("s3:PutReplicationConfiguration", LANDING, HERE, {}),
    "copies an object into a bucket of region B": ("s3:PutObject", "arn:aws:s3:::anywhere/x", THERE, {}),
    "has S3 copy a copy into a bucket of region B": (
        "s3:ReplicateObject",
        "arn:aws:s3:::anywhere/x",
        THERE,
        {},
    ),
}
STILL = {
    "grants a key that stays, where it stays": ("kms:CreateGrant", KEY, HERE, TAGGED),
    "tags a key otherwise": ("kms:TagResource", KEY, HERE, {**TAGGED, "aws:TagKeys": ["owner"]}),
    "copies another bucket": (
        "s3:PutReplicationConfiguration",
        f"arn:aws:s3:::{SETTINGS.bucket('raw')}",
        HERE,
        {},
    ),
    "writes where the platform is": (
        "s3:PutObject",
        f"arn:aws:s3:::{SETTINGS.bucket('logs-engineering')}/x",
        HERE,
        {},
    ),
}


def asked(staying, what):
    """An administrator's request, with the key and the buckets open to him: what denies it is the guard."""
    policies = Policies.of(staying)
    by = may_do_anything(policies, "engineering")
    everything = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    action, on, region, more = what
    policies.owners["arn:aws:s3:::anywhere"] = OWN
    if on == KEY:
        policies.resources[on] = everything
    return policies, Request(by, action, on, at(region, **more))


@pytest.mark.parametrize("case", STAYS)
def test_nobody_takes_tagged_data_out_of_their_region(staying, case):
    policies, request = asked(staying, STAYS[case])
    assert not policies.allows(request)


@pytest.mark.parametrize("case", STAYS)
def test_it_is_the_guard_that_denies_it(staying, case):
    policies, request = asked(staying, STAYS[case])
    policies.guard_rails.clear()
    by_bucket = case == "copies a bucket elsewhere"  # the bucket says it, too
    assert policies.allows(request) is not by_bucket


@pytest.mark.parametrize("case", [case for case in STAYS if "tag" in case or "says" in case])
def test_who_deploys_tags_what_stays_and_nobody_who_is_called_alike(staying, case):
    policies, request = asked(staying, STAYS[case])
    name = "AWSReservedSSO_Deployers_0123456789abcdef"
    people = f"arn:aws:iam::{OWN}:role/aws-reserved/sso.amazonaws.com/{HERE}/{name}"
    alike = f"arn:aws:iam::{OWN}:role/my-cfn-exec-role-AWSReservedSSO_Deployers_0123456789abcdef"
    for by in (people, alike):
        policies.identities[by] = policies.identities[request.by]
    assert policies.allows(replace(request, by=people))
    assert not policies.allows(replace(request, by=alike))


@pytest.mark.parametrize("case", STILL)
def test_the_rest_can_still_be_done(staying, case):
    policies, request = asked(staying, STILL[case])
    assert policies.allows(request)


def test_a_zone_that_stays_is_reached_from_its_region_alone(staying):
    policies = Policies.of(staying)
    policies.guard_rails.clear()
    by = role("engineering-workspace")
    for region, may in ((HERE, True), (THERE, False)):
        assert (
            policies.allows(Request(by, "s3:GetObject", f"{LANDING}/x", inside("engineering", region))) is may
        )
    replication = Request(
        role("engineering-replication"), "s3:GetObjectVersionForReplication", f"{LANDING}/x", at(HERE)
    )
    assert not policies.allows(replication)
    raw = replace(replication, resource=f"arn:aws:s3:::{SETTINGS.bucket('raw')}/x")
    assert policies.allows(raw)


def test_what_is_copied_still_reaches_region_b(staying):
    policies = Policies.of(staying)
    by = role("engineering-replication")
    assert policies.allows(Request(by, "s3:ReplicateObject", objects("raw", THERE), at(THERE)))
    assert (
        len(
            json.dumps(
                staying.one("AWS::Organizations::Policy", Name="medallion-data-residency").properties[
                    "Content"
                ]
            )
        )
        < 5120
    )


# What cannot be honoured


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"retention": {"backups_days": 27}}, r"retention\.backups_days is 27\. It can be 1 to 26: "),
        (
            {"retention": {"erasure_deadline_days": 16}},
            r"retention\.backups_days is 14\. It can be 1 to 12: ",
        ),
        ({"parts": {"rds": True}}, r"parts\.rds needs parts\.database\."),
        ({"parts": {"failover": True}}, r"parts\.failover needs parts\.rds\."),
        (
            {"parts": {"database": True, "rds": True, "failover": True, "replication": False}},
            r"parts\.failover needs parts\.replication\.",
        ),
        ({"replica": {"network": "10.10.0.0/16"}}, r"replica\.network \(10\.10\.0\.0/16\) overlap"),
        ({"residency": {"zones": ["gold"]}}, r"residency\.zones has 'gold'\. Zones are: landing,"),
    ],
)
def test_what_cannot_be_honoured_is_refused(changes, told):
    with pytest.raises(SettingsError, match=told):
        load(environ={}, **changes)
