"""Who is trusted, and with how much: over all roles and statements, what test_access.py asks of some."""

import json

import pytest
from simulator import Policies, Request
from templates import Templates
from test_access import (
    ACCOUNT,
    ADMIN,
    CATALOG,
    EXTERNAL,
    IN_REGION,
    OPERATOR,
    SETTINGS,
    may_do_anything,
    role,
)

from medallion_platform.settings import HOMES, home

# Of the contracts of the flights product.
PERSONAS = ("analyst", "customer-care", "engineer", "network-planning", "operations", "public")
# Who may take on which role, by the end of its name: a service, or one of the people and roles of `takers`.
TRUSTED = {
    "-workspace": {"ec2"},
    "-databricks": {"databricks"},
    "-unity-catalog-landing": {"unity catalog", "itself"},
    "-unity-catalog-raw": {"unity catalog", "itself"},
    "-unity-catalog-trusted": {"unity catalog", "itself"},
    "-unity-catalog-refined": {"unity catalog", "itself"},
    "-key-administrator": {"operator"},
    "-database-operator": {"operator"},
    "-dns-operator": {"operator"},
    "-replication": {"s3"},
    "-flow-logs": {"vpc-flow-logs"},
    "-quicksight-network": {"quicksight"},
    "-landing-function": {"lambda"},
    "-firehose": {"firehose"},
    "-batch-operations": {"batchoperations.s3"},
    "-dms": {"dms", "dms.eu-west-1"},
    "-datasync": {"datasync"},
    "-batch-copy": {"states"},
    "-pipeline": {"states"},
    "-run-on-databricks": {"states"},
    "-run-on-emr": {"states"},
    "-start-pipeline": {"events", "scheduler"},
    "-jobs": {"emr-serverless"},
    # regions
    "-standby": {"ec2"},
    "-backup": {"backup"},
    "-backup-onward": {"states"},
    "-start-backup-onward": {"events"},
    # monitoring
    "-trail": {"cloudtrail"},
    "-log-delivery": {"log delivery"},
    "-auditor": {"operator"},
    # analytics
    "-crawler": {"glue"},
    "-lake-formation": {"lakeformation"},
    "-views": {"glue", "lakeformation"},
    "-quicksight": {"quicksight"},
    "-database-connector": {"lambda"},
    "-redshift": {"redshift", "redshift-serverless"},
    "-datazone-domain": {"datazone"},
    "-datazone-access": {"datazone"},
    "-datazone-provisioning": {"datazone"},
    **{f"-{persona}": {"persona"} for persona in PERSONAS},
    # apis
    "-apis": {"lambda"},
    "-api-logs": {"apigateway", "appsync"},
    "-api-graphql": {"appsync"},
    "-api-events": {"events"},
}
SERVICES = {name for trusted in TRUSTED.values() for name in trusted} - {
    "databricks", "unity catalog", "itself", "operator", "log delivery", "persona",
}  # fmt: skip
# Roles whose services do not say on whose behalf they ask: which role they get is checked when it is given.
ON_NOBODYS_BEHALF = {
    "-workspace", "-standby", "-landing-function", "-quicksight-network", "-views", "-database-connector",
    "-redshift", "-apis", "-api-logs",
}  # fmt: skip


def ending(name: str) -> str:
    return max((end for end in TRUSTED if name.endswith(end)), key=len)


def expected(name: str) -> set[str]:
    return TRUSTED[ending(name)]


def names(platform: Templates) -> list[str]:
    return [
        one.properties["RoleName"].removeprefix("medallion-") for one in platform.resources("AWS::IAM::Role")
    ]


def takers(policies: Policies, name: str, on_behalf_of: str, external: dict[str, str]) -> set[str]:
    """All who can take on a role, of those who might try."""
    account = ACCOUNT[name.split("-")[0]]
    people = {
        "operator": OPERATOR.replace(ACCOUNT["engineering"], account),
        "admin": ADMIN.replace(ACCOUNT["engineering"], account),
        "neighbour": role("consumers-workspace" if name.startswith("serving") else "serving-workspace"),
        "stranger": "arn:aws:iam::999999999999:role/x",
        "databricks": f"arn:aws:iam::{SETTINGS.databricks.aws_account}:role/control-plane",
        "unity catalog": CATALOG,
        "itself": role(name),
        "log delivery": SETTINGS.databricks.log_delivery_role,
        "persona": OPERATOR.replace(ACCOUNT["engineering"], account).replace(
            "Operators", name.partition("-")[2].replace("-", "_")
        ),
    }
    asking = {who: Request(by, "sts:AssumeRole", role(name), external) for who, by in people.items()}
    for service in SERVICES:
        whose = on_behalf_of or account
        behalf = {
            "aws:SourceAccount": whose,
            "aws:SourceArn": f"arn:aws:{service}:{SETTINGS.region}:{whose}:x",
        }
        asking[service] = Request(f"{service}.amazonaws.com", "sts:AssumeRole", role(name), behalf)
    found = {who for who, request in asking.items() if policies.allows(request)}
    # the control plane's account is all of Databricks: its other roles are in it
    return found - {"unity catalog", "log delivery"} if "databricks" in found else found


