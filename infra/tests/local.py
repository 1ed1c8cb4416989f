"""Deploys templates through CloudFormation on local servers: a helper of tests.

A server does not know every type. What it does not know is taken out, and told, so that a test can say
exactly which types these are; references to what is not there become names that are never looked up.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from templates import Stack, Templates

# Told to stacks when they are deployed; nothing here is looked up by a local server.
PARAMETERS = {
    "ArchiveBucket": "archive",
    "Certificate": "arn:aws:acm:eu-west-1:000000000002:certificate/x",
    "ConsumersAttachment": "tgw-attach-3",
    "DataSet": "data-set",
    "DataSyncAgent": "arn:aws:datasync:eu-west-1:000000000001:agent/agent-1",
    "DatabaseAddress": "medallion-database.x.eu-west-1.rds.amazonaws.com",
    "DatabaseLogin": "arn:aws:secretsmanager:eu-west-1:000000000001:secret:database",
    "ConnectorImage": "292517598671.dkr.ecr.eu-west-1.amazonaws.com/connector:1",
    "DatabaseEndpoint": "database.example:5432",
    "DatabaseReader": "arn:aws:secretsmanager:eu-west-1:000000000001:secret:reader",
    "EngineeringVpc": "vpc-1",
    "InterRegionAttachment": "tgw-attach-9",
    "LakeAdministrator": "arn:aws:iam::000000000002:role/deployer",
    "ServingAttachment": "tgw-attach-2",
    "StandbyTransitGateway": "tgw-9",
    "TransitGateway": "tgw-1",
    "WarehouseDatabaseLogin": "arn:aws:secretsmanager:eu-west-1:000000000001:secret:reader",
}
ORDER = [
    "organization",
    "identity",
    "keys",
    "network",
    "replica",
    "database",
    "standby",
    "interregion",
    "crossing",
    "names",
    "vault",
    "copies",
    "backup",
    "transit",
    "zones",
    "edge",
    "ingestion",
    "orchestration",
    "analytics",
    "permissions",
    "apis",
    "trail",
    "audit",
    "monitoring",
]


def in_order(templates: Templates) -> list[Stack]:
    """The stacks as they are deployed: what others read comes first."""
    return sorted(templates.stacks.values(), key=lambda stack: ORDER.index(stack.name.rsplit("-", 1)[1]))


@dataclass
class Deployment:
    """A server, and what became of the stacks there."""

    client: Callable[..., Any]  # of service, account, region
    known: Callable[[str], bool]
    parameters: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    deployed: set[str] = field(default_factory=set)

    def deploy(self, stack: Stack, change: Callable[[dict[str, Any]], None] = lambda template: None) -> None:
        """Create a stack of what the server knows. Raises where it does not come up."""
        template = copy.deepcopy(stack.template)
        self.left_out |= {
            each["Type"] for each in template["Resources"].values() if not self.known(each["Type"])
        }
        for name, each in list(template["Resources"].items()):
            if not self.known(each["Type"]):
                del template["Resources"][name]
        if not template["Resources"]:
            return
        change(template)
        _without_references(template)
        self.deployed |= {each["Type"] for each in template["Resources"].values()}
        s3 = self.client("s3", stack.account, stack.region)
        bucket = f"templates-{stack.account}-{stack.region}"
        if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
            where = {"CreateBucketConfiguration": {"LocationConstraint": stack.region}}
            s3.create_bucket(Bucket=bucket, **where)
        s3.put_object(Bucket=bucket, Key=stack.name, Body=json.dumps(template).encode())
        formation = self.client("cloudformation", stack.account, stack.region)
        told = {**PARAMETERS, **self.parameters}
        parameters = [
            {"ParameterKey": name, "ParameterValue": told.get(name) or _stand_in(name)}
            for name, parameter in template.get("Parameters", {}).items()
            if "Default" not in parameter
        ]
        formation.create_stack(
            StackName=stack.name,
            TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/{stack.name}",
            Parameters=parameters,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        for _ in range(240):
            [found] = formation.describe_stacks(StackName=stack.name)["Stacks"]
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.25)
        assert found["StackStatus"] == "CREATE_COMPLETE", (stack.name, found.get("StackStatusReason"))
        there = {
            each["LogicalResourceId"]
            for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] == "CREATE_COMPLETE"
        }
        missing = set(template["Resources"]) - there
        assert not missing, f"{stack.name} says it is complete, without {sorted(missing)}"


def _stand_in(name: str) -> str:
    if name.startswith("PrimaryKey"):
        return f"arn:aws:kms:eu-west-1:000000000001:key/mrk-{name.lower()}"
    if name.endswith("Email"):
        return f"{name.lower()}@example.com"
    raise KeyError(name)


def _without_references(template: dict[str, Any]) -> None:
    """Take out what leads to resources that are not there."""
    known = {*template["Resources"], *template.get("Parameters", {})}

    def mended(value: Any) -> Any:
        if isinstance(value, list):
            return [mended(each) for each in value]
        if isinstance(value, dict):
            if set(value) == {"Ref"} and value["Ref"] not in known and not value["Ref"].startswith("AWS::"):
                return f"left-out-{value['Ref']}"
            if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][0] not in known:
                name = "-".join(value["Fn::GetAtt"])
                # some servers look whether an ARN is one
                return (
                    f"arn:aws:left-out:eu-west-1:000000000000:{name}"
                    if name.endswith("Arn")
                    else f"left-out-{name}"
                )
            return {name: mended(each) for name, each in value.items()}
        return value

    for section in ("Resources", "Outputs"):
        template[section] = mended(template.get(section, {}))
    for each in template["Resources"].values():
        if "DependsOn" in each:
            each["DependsOn"] = [name for name in _list(each["DependsOn"]) if name in known]
            if not each["DependsOn"]:
                del each["DependsOn"]


def _list(value: Any) -> Iterable[str]:
    return [value] if isinstance(value, str) else value
