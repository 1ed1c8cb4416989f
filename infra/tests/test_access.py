"""Who reaches what: a table of requests that must be allowed and of such that must be denied."""

import json
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


_PEOPLE = "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operators_0123456789abcdef"
OPERATOR = f"arn:aws:iam::{ACCOUNT['engineering']}:{_PEOPLE}"
ADMIN = f"arn:aws:iam::{ACCOUNT['engineering']}:role/Admin"
EC2 = f"arn:aws:ec2:eu-west-1:{ACCOUNT['engineering']}"
ATHENA, GLUE, APPSYNC = (
    f"arn:aws:{name}:eu-west-1:{ACCOUNT['serving']}" for name in ("athena", "glue", "appsync")
)
BY_ATHENA = {"aws:ViaAWSService": "true", "aws:CalledVia": ["athena.amazonaws.com"]}
SQS, STATES = (f"arn:aws:{name}:eu-west-1:{ACCOUNT['engineering']}" for name in ("sqs", "states"))
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
    "cluster 1 logs on to the database": Request(
        role("engineering-workspace"),
        "rds-db:connect",
        f"arn:aws:rds-db:eu-west-1:{ACCOUNT['engineering']}:dbuser:db-1/medallion_reader",
        IN_REGION,
    ),
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
    # ingestion, from inside or from AWS's own network
    "the function lands an event": put("engineering-landing-function", "landing", INSIDE["engineering"]),
    "the function refuses an event": put(
        "engineering-landing-function", "error", INSIDE["engineering"], "landing-function/not_json/x"
    ),
    "Firehose delivers": put("engineering-firehose", "raw", {}, "incoming/a/2026/01/01/00/x"),
    "Firehose delivers what it cannot convert": put("engineering-firehose", "raw", {}, "firehose-errors/x"),
    "Batch Operations copies": put("engineering-batch-operations", "landing", {}),
    "DMS writes changes": put("engineering-dms", "raw", INSIDE["engineering"], "incoming/dms/public/t/x"),
    "DataSync brings files": put("engineering-datasync", "landing", {}, "on-premises/x"),
    "Data Exchange exports a revision": Request(
        "dataexchange.amazonaws.com",
        "s3:PutObject",
        at("landing", "data-exchange/r/x"),
        {"aws:SourceAccount": ACCOUNT["engineering"]},
    ),
    "jobs of EMR read landing": get("engineering-jobs", "landing", INSIDE["engineering"]),
    "jobs of EMR write refined": put("engineering-jobs", "refined", INSIDE["engineering"]),
    "Lambda takes on the function's role": assume("lambda.amazonaws.com", "engineering-landing-function"),
    "a rule keeps what the pipeline was not started for": Request(
        role("engineering-start-pipeline"), "sqs:SendMessage", f"{SQS}:medallion-not-started"
    ),
    "arrivals start the pipeline": Request(
        role("engineering-start-pipeline"),
        "states:StartExecution",
        f"{STATES}:stateMachine:medallion-pipeline",
    ),
    "the pipeline has the work done": Request(
        role("engineering-pipeline"),
        "states:StartExecution",
        f"{STATES}:stateMachine:medallion-run-on-databricks",
    ),
    "Databricks' job is started": Request(
        role("engineering-run-on-databricks"),
        "states:InvokeHTTPEndpoint",
        f"{STATES}:stateMachine:medallion-run-on-databricks",
        {"states:HTTPEndpoint": f"https://{SETTINGS.orchestration.workspace_host}/api/2.2/jobs/run-now"},
    ),
    "a copying job is given its role": Request(
        role("engineering-batch-copy"),
        "iam:PassRole",
        role("engineering-batch-operations"),
        {"iam:PassedToService": "batchoperations.s3.amazonaws.com"},
    ),
    # the APIs
    "the APIs query": Request(
        role("serving-apis"), "athena:StartQueryExecution", f"{ATHENA}:workgroup/medallion-apis"
    ),
    "Athena reads gold for the APIs": get("serving-apis", "refined", BY_ATHENA, "gold/dim_carrier/x.parquet"),
    "Athena looks up a table for the APIs": Request(
        role("serving-apis"), "glue:GetTable", f"{GLUE}:table/gold/dim_carrier"
    ),
    "Lambda takes on the APIs' role": assume("lambda.amazonaws.com", "serving-apis"),
    "AppSync takes on its role": assume(
        "appsync.amazonaws.com", "serving-api-graphql", **{"aws:SourceAccount": ACCOUNT["serving"]}
    ),
    "AppSync calls the function": Request(
        role("serving-api-graphql"),
        "lambda:InvokeFunction",
        f"arn:aws:lambda:eu-west-1:{ACCOUNT['serving']}:function:medallion-apis",
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
    # ingestion and orchestration, beyond their task
    "the function over the internet": put("engineering-landing-function", "landing", INTERNET),
    "the function deletes what landed": Request(
        role("engineering-landing-function"), "s3:DeleteObject", at("landing"), INSIDE["engineering"]
    ),
    "the function reads raw": get("engineering-landing-function", "raw", INSIDE["engineering"]),
    "Firehose writes into tables": put("engineering-firehose", "raw", {}, "bronze/flights/_delta_log/x"),
    "DMS writes into tables": put("engineering-dms", "raw", INSIDE["engineering"], "bronze/flights/x"),
    "DMS over the internet": put("engineering-dms", "raw", INTERNET, "incoming/dms/public/t/x"),
    "Batch Operations writes into raw": put("engineering-batch-operations", "raw", {}),
    "DataSync writes elsewhere in landing": put("engineering-datasync", "landing", {}, "flights/x"),
    "Data Exchange for another account": Request(
        "dataexchange.amazonaws.com",
        "s3:PutObject",
        at("landing", "data-exchange/r/x"),
        {"aws:SourceAccount": "999999999999"},
    ),
    "Data Exchange writes elsewhere": Request(
        "dataexchange.amazonaws.com",
        "s3:PutObject",
        at("landing", "flights/x"),
        {"aws:SourceAccount": ACCOUNT["engineering"]},
    ),
    "jobs of EMR over the internet": put("engineering-jobs", "refined", INTERNET),
    "the pipeline reads landing": get("engineering-pipeline", "landing", {}),
    "a copying job is given a stronger role": Request(
        role("engineering-batch-copy"),
        "iam:PassRole",
        role("engineering-jobs"),
        {"iam:PassedToService": "batchoperations.s3.amazonaws.com"},
    ),
    "the machine calls another API of the workspace": Request(
        role("engineering-run-on-databricks"),
        "states:InvokeHTTPEndpoint",
        f"{STATES}:stateMachine:medallion-run-on-databricks",
        {"states:HTTPEndpoint": f"https://{SETTINGS.orchestration.workspace_host}/api/2.0/token/create"},
    ),
    "another rule writes into the queue": Request(
        "events.amazonaws.com",
        "sqs:SendMessage",
        f"{SQS}:medallion-not-started",
        {"aws:SourceArn": f"arn:aws:events:eu-west-1:{ACCOUNT['engineering']}:rule/another"},
    ),
    "a queue without TLS": Request(
        role("engineering-start-pipeline"),
        "sqs:SendMessage",
        f"{SQS}:medallion-not-started",
        {"aws:SecureTransport": "false"},
    ),
    # the APIs, beyond their task
    "the APIs read gold past Athena": get("serving-apis", "refined", INTERNET, "gold/dim_carrier/x.parquet"),
    "the APIs read what is not gold": get("serving-apis", "refined", BY_ATHENA, "silver/x.parquet"),
    "the APIs read trusted": get("serving-apis", "trusted", BY_ATHENA, "silver/passengers/x.parquet"),
    "the APIs write gold": put("serving-apis", "refined", BY_ATHENA, "gold/dim_carrier/x.parquet"),
    "the APIs delete gold": Request(
        role("serving-apis"), "s3:DeleteObject", at("refined", "gold/dim_carrier/x"), BY_ATHENA
    ),
    "the APIs query in another workgroup": Request(
        role("serving-apis"), "athena:StartQueryExecution", f"{ATHENA}:workgroup/primary"
    ),
    "the APIs change their workgroup": Request(
        role("serving-apis"), "athena:UpdateWorkGroup", f"{ATHENA}:workgroup/medallion-apis"
    ),
    "the APIs change the catalog": Request(
        role("serving-apis"), "glue:UpdateTable", f"{GLUE}:table/gold/dim_carrier"
    ),
    "the APIs tell that a table was published": Request(
        role("serving-apis"), "appsync:GraphQL", f"{APPSYNC}:apis/x/types/Mutation/fields/published"
    ),
    "AppSync on behalf of another account": assume(
        "appsync.amazonaws.com", "serving-api-graphql", **{"aws:SourceAccount": "999999999999"}
    ),
    "AppSync calls another function": Request(
        role("serving-api-graphql"),
        "lambda:InvokeFunction",
        f"arn:aws:lambda:eu-west-1:{ACCOUNT['serving']}:function:another",
    ),
    "EventBridge reads by GraphQL": Request(
        role("serving-api-events"), "appsync:GraphQL", f"{APPSYNC}:apis/x/types/Query/fields/dim_carrier"
    ),
    "a people's role tells that a table was published": Request(
        f"arn:aws:iam::{ACCOUNT['serving']}:role/Analyst",
        "appsync:GraphQL",
        f"{APPSYNC}:apis/x/types/Mutation/fields/published",
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
    **{
        f"the DNS operator {deed}": Request(
            role("engineering-dns-operator"),
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1",
            {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["medallion.example.com"],
                "route53:ChangeResourceRecordSetsRecordTypes": [kind],
                "route53:ChangeResourceRecordSetsActions": [action],
                "aws:RequestedRegion": "us-east-1",
            },
        )
        for deed, kind, action in (("takes a name away", "CNAME", "DELETE"), ("gets mail", "MX", "UPSERT"))
    },
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


GUARD_RAILS = {
    "leaves the organization": ("engineering", "organizations:LeaveOrganization", "*", {}),
    "works in another region": (
        "engineering",
        "ec2:RunInstances",
        f"{EC2}:instance/*",
        {"aws:RequestedRegion": "us-east-1"},
    ),
    "ends a key": ("serving", "kms:ScheduleKeyDeletion", "a key", IN_REGION),
    "stops the logs of a network": ("consumers", "ec2:DeleteFlowLogs", "*", IN_REGION),
    "makes a user with keys": ("engineering", "iam:CreateAccessKey", "*", IN_REGION),
    "opens a way to the internet": ("engineering", "ec2:CreateInternetGateway", "*", IN_REGION),
    "opens one in the third account": ("consumers", "ec2:CreateNatGateway", "*", IN_REGION),
    "unlocks landing": ("engineering", "s3:BypassGovernanceRetention", at("landing"), IN_REGION),
}


def may_do_anything(policies: Policies, account: str) -> str:
    by = f"arn:aws:iam::{ACCOUNT[account]}:role/Admin"
    policies.identities[by] = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    return by


@pytest.mark.parametrize("deed", GUARD_RAILS)
def test_not_even_an_administrator(platform: Templates, deed):
    account, action, resource, context = GUARD_RAILS[deed]
    policies = Policies.of(platform)
    by = may_do_anything(policies, account)
    if resource == "a key":
        resource = policies.key(platform, f"alias/medallion-{account}-platform")
    assert not policies.allows(Request(by, action, resource, context))
    policies.guard_rails.clear()
    if "unlock" not in deed:  # landing's own policy says it, too
        assert policies.allows(Request(by, action, resource, context)), "it is the guard rail that denies it"


def test_the_serving_account_may_face_the_internet_and_everybody_may_work(platform: Templates):
    policies = Policies.of(platform)
    by = may_do_anything(policies, "serving")
    assert policies.allows(Request(by, "ec2:CreateNatGateway", "*", IN_REGION))
    assert policies.allows(Request(by, "iam:CreateRole", "*", {"aws:RequestedRegion": "us-east-1"}))
    administrator = SETTINGS.role("serving-key-administrator")
    key = policies.key(platform, "alias/medallion-serving-platform")
    assert policies.allows(Request(administrator, "kms:ScheduleKeyDeletion", key, IN_REGION))


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
        assert policies.allows(_here(Request(ADMIN, "s3:PutLifecycleConfiguration", bucket("landing"))))
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
            "serving-apis",
        },
    }  # fmt: skip
    people = [
        "workspace",
        "databricks",
        "apis",
        "key-administrator",
        "unity-catalog-raw",
        "jobs",
        "dns-operator",
    ]
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