def test_every_role_is_taken_on_by_whom_it_is_for_and_by_nobody_else(platform, policies):
    for name in names(platform):
        assert takers(policies, name, "", EXTERNAL) == expected(name), name


def test_nobody_takes_on_a_role_without_the_external_id_nor_a_service_for_another_account(platform, policies):
    for name in names(platform):
        people = {"operator", "persona"}
        left = expected(name) if ending(name) in ON_NOBODYS_BEHALF else expected(name) & people
        assert takers(policies, name, "999999999999", {}) == left, name
        assert takers(policies, name, "999999999999", {"sts:ExternalId": "another"}) == left, name


def test_a_permission_set_whose_name_begins_alike_is_another(platform, policies):
    for name in names(platform):
        account = ACCOUNT[name.split("-")[0]]
        for known in ("Operators", name.partition("-")[2].replace("-", "_")):
            alike = OPERATOR.replace(ACCOUNT["engineering"], account).replace("Operators", f"{known}_trainee")
            assert not policies.allows(Request(alike, "sts:AssumeRole", role(name), EXTERNAL)), name


def test_the_neighbour_accepts_peerings_between_the_platforms_networks_alone(tmp_path):
    policies = Policies.of(Templates.of(tmp_path, parts={"connection": "peering"}))
    by, ec2 = role("engineering-peering"), f"arn:aws:ec2:eu-west-1:{ACCOUNT['engineering']}"
    accept = "ec2:AcceptVpcPeeringConnection"

    def allows(resource, **context):
        return policies.allows(Request(by, accept, f"{ec2}:{resource}", {**IN_REGION, **context}))

    def asked_by(account):
        return {"ec2:RequesterVpc": f"arn:aws:ec2:eu-west-1:{account}:vpc/vpc-1"}

    assert allows("vpc-peering-connection/x", **asked_by(ACCOUNT["serving"]))
    assert not allows("vpc-peering-connection/x", **asked_by(ACCOUNT["consumers"]))
    assert not allows("vpc-peering-connection/x", **asked_by("999999999999"))
    assert allows("vpc/x", **{"ec2:ResourceTag/Name": "medallion-engineering"})
    assert not allows("vpc/x", **{"ec2:ResourceTag/Name": "another"})
    assert policies.allows(Request(role("serving-workspace"), "sts:AssumeRole", by)) is False


@pytest.mark.parametrize("account", ["engineering", "serving", "consumers"])
def test_databricks_launches_into_the_networks_of_document_1_alone(platform, policies, account):
    by, ec2 = role(f"{account}-databricks"), f"arn:aws:ec2:eu-west-1:{ACCOUNT[account]}"

    def launches(kind, resource):
        [tag] = [tag["Value"] for tag in resource.properties["Tags"] if tag["Key"] == "Name"]
        context = {**IN_REGION, "ec2:ResourceTag/Name": tag}
        return tag, policies.allows(Request(by, "ec2:RunInstances", f"{ec2}:{kind}/x", context))

    found = {
        tag.removeprefix("medallion-")
        for kind, type_ in (("subnet", "AWS::EC2::Subnet"), ("security-group", "AWS::EC2::SecurityGroup"))
        for resource in platform.resources(type_)
        if resource.stack.account == ACCOUNT[account]
        for tag, launched in [launches(kind, resource)]
        if launched
    }
    groups = {"engineering": ["raw", "trusted"], "serving": ["refined"], "consumers": ["workspace"]}[account]
    subnets = {f"{account}-{group}-{letter}" for group in groups for letter in "ab"}
    assert found == {*subnets, f"{account}-workspace"}
    assert not policies.allows(Request(by, "ec2:RunInstances", f"{ec2}:subnet/x", IN_REGION))


