"""Synthesised templates with their references resolved, as far as they can be told before a deployment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medallion_platform.platform import compose
from medallion_platform.settings import load

# How ARNs are made: by type, the service, what comes before the name, and the property that has the name.
_ARNS = {
    "AWS::Cognito::UserPool": ("cognito-idp", "userpool/", None),
    "AWS::EMRServerless::Application": ("emr-serverless", "/applications/", None),
    "AWS::IAM::ManagedPolicy": ("iam", "policy/", "ManagedPolicyName"),
    "AWS::IAM::Role": ("iam", "role/", "RoleName"),
    "AWS::Kinesis::Stream": ("kinesis", "stream/", "Name"),
    "AWS::KinesisFirehose::DeliveryStream": ("firehose", "deliverystream/", "DeliveryStreamName"),
    "AWS::KMS::Key": ("kms", "key/mrk-", None),
    "AWS::KMS::ReplicaKey": ("kms", "key/mrk-", None),
    "AWS::Lambda::Function": ("lambda", "function:", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "log-group:", "LogGroupName"),
    "AWS::S3::Bucket": ("s3", "", "BucketName"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "secret:", "Name"),
    "AWS::SNS::Topic": ("sns", "", "TopicName"),
    "AWS::SQS::Queue": ("sqs", "", "QueueName"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:", "StateMachineName"),
}
_REGIONLESS = {"iam": "", "s3": ""}


@dataclass(frozen=True)
class Resource:
    """A resource with plain values. `id` is its stack's name and its logical id."""

    stack: Stack
    logical_id: str
    type: str
    properties: dict[str, Any]
    raw: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.stack.name}.{self.logical_id}"

    @property
    def name(self) -> Any:
        """What `Ref` gives."""
        return self.stack.app.reference(self.stack, self.logical_id)


@dataclass(frozen=True)
class Stack:
    """A template, and where it is deployed."""

    app: Templates
    name: str
    account: str
    region: str
    template: dict[str, Any]


@dataclass
class Templates:
    """All of an app. `parameters` stand for what is told when a stack is deployed."""

    parameters: dict[str, str] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, **changes: Any) -> Templates:
        """Synthesise the platform with changed settings into a folder."""
        compose(load(environ={}, **changes), folder).synth()
        made = cls()
        for name, artifact in json.loads((folder / "manifest.json").read_text())["artifacts"].items():
            if artifact["type"] == "aws:cloudformation:stack":
                account, region = artifact["environment"].removeprefix("aws://").split("/")
                template = json.loads((folder / artifact["properties"]["templateFile"]).read_text())
                made.stacks[name] = Stack(made, name, account, region, template)
        return made

    def resources(self, *types: str, stack: str = "") -> Iterator[Resource]:
        """The resources of these types; of all, without any."""
        for found in self.stacks.values():
            if stack and not found.name.endswith(stack):
                continue
            for logical_id, raw in found.template.get("Resources", {}).items():
                if not types or raw["Type"] in types:
                    properties = self.resolve(found, raw.get("Properties", {}))
                    yield Resource(found, logical_id, raw["Type"], properties, raw)

    def one(self, type_: str, stack: str = "", **properties: Any) -> Resource:
        """The one resource of a type with these properties. Fails where there is another number of them."""
        fit = [
            resource
            for resource in self.resources(type_, stack=stack)
            if all(resource.properties.get(name) == value for name, value in properties.items())
        ]
        assert len(fit) == 1, f"{len(fit)} of {type_} with {properties}, and not one"
        return fit[0]

    def resolve(self, stack: Stack, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(stack, each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, given)] = value.items()
            if function == "Ref":
                return self.reference(stack, given)
            if function == "Fn::GetAtt":
                return self._attribute(stack, *given)
            if function == "Fn::ImportValue":
                return self._imported(self.resolve(stack, given))
            if function == "Fn::Join":
                return given[0].join(str(part) for part in self.resolve(stack, given[1]))
            if function == "Fn::Select":
                place, options = given
                return self.resolve(stack, options)[int(place)]
            if function == "Fn::GetAZs":
                return [f"{stack.region}{letter}" for letter in "abc"]
            if function == "Fn::Sub":
                return self._substituted(stack, given)
            if function.startswith("Fn::"):
                raise NotImplementedError(f"{function} in {stack.name}")
        return {name: self.resolve(stack, each) for name, each in value.items()}

    def reference(self, stack: Stack, name: str) -> str:
        pseudo = {"AWS::AccountId": stack.account, "AWS::Region": stack.region, "AWS::Partition": "aws"}
        pseudo["AWS::URLSuffix"] = "amazonaws.com"
        if name in pseudo:
            return pseudo[name]
        if name in stack.template.get("Parameters", {}):
            return self.parameters.get(name, f"<{name}>")
        raw = stack.template["Resources"][name]
        if raw["Type"] in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
            return f"mrk-{name}"
        if raw["Type"] in ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::IAM::ManagedPolicy"):
            return self._attribute(stack, name, "Arn")
        own = _ARNS.get(raw["Type"], ("", "", None))[2]
        named = raw.get("Properties", {}).get(own) if own else None
        return str(self.resolve(stack, named)) if named else f"{stack.name}.{name}"

    def _attribute(self, stack: Stack, name: str, attribute: str) -> str:
        raw = stack.template["Resources"][name]
        if attribute not in ("Arn", "TopicArn") or raw["Type"] not in _ARNS:
            return f"{stack.name}.{name}.{attribute}"
        service, before, own = _ARNS[raw["Type"]]
        named = raw["Properties"].get(own) if own else None
        tail = f"{before}{self.resolve(stack, named) if named else name}"
        region = _REGIONLESS.get(service, stack.region)
        account = "" if service == "s3" else stack.account
        suffix = ":*" if service == "logs" else ""
        return f"arn:aws:{service}:{region}:{account}:{tail}{suffix}"

    def _imported(self, export: str) -> Any:
        for stack in self.stacks.values():
            for output in stack.template.get("Outputs", {}).values():
                if output.get("Export", {}).get("Name") == export:
                    return self.resolve(stack, output["Value"])
        raise KeyError(f"nothing exports {export}")

    def _substituted(self, stack: Stack, given: Any) -> str:
        text, values = given if isinstance(given, list) else (given, {})
        known = {name: self.resolve(stack, value) for name, value in values.items()}

        def told(match: re.Match[str]) -> str:
            name = match[1]
            if name in known:
                return str(known[name])
            if "." in name:
                return self._attribute(stack, *name.split(".", 1))
            return self.reference(stack, name)

        return re.sub(r"\$\{([^!}]+)\}", told, text)
