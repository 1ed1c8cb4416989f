"""Who reaches what: a table of requests that must be allowed and of such that must be denied."""

from dataclasses import replace

import pytest
from simulator import Policies, Request
from templates import Templates

from medallion_platform.settings import load

SETTINGS = load(environ={})
ACCOUNT = dict(SETTINGS.accounts)
CATALOG = SETTINGS.databricks.catalog_role
EXTERNAL = {"sts:ExternalId": SETTINGS.databricks_account}
# Where calls come from.
INSIDE = {name: {"aws:VpceAccount": id_} for name, id_ in ACCOUNT.items()}
SERVERLESS = {
    "aws:VpceAccount": "999999999999",
    "aws:VpceOrgPaths": ["o-g29axo4oyt/r-gu8r/ou-gu8r-g4va1rkr/ou-gu8r-hvyilq7g/ou-x/"],
}
STRANGER = {"aws:VpceAccount": "999999999999", "aws:VpceOrgPaths": ["o-another/r-1/ou-1/"]}
INTERNET = {"aws:SourceIp": "203.0.113.5"}


def role(name):
    return SETTINGS.role(name)


def at(zone, key="x", *, replica=False):
    return f"arn:aws:s3:::{SETTINGS.bucket(zone, replica=replica)}/{key}"


def bucket(zone):
    return f"arn:aws:s3:::{SETTINGS.bucket(zone)}"


def get(by, zone, where, key="x"):
    return Request(role(by), "s3:GetObject", at(zone, key), where)


def put(by, zone, where, key="x"):
    return Request(role(by), "s3:PutObject", at(zone, key), where)


def assume(by, name, **context):
    return Request(by, "sts:AssumeRole", role(name), context)


_PEOPLE = "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operators_1"
OPERATOR = f"arn:aws:iam::{ACCOUNT['engineering']}:{_PEOPLE}"
ADMIN = f"arn:aws:iam::{ACCOUNT['engineering']}:role/Admin"
EC2 = f"arn:aws:ec2:eu-west-1:{ACCOUNT['engineering']}"
IN_REGION = {"aws:RequestedRegion": "eu-west-1"}
VENDOR = {"aws:RequestTag/Vendor": "Databricks", **IN_REGION}