def test_a_bucket_of_somebody_else_under_our_name_gets_and_gives_nothing(platform):
    """Names of buckets can be told before they are there, and whoever makes one first has it."""
    policies = Policies.of(platform)
    for zone, by, action, context in (
        ("raw", "engineering-workspace", "s3:PutObject", {"aws:VpceAccount": ACCOUNT["engineering"]}),
        ("raw", "engineering-firehose", "s3:PutObject", {}),
        ("raw", "engineering-replication", "s3:ReplicateObject", {"aws:RequestedRegion": "eu-central-1"}),
        ("trusted", "serving-workspace", "s3:GetObject", {"aws:VpceAccount": ACCOUNT["serving"]}),
    ):
        name = f"arn:aws:s3:::{SETTINGS.bucket(zone, replica=action == 's3:ReplicateObject')}"
        asked = Request(role(by), action, f"{name}/incoming/x", {**IN_REGION, **context})
        assert policies.allows(asked), by
        owner, policy = policies.owners[name], policies.resources[name]
        policies.owners[name] = "999999999999"
        policies.resources[name] = {
            "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}
        }
        assert not policies.allows(asked), by
        policies.owners[name], policies.resources[name] = owner, policy


# What is said, statement by statement


def allowing(platform: Templates, *types: str):
    """The statements that allow something, with the name of what they are of."""
    for one in platform.resources(*types):
        found = one.properties
        of_role = [each["PolicyDocument"] for each in found.get("Policies", [])]
        others = [found.get(name) for name in ("AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy")]
        for policy in (*of_role, *(each for each in others if isinstance(each, dict))):
            for statement in policy["Statement"]:
                if statement["Effect"] == "Allow":
                    yield found.get("RoleName", one.id).removeprefix("medallion-"), statement


