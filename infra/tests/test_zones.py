"""The zones: closed, encrypted, versioned; landing is locked, and nothing outlives the erasure deadline."""

from medallion_platform.settings import load

RETENTION = load(environ={}).retention
ZONES = {"landing", "raw", "trusted", "error", "refined"}


def zones(platform, *, replica=False):
    """Buckets of data by zone, in one of the two regions."""
    region = "eu-central-1" if replica else "eu-west-1"
    return {
        bucket.properties["BucketName"].split("-")[1]: bucket
        for bucket in platform.resources("AWS::S3::Bucket")
        if bucket.properties["BucketName"].split("-")[1] in ZONES and bucket.stack.region == region
    }


def test_every_zone_is_there_in_both_regions(platform):
    assert set(zones(platform)) == set(zones(platform, replica=True)) == ZONES


def test_no_bucket_can_be_public_and_each_keeps_its_versions_and_asks_for_tls(platform):
    policies = {policy.properties["Bucket"]: policy for policy in platform.resources("AWS::S3::BucketPolicy")}
    buckets = list(platform.resources("AWS::S3::Bucket"))
    assert len(buckets) >= 14
    for bucket in buckets:
        found = bucket.properties
        assert found["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }, bucket.id
        assert found["VersioningConfiguration"] == {"Status": "Enabled"}, bucket.id
        assert bucket.raw["DeletionPolicy"] == bucket.raw["UpdateReplacePolicy"] == "Retain", bucket.id
        said = policies[found["BucketName"]].properties["PolicyDocument"]["Statement"]
        [tls] = [statement for statement in said if statement["Sid"] == "OnlyTls"]
        assert tls["Effect"] == "Deny" and tls["Principal"] == "*" and tls["Action"] == ["s3:*"], bucket.id
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, bucket.id
        assert len(tls["Resource"]) == 2, bucket.id


def test_each_zone_has_a_key_of_its_own_that_works_in_both_regions(platform):
    keys = {}
    for zone, bucket in zones(platform).items():
        [rule] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        assert default["SSEAlgorithm"] == "aws:kms" and rule["BucketKeyEnabled"]
        keys[zone] = default["KMSMasterKeyID"]
    assert len(set(keys.values())) == len(ZONES)
    for key in platform.resources("AWS::KMS::Key"):
        assert key.properties["MultiRegion"] and key.properties["EnableKeyRotation"], key.id
    copied = sum(1 for _ in platform.resources("AWS::KMS::ReplicaKey"))
    assert copied == len(ZONES) + 1, "and the database's"


def test_landing_is_locked_in_governance_mode_for_less_than_the_deadline_and_no_table_is(platform):
    for replica in (False, True):
        found = zones(platform, replica=replica)
        landing = found.pop("landing").properties
        assert landing["ObjectLockEnabled"] is True
        assert landing["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {
            "Mode": "GOVERNANCE",
            "Days": RETENTION.landing_lock_days,
        }
        for bucket in found.values():
            assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & set(bucket.properties)


def test_what_is_deleted_is_gone_before_the_deadline_in_every_zone(platform):
    for bucket in (*zones(platform).values(), *zones(platform, replica=True).values()):
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        versions = [rule for rule in rules if "NoncurrentVersionExpiration" in rule]
        assert len(versions) == 1 and "Prefix" not in versions[0] and versions[0]["Status"] == "Enabled"
        [rule] = versions
        days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"] + rule.get("ExpirationInDays", 0)
        assert days + 1 < RETENTION.erasure_deadline_days, bucket.id
        assert "NewerNoncurrentVersions" not in rule["NoncurrentVersionExpiration"]
        assert any("AbortIncompleteMultipartUpload" in each for each in rules), bucket.id


def test_no_live_object_of_a_zone_of_tables_ever_expires(platform):
    for zone in ("landing", "raw", "trusted", "refined"):
        for rule in zones(platform)[zone].properties["LifecycleConfiguration"]["Rules"]:
            assert not {"ExpirationInDays", "ExpirationDate", "Transitions"} & set(rule), zone


def test_arrivals_in_landing_and_raw_and_commits_of_gold_go_to_eventbridge(platform):
    told = {
        zone
        for zone, bucket in zones(platform).items()
        if bucket.properties.get("NotificationConfiguration")
        == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    }
    assert told == {"landing", "raw", "refined"}


def test_each_zone_is_copied_with_its_deletions_under_the_key_of_the_other_region(platform):
    for zone, bucket in zones(platform).items():
        copied = bucket.properties["ReplicationConfiguration"]
        [rule] = copied["Rules"]
        there = zones(platform, replica=True)[zone]
        assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{there.properties['BucketName']}"
        assert (
            rule["DeleteMarkerReplication"]
            == {"Status": "Enabled"}
            == rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"]
        )
        [own] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        key = own["ServerSideEncryptionByDefault"]["KMSMasterKeyID"].replace("eu-west-1", "eu-central-1")
        assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": key}
        assert copied["Role"].endswith("-replication")


def test_inventories_are_in_csv_as_batch_operations_reads_them(platform):
    for zone, bucket in zones(platform).items():
        [inventory] = bucket.properties["InventoryConfigurations"]
        assert inventory["Destination"]["Format"] == "CSV" and inventory["Enabled"]
        assert inventory["Destination"]["Prefix"] == f"inventory/{zone}"
        assert inventory["Destination"]["BucketAccountId"] == bucket.stack.account


def test_lists_of_objects_and_of_copies_are_gone_before_the_deadline_for_keys_may_name_people(platform):
    for account in ("engineering", "serving"):
        bucket = platform.one("AWS::S3::Bucket", BucketName=load(environ={}).bucket(f"logs-{account}"))
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        [rule] = [rule for rule in rules if rule.get("Prefix") == "inventory/"]
        assert rule["Status"] == "Enabled"
        kept = rule["ExpirationInDays"] + rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        assert kept < RETENTION.erasure_deadline_days
    reports = platform.one("AWS::S3::Bucket", BucketName=load(environ={}).bucket("batch-engineering"))
    assert reports.properties["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] < 30


def test_no_bucket_takes_acls_and_every_log_is_encrypted_and_ends(platform):
    for bucket in platform.resources("AWS::S3::Bucket"):
        assert bucket.properties["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }
        assert bucket.properties["BucketEncryption"], bucket.id
    groups = list(platform.resources("AWS::Logs::LogGroup"))
    assert len(groups) >= 9
    for group in groups:
        assert group.properties["KmsKeyId"].startswith("arn:aws:kms:"), group.id
        # statements that PostgreSQL logs hold what people may ask to have erased
        of_rds = group.properties["LogGroupName"].startswith("/aws/rds/")
        days = RETENTION.backups_days if of_rds else RETENTION.logs_days
        assert group.properties["RetentionInDays"] == days, group.id
        assert group.raw["DeletionPolicy"] == "Retain", group.id


def test_access_to_every_zone_is_logged(platform):
    for zone, bucket in (*zones(platform).items(), *zones(platform, replica=True).items()):
        logged = bucket.properties["LoggingConfiguration"]
        assert logged["DestinationBucketName"].startswith("medallion-access-logs-")
        assert logged["LogFilePrefix"] == f"{zone}/"