MUST_ALLOW = {
    # clusters reach their zones, from inside
    "cluster 1 reads landing": get("engineering-workspace", "landing", INSIDE["engineering"]),
    "cluster 1 writes raw": put("engineering-workspace", "raw", INSIDE["engineering"]),
    "cluster 1 writes trusted": put("engineering-workspace", "trusted", INSIDE["engineering"]),
    "cluster 2 reads trusted": get("serving-workspace", "trusted", INSIDE["serving"]),
    "cluster 2 writes refined": put("serving-workspace", "refined", INSIDE["serving"]),
    "cluster 3 reads refined": get("consumers-workspace", "refined", INSIDE["consumers"]),
    # Unity Catalog: by serverless and by clusters
    "serverless writes raw": put("engineering-unity-catalog-raw", "raw", SERVERLESS),
    "serverless reads landing": get("engineering-unity-catalog-landing", "landing", SERVERLESS),
    "serverless writes refined": put("serving-unity-catalog-refined", "refined", SERVERLESS),
    "a cluster writes trusted by Unity Catalog": put(
        "engineering-unity-catalog-trusted", "trusted", INSIDE["engineering"]
    ),
    "cluster 3 reads refined by Unity Catalog": get(
        "serving-unity-catalog-refined", "refined", INSIDE["consumers"]
    ),
    "Unity Catalog takes on its role": assume(CATALOG, "engineering-unity-catalog-raw", **EXTERNAL),
    "its role takes on itself": assume(
        role("engineering-unity-catalog-raw"), "engineering-unity-catalog-raw", **EXTERNAL
    ),
    "Databricks takes on its role": assume(
        "arn:aws:iam::414351767826:role/control-plane", "engineering-databricks", **EXTERNAL
    ),
    "a cluster's machine is its instance profile": assume("ec2.amazonaws.com", "serving-workspace"),
    # Databricks launches what it needs
    "Databricks launches a machine": Request(
        role("engineering-databricks"), "ec2:RunInstances", f"{EC2}:instance/*", VENDOR
    ),
    "Databricks launches from its images": Request(
        role("engineering-databricks"),
        "ec2:RunInstances",
        "arn:aws:ec2:eu-west-1::image/ami-1",
        {"ec2:Owner": "601306020600", **IN_REGION},
    ),
    "Databricks gives clusters the instance profile": Request(
        role("engineering-databricks"),
        "iam:PassRole",
        role("engineering-workspace"),
        {"iam:PassedToService": "ec2.amazonaws.com", **IN_REGION},
    ),
    # erasure, replication, logs, people
    "an erasure deletes a version in landing": Request(
        role("engineering-workspace"), "s3:DeleteObjectVersion", at("landing"), INSIDE["engineering"]
    ),
    "S3 replicates raw": Request(
        role("engineering-replication"),
        "s3:ReplicateObject",
        at("raw", replica=True),
        {"aws:RequestedRegion": "eu-central-1"},
    ),
    "S3 takes on the role of replication": assume(
        "s3.amazonaws.com", "engineering-replication", **{"aws:SourceAccount": ACCOUNT["engineering"]}
    ),
    "S3 writes inventories": Request(
        "s3.amazonaws.com",
        "s3:PutObject",
        at("logs-engineering", "inventory/raw/x"),
        {"aws:SourceAccount": ACCOUNT["engineering"], "s3:x-amz-acl": "bucket-owner-full-control"},
    ),
    "S3 writes access logs": Request(
        "logging.s3.amazonaws.com",
        "s3:PutObject",
        at("access-logs-serving", "refined/x"),
        {"aws:SourceAccount": ACCOUNT["serving"]},
    ),
    "an operator becomes key administrator": assume(OPERATOR, "engineering-key-administrator"),
    "the DNS operator fails over": Request(
        role("engineering-dns-operator"),
        "route53:ChangeResourceRecordSets",
        "arn:aws:route53:::hostedzone/Z1",
        {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["medallion.example.com"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"],
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            "aws:RequestedRegion": "us-east-1",
        },
    ),
    "the database operator promotes the replica": Request(
        role("engineering-database-operator"),
        "rds:PromoteReadReplica",
        f"arn:aws:rds:eu-central-1:{ACCOUNT['engineering']}:db:medallion-replica",
        {"aws:RequestedRegion": "eu-central-1"},
    ),
}

MUST_DENY = {
    # across accounts and zones
    "cluster 2 reads raw": get("serving-workspace", "raw", INSIDE["serving"]),
    "cluster 2 reads landing": get("serving-workspace", "landing", INSIDE["serving"]),
    "cluster 2 writes trusted": put("serving-workspace", "trusted", INSIDE["serving"]),
    "cluster 3 reads trusted": get("consumers-workspace", "trusted", INSIDE["consumers"]),
    "cluster 3 writes refined": put("consumers-workspace", "refined", INSIDE["consumers"]),
    "cluster 1 reads refined": get("engineering-workspace", "refined", INSIDE["engineering"]),
    "the role of raw reads trusted": get("engineering-unity-catalog-raw", "trusted", SERVERLESS),
    "an administrator reads raw": Request(ADMIN, "s3:GetObject", at("raw"), INSIDE["engineering"]),
    "a stranger lists refined": Request(
        "arn:aws:iam::999999999999:role/x", "s3:ListBucket", bucket("refined"), STRANGER
    ),
    # from elsewhere
    "cluster 1 over the internet": get("engineering-workspace", "raw", INTERNET),
    "a stolen credential over a stranger's endpoint": get("engineering-unity-catalog-raw", "raw", STRANGER),
    "Unity Catalog's role over the internet": put("serving-unity-catalog-refined", "refined", INTERNET),
    "cluster 1 without TLS": get(
        "engineering-workspace", "raw", {**INSIDE["engineering"], "aws:SecureTransport": "false"}
    ),
    # the external id, and who may ask
    "Unity Catalog without the external id": assume(CATALOG, "engineering-unity-catalog-raw"),
    "Unity Catalog with another's external id": assume(
        CATALOG, "engineering-unity-catalog-raw", **{"sts:ExternalId": "another"}
    ),
    "the role takes on itself without the external id": assume(
        role("engineering-unity-catalog-raw"), "engineering-unity-catalog-raw"
    ),
    "another role of Databricks takes on the storage role": assume(
        "arn:aws:iam::414351767826:role/other", "engineering-unity-catalog-raw", **EXTERNAL
    ),
    "a cluster takes on the storage role": assume(
        role("engineering-workspace"), "engineering-unity-catalog-raw", **EXTERNAL
    ),
    "Databricks without the external id": assume(
        "arn:aws:iam::414351767826:role/control-plane", "engineering-databricks"
    ),
    "a stranger with the external id": assume(
        "arn:aws:iam::999999999999:role/x", "engineering-databricks", **EXTERNAL
    ),
    "S3 on behalf of another account": assume(
        "s3.amazonaws.com", "engineering-replication", **{"aws:SourceAccount": "999999999999"}
    ),
    "anybody becomes key administrator": assume(ADMIN, "engineering-key-administrator"),
    # Databricks' launches
    "Databricks launches what is not tagged as its own": Request(
        role("engineering-databricks"), "ec2:RunInstances", f"{EC2}:instance/*", IN_REGION
    ),
    "Databricks ends a machine of others": Request(
        role("engineering-databricks"),
        "ec2:TerminateInstances",
        f"{EC2}:instance/i-1",
        {"ec2:ResourceTag/Vendor": "Us", **IN_REGION},
    ),
    "Databricks launches from another image": Request(
        role("engineering-databricks"),
        "ec2:RunInstances",
        "arn:aws:ec2:eu-west-1::image/ami-1",
        {"ec2:Owner": "999999999999", **IN_REGION},
    ),
    "Databricks hands clusters a stronger role": Request(
        role("engineering-databricks"),
        "iam:PassRole",
        role("engineering-key-administrator"),
        {"iam:PassedToService": "ec2.amazonaws.com", **IN_REGION},
    ),
    "Databricks launches in another region": Request(
        role("engineering-databricks"),
        "ec2:RunInstances",
        f"{EC2}:instance/*",
        {**VENDOR, "aws:RequestedRegion": "us-east-1"},
    ),
    # locks, keys, names
    "the DNS operator changes another name": Request(
        role("engineering-dns-operator"),
        "route53:ChangeResourceRecordSets",
        "arn:aws:route53:::hostedzone/Z1",
        {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
                "medallion.example.com",
                "www.example.com",
            ],
            "route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"],
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            "aws:RequestedRegion": "us-east-1",
        },
    ),
    "the database operator reads the database": Request(
        role("engineering-database-operator"),
        "rds-db:connect",
        f"arn:aws:rds-db:eu-west-1:{ACCOUNT['engineering']}:dbuser:db-1/medallion_reader",
        IN_REGION,
    ),
    "a cluster opens a bucket": Request(
        role("engineering-workspace"), "s3:PutBucketPolicy", bucket("raw"), INSIDE["engineering"]
    ),
}