def test_no_policy_allows_everybody_but_those_of_private_links_which_say_whose_roles(platform):
    types = ["AWS::IAM::Role", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::KMS::ReplicaKey"]
    types += ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
    for name, statement in allowing(platform, *types):
        assert "*" not in json.dumps(statement.get("Principal", {})), (name, statement["Sid"])
    for name, statement in allowing(platform, "AWS::EC2::VPCEndpoint"):
        whose = statement.get("Condition", {}).get("StringEquals", {}).get("aws:PrincipalAccount")
        assert whose or statement["Sid"] == "Databricks", (name, statement["Sid"])


def test_services_are_let_in_on_behalf_of_the_account_alone(platform):
    types = ["AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::KMS::ReplicaKey", "AWS::SQS::QueuePolicy"]
    for name, statement in allowing(platform, *types):
        if "Service" in statement["Principal"]:
            conditions = json.dumps(statement["Condition"])
            assert any(account in conditions for account in ACCOUNT.values()), (name, statement["Sid"])


def test_a_principal_of_another_account_need_not_be_there_when_a_policy_is_made(platform):
    """S3 and KMS refuse a policy that names a role that is not there; accounts are deployed one by one."""
    for name, statement in allowing(platform, "AWS::S3::BucketPolicy", "AWS::KMS::Key"):
        for principal in [statement["Principal"].get("AWS", [])]:
            for arn in [principal] if isinstance(principal, str) else principal:
                assert arn.endswith(":root"), (name, arn)


def test_what_a_role_may_do_it_may_do_with_resources_of_the_platform(platform):
    ours = {*ACCOUNT.values()}
    for name, statement in allowing(platform, "AWS::IAM::Role"):
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            if arn in ("*", "<ArchiveBucket>", "<DatabaseReader>", "<WarehouseDatabaseLogin>"):
                continue  # test_access.py lists these; the others are told by who deploys
            _, _, service, _, account, rest = arn.split(":", 5)
            if service == "s3" and not account:
                assert rest.startswith(("medallion-", "<ArchiveBucket>/")), (name, arn)
            elif service == "route53" or rest == "image/*":
                assert "Condition" in statement or service == "route53", (name, arn)
            else:
                assert account in ours and rest.strip("*"), (name, arn)


def test_a_role_is_allowed_nothing_in_another_account_that_lets_it_have_nothing(platform):
    """S3, KMS and AWS Backup have policies for it. Where a service has none, the statement would be of no
    use."""
    for name, statement in allowing(platform, "AWS::IAM::Role"):
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            if arn.count(":") > 4 and arn.split(":")[2] not in ("kms", "backup"):
                assert arn.split(":")[4] in ("", ACCOUNT[name.split("-")[0]]), (name, statement["Sid"])


def test_every_role_that_has_data_of_a_zone_has_it_in_the_zones_own_account(platform):
    data = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ReplicateObject", "s3:ListBucket"}
    owners = {
        SETTINGS.bucket(zone, replica=replica): ACCOUNT[home(zone)]
        for zone in HOMES
        for replica in (False, True)
    }
    seen = set()
    for name, statement in allowing(platform, "AWS::IAM::Role"):
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            bucket = arn.removeprefix("arn:aws:s3:::").split("/")[0]
            if bucket in owners and data & set(statement["Action"]):
                said = statement.get("Condition", {}).get("StringEquals", {}).get("aws:ResourceAccount")
                assert said == owners[bucket], (name, statement["Sid"])
                seen.add(bucket)
    assert seen == set(owners)


def test_keys_are_used_by_services_alone_and_each_under_its_alias(platform):
    for name, statement in allowing(platform, "AWS::IAM::Role"):
        if any(action.startswith("kms:") for action in statement["Action"]):
            if name.endswith("-key-administrator"):
                continue
            conditions = statement["Condition"]
            assert conditions["StringEquals"]["kms:ViaService"], (name, statement["Sid"])
            _, _, _, region, account, _ = statement["Resource"].split(":", 5)
            here = (region, account) == (SETTINGS.region, ACCOUNT[name.split("-")[0]])  # copies have no alias
            # of many keys, each of which says in its own policy that it is used so
            if here and not name.endswith(("-replication", "-backup", "-database-operator")):
                assert conditions["ForAnyValue:StringEquals"]["kms:ResourceAliases"], (name, statement["Sid"])


def test_a_zones_key_is_for_no_administrator(platform):
    policies = Policies.of(platform)
    deployers = [may_do_anything(policies, account) for account in ("engineering", "serving", "consumers")]
    for stack, zones in (("engineering", ["landing", "raw", "trusted", "error"]), ("serving", ["refined"])):
        for zone in zones:
            alias = f"alias/medallion-{stack}-{zone}"
            key = policies.key(platform, alias)
            context = {"kms:ViaService": "s3.eu-west-1.amazonaws.com", "kms:ResourceAliases": [alias]}
            for by in (*deployers, "arn:aws:iam::999999999999:role/x"):
                for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
                    assert not policies.allows(Request(by, action, key, {**context, **IN_REGION})), (by, zone)


def test_roles_are_given_to_the_service_that_they_are_for_alone(platform):
    given = {
        name: statement["Condition"]["StringEquals"]["iam:PassedToService"]
        for name, statement in allowing(platform, "AWS::IAM::Role")
        if "iam:PassRole" in statement["Action"]
    }
    assert given == {
        **{
            f"{account}-databricks": "ec2.amazonaws.com"
            for account in ("engineering", "serving", "consumers")
        },
        "engineering-batch-copy": "batchoperations.s3.amazonaws.com",
        "engineering-run-on-emr": "emr-serverless.amazonaws.com",
        "engineering-backup-onward": "backup.amazonaws.com",
    }


def test_who_has_a_folder_of_a_zone_cannot_list_the_rest_of_it(policies):
    raw, where = (
        f"arn:aws:s3:::{SETTINGS.bucket('raw')}",
        {**IN_REGION, "aws:VpceAccount": ACCOUNT["engineering"]},
    )
    for name, folder in (
        ("firehose", "incoming/x"),
        ("firehose", "firehose-errors/"),
        ("dms", "incoming/dms/x"),
    ):
        by = role(f"engineering-{name}")
        assert policies.allows(Request(by, "s3:ListBucket", raw, {**where, "s3:prefix": folder})), name
        for other in ("", "bronze/", "gold/x"):
            assert not policies.allows(Request(by, "s3:ListBucket", raw, {**where, "s3:prefix": other})), name
        assert not policies.allows(Request(by, "s3:ListBucket", raw, where)), name


# The boundary, and the guard rails


BEYOND = [
    ("s3:BypassGovernanceRetention", IN_REGION),
    ("s3:DeleteBucketPolicy", IN_REGION),
    ("s3:PutAccountPublicAccessBlock", IN_REGION),
    ("s3:PutBucketObjectLockConfiguration", IN_REGION),
    ("s3:PutBucketPolicy", IN_REGION),
    ("s3:PutBucketPublicAccessBlock", IN_REGION),
    ("s3:PutBucketVersioning", IN_REGION),
    ("kms:DisableKey", IN_REGION),
    ("kms:PutKeyPolicy", IN_REGION),
    ("kms:ScheduleKeyDeletion", IN_REGION),
    ("ec2:RunInstances", {"aws:RequestedRegion": "us-east-1"}),
    ("iam:CreateRole", IN_REGION),
    ("organizations:LeaveOrganization", IN_REGION),
]


@pytest.mark.parametrize(("action", "context"), BEYOND)
def test_no_role_of_the_platform_does_it_whatever_its_own_policy_says(platform, action, context):
    policies = Policies.of(platform)
    policies.guard_rails.clear()
    by = role("engineering-workspace")
    policies.identities[by] = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    assert not policies.allows(Request(by, action, "*", context))
    del policies.boundaries[by]
    assert policies.allows(Request(by, action, "*", context)), "it is the boundary that denies it"


_ANY, _BUCKET, _ROLE = "*", f"arn:aws:s3:::{SETTINGS.bucket('raw')}", role("engineering-workspace")
_BOUNDARY = f"arn:aws:iam::{ACCOUNT['engineering']}:policy/medallion-engineering-boundary"
RAILS = {
    "cloudtrail:DeleteTrail": _ANY,
    "cloudtrail:StopLogging": _ANY,
    "ec2:AllocateAddress": _ANY,
    "ec2:AttachEgressOnlyInternetGateway": _ANY,
    "ec2:AttachInternetGateway": _ANY,
    "ec2:CreateEgressOnlyInternetGateway": _ANY,
    "globalaccelerator:CreateAccelerator": _ANY,
    "iam:AttachRolePolicy": _ROLE,
    "iam:CreatePolicyVersion": _BOUNDARY,
    "iam:CreateRole": _ROLE,
    "iam:CreateUser": _ANY,
    "iam:DeleteRole": _ROLE,
    "iam:DeleteRolePermissionsBoundary": _ROLE,
    "iam:PassRole": _ROLE,
    "iam:PutRolePermissionsBoundary": _ROLE,
    "iam:PutRolePolicy": _ROLE,
    "iam:SetDefaultPolicyVersion": _BOUNDARY,
    "iam:UpdateAssumeRolePolicy": _ROLE,
    "kms:DisableKey": _ANY,
    "kms:PutKeyPolicy": _ANY,
    "kms:ReplicateKey": _ANY,
    "logs:DeleteLogGroup": _ANY,
    "s3:BypassGovernanceRetention": _BUCKET,
    "s3:DeleteBucketPolicy": _BUCKET,
    "s3:PutAccountPublicAccessBlock": _ANY,
    "s3:PutBucketObjectLockConfiguration": _BUCKET,
    "s3:PutBucketPolicy": _BUCKET,
    "s3:PutBucketPublicAccessBlock": _ANY,
}
# What deploying the stacks takes: buckets are closed, locked and given policies; so are keys and roles.
DEPLOYING = {
    "s3:PutBucketPublicAccessBlock", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy",
    "iam:CreateRole", "iam:DeleteRole", "iam:PassRole", "kms:ReplicateKey",
    "kms:PutKeyPolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PutRolePermissionsBoundary",
    "iam:AttachRolePolicy", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "s3:DeleteBucketPolicy",
    "iam:DeleteRolePermissionsBoundary", "s3:PutAccountPublicAccessBlock",
}  # fmt: skip


@pytest.mark.parametrize("action", RAILS)
def test_an_administrator_is_held_by_the_guard_rails_and_who_deploys_can_deploy(platform, action):
    policies, resource = Policies.of(platform), RAILS[action]
    everything = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    called_alike = ADMIN.replace(
        "role/Admin", "role/my-cfn-exec-role-AWSReservedSSO_Deployers_0123456789abcdef"
    )
    deployer = OPERATOR.replace("Operators", "Deployers")
    for by in (ADMIN, called_alike, deployer, OPERATOR):
        policies.identities[by] = everything
    for by in (ADMIN, called_alike, OPERATOR):
        assert not policies.allows(Request(by, action, resource, IN_REGION)), by
    assert policies.allows(Request(deployer, action, resource, IN_REGION)) is (action in DEPLOYING)
    policies.guard_rails.clear()
    assert policies.allows(Request(ADMIN, action, resource, IN_REGION)), "it is the guard rail that denies it"


def test_nobody_works_as_root(platform):
    policies = Policies.of(platform)
    root = f"arn:aws:iam::{ACCOUNT['engineering']}:root"
    policies.identities[root] = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    assert not policies.allows(Request(root, "iam:CreateRole", "*", IN_REGION))
    policies.guard_rails.clear()
    assert policies.allows(Request(root, "iam:CreateRole", "*", IN_REGION))