def test_the_platforms_key_is_for_services_on_behalf_of_its_own_account(platform: Templates):
    policies = Policies.of(platform)
    deployer = may_do_anything(policies, "engineering")
    stranger = may_do_anything(policies, "consumers")
    key = policies.key(platform, "alias/medallion-engineering-platform")
    aliased = {"kms:ResourceAliases": ["alias/medallion-engineering-platform"], **IN_REGION}
    by_lambda = {"kms:ViaService": "lambda.eu-west-1.amazonaws.com", **aliased}
    granting = {**by_lambda, "kms:GrantIsForAWSResource": "true"}
    function = role("engineering-landing-function")
    assert policies.allows(Request(function, "kms:Decrypt", key, by_lambda)), "its environment"
    assert policies.allows(Request(deployer, "kms:CreateGrant", key, granting)), "a function can be deployed"
    assert not policies.allows(Request(deployer, "kms:CreateGrant", key, by_lambda)), "a grant for people"
    assert not policies.allows(Request(deployer, "kms:Decrypt", key, aliased)), "through no service"
    assert not policies.allows(Request(stranger, "kms:Decrypt", key, by_lambda)), "another account"
    assert not policies.allows(Request(role("engineering-dms"), "kms:Decrypt", key, by_lambda))


def test_who_manages_keys_cannot_use_them(platform: Templates, policies: Policies):
    key = policies.key(platform, "alias/medallion-engineering-raw")
    by = role("engineering-key-administrator")
    assert policies.allows(_here(Request(by, "kms:ScheduleKeyDeletion", key)))
    # nor say who does, by the policy of the key or of a copy of it
    assert not policies.allows(_here(Request(by, "kms:PutKeyPolicy", key)))
    assert not policies.allows(_here(Request(by, "kms:ReplicateKey", key)))
    made = policies.allows(_here(Request(by, "kms:CreateKey", key, {"kms:MultiRegion": "false"})))
    assert not made, "of one region alone"
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
    "engineering-landing-function.IntoTheNetwork": "network interfaces and traces: AWS has no resources",
    "engineering-batch-copy.Watched": "deliveries of logs and traces: AWS has no resources",
    "engineering-pipeline.Watched": "deliveries of logs and traces: AWS has no resources",
    "engineering-run-on-databricks.Watched": "deliveries of logs and traces: AWS has no resources",
    "serving-apis.Traces": "traces: AWS has no resources",
    "serving-api-logs.Logs": "what API Gateway asks of the role it is given",
    "serving-quicksight-network.IntoTheNetwork": "network interfaces: AWS has no resources",
    "engineering-backup-onward.Watched": "deliveries of logs and traces: AWS has no resources",
    "engineering-database-operator.Lag": "metrics: AWS has no resources",
    "engineering-dns-operator.Find": "zones are found by their name",
    "engineering-run-on-emr.Watched": "deliveries of logs and traces: AWS has no resources",
    "serving-database-connector.IntoTheNetwork": "network interfaces, states of queries: no resources",
    "serving-crawler.Security": "security configurations of Glue: AWS has no resources",
    **{
        f"serving-{name}.Data": "what it is of, Lake Formation decides: AWS has no resources"
        for name in (
            "flights-analyst", "flights-customer-care", "flights-engineer", "flights-network-planning",
            "flights-operations", "flights-public", "apis", "quicksight", "redshift", "views",
        )
    },
}  # fmt: skip


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


def test_policies_are_no_longer_than_aws_takes(platform: Templates):
    def length(policy):
        return len(json.dumps(policy, separators=(",", ":")))

    for one in platform.resources():
        found = one.properties
        if one.type == "AWS::IAM::Role":
            assert length(found["AssumeRolePolicyDocument"]) <= 2048, one.id
            assert sum(length(each["PolicyDocument"]) for each in found.get("Policies", [])) <= 10240, one.id
        elif one.type == "AWS::IAM::ManagedPolicy":
            assert length(found["PolicyDocument"]) <= 6144, one.id
        elif one.type == "AWS::Organizations::Policy":
            assert length(found["Content"]) <= 5120, one.id
        elif one.type == "AWS::S3::BucketPolicy":
            assert length(found["PolicyDocument"]) <= 20480, one.id