@pytest.mark.parametrize("case", MUST_ALLOW)
def test_it_is_allowed(policies: Policies, case):
    assert policies.allows(_here(MUST_ALLOW[case]))


@pytest.mark.parametrize("case", MUST_DENY)
def test_it_is_denied(policies: Policies, case):
    assert not policies.allows(_here(MUST_DENY[case]))


def _here(request: Request) -> Request:
    """Requests are made in the platform's region, unless they say otherwise."""
    return replace(request, context={"aws:RequestedRegion": "eu-west-1", **request.context})


UNLOCK = ["s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold"]


def test_nobody_can_delete_a_locked_landing_object_before_its_time(policies: Policies):
    """S3 itself keeps the lock; what is left is to bypass it, or to shorten it."""
    everybody = [
        *policies.identities,
        ADMIN,
        OPERATOR,
        f"arn:aws:iam::{ACCOUNT['engineering']}:root",
        "s3.amazonaws.com",
    ]
    # an administrator may do anything that no resource's policy forbids
    policies.identities[ADMIN] = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    try:
        for replica in (False, True):
            for by in everybody:
                for action in UNLOCK:
                    for where in (INTERNET, *INSIDE.values(), SERVERLESS):
                        asked = Request(by, action, at("landing", replica=replica), where)
                        assert not policies.allows(_here(asked)), (by, action)
        # such an administrator is no straw man: configuration is open to him
        assert policies.allows(Request(ADMIN, "s3:PutLifecycleConfiguration", bucket("landing")))
        assert not policies.allows(Request(ADMIN, "s3:GetObject", at("landing"), INSIDE["engineering"]))
    finally:
        del policies.identities[ADMIN]


def test_who_may_use_a_zone_may_use_its_key_and_nobody_else(platform: Templates, policies: Policies):
    readers = {
        "landing": {"engineering-workspace", "engineering-unity-catalog-landing", "engineering-jobs"},
        "trusted": {
            "engineering-workspace", "serving-workspace", "engineering-unity-catalog-trusted",
            "engineering-jobs",
        },
        "refined": {
            "serving-workspace", "consumers-workspace", "serving-unity-catalog-refined", "engineering-jobs",
        },
    }  # fmt: skip
    people = ["workspace", "databricks", "key-administrator", "unity-catalog-raw", "jobs", "dns-operator"]
    for zone, expected in readers.items():
        owner = "serving" if zone == "refined" else "engineering"
        alias = f"alias/medallion-{owner}-{zone}"
        key = policies.key(platform, alias)
        context = {
            "kms:ViaService": "s3.eu-west-1.amazonaws.com",
            "kms:ResourceAliases": [alias],
            "aws:RequestedRegion": "eu-west-1",
        }
        found = {
            name
            for account in ("engineering", "serving", "consumers")
            for name in (*(f"{account}-{each}" for each in people), f"{account}-unity-catalog-{zone}")
            if role(name) in policies.identities
            and policies.allows(Request(role(name), "kms:Decrypt", key, context))
        }
        assert found == {name for name in expected if role(name) in policies.identities}, zone
        for name in expected & {"serving-workspace", "engineering-workspace"}:
            asked = Request(
                role(name), "kms:Decrypt", key, {**context, "kms:ViaService": "ec2.eu-west-1.amazonaws.com"}
            )
            assert not policies.allows(asked), "a zone's key is for S3 alone"
        for statement in policies.resources[key]["Statement"]:  # and not only by what roles say of themselves
            if statement["Sid"].startswith("Use"):
                assert statement["Condition"]["StringEquals"]["kms:ViaService"].startswith("s3.")


def test_who_manages_keys_cannot_use_them(platform: Templates, policies: Policies):
    key = policies.key(platform, "alias/medallion-engineering-raw")
    by = role("engineering-key-administrator")
    assert policies.allows(_here(Request(by, "kms:ScheduleKeyDeletion", key)))
    for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:CreateGrant"):
        for via in ({}, {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}):
            assert not policies.allows(_here(Request(by, action, key, via))), action


def test_every_role_has_the_boundary_of_its_account(platform: Templates):
    roles = list(platform.resources("AWS::IAM::Role"))
    assert len(roles) >= 15
    for found in roles:
        account = found.properties["RoleName"].split("-")[1]
        assert found.properties["PermissionsBoundary"] == (
            f"arn:aws:iam::{ACCOUNT[account]}:policy/medallion-{account}-boundary"
        )
        assert found.stack.account == ACCOUNT[account]


# Where AWS takes no resource, or none is known before it is there. Everything else names what it is about.
WITHOUT_RESOURCE = {
    "engineering-databricks.Look": "AWS has these descriptions for all resources only",
    "serving-databricks.Look": "AWS has these descriptions for all resources only",
    "consumers-databricks.Look": "AWS has these descriptions for all resources only",
    "engineering-key-administrator.Create": "the key is not there yet",
    "serving-key-administrator.Create": "the key is not there yet",
    "consumers-key-administrator.Create": "the key is not there yet",
}


def test_no_role_has_a_bare_star_but_where_aws_has_nothing_else(platform: Templates):
    found = set()
    for one in platform.resources("AWS::IAM::Role"):
        name = one.properties["RoleName"].removeprefix("medallion-")
        for policy in one.properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = (
                    statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                )
                assert not any("*" in action for action in actions), (name, statement["Sid"])
                if statement["Resource"] == "*":
                    found.add(f"{name}.{statement['Sid']}")
    assert found == set(WITHOUT_RESOURCE)
