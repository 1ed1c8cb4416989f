"""What AWS decides about a request, by the policies of the templates: a helper of tests, no more.

It follows the order of AWS's own evaluation: an explicit denial anywhere ends it; guard rails and the
boundary must allow; then the resource's policy and the identity's, both where accounts differ. What it does
not know (an operator, a principal, an effect) is an error, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from templates import Templates

Policy = Mapping[str, Any]


class NotKnownError(Exception):
    """The policies say something that is not known here."""


@dataclass(frozen=True)
class Request:
    """Who asks for what. `by` is an ARN, or a service such as `s3.amazonaws.com`."""

    by: str
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_service(self) -> bool:
        return self.by.endswith(".amazonaws.com")

    @property
    def account(self) -> str:
        return "" if self.by_service else self.by.split(":")[4]


@dataclass
class Policies:
    """The policies of all templates."""

    identities: dict[str, list[Policy]] = field(default_factory=dict)
    boundaries: dict[str, Policy] = field(default_factory=dict)
    trusts: dict[str, Policy] = field(default_factory=dict)
    resources: dict[str, Policy] = field(default_factory=dict)  # by ARN: buckets, keys, queues, topics
    owners: dict[str, str] = field(default_factory=dict)  # of resources whose ARN does not tell
    guard_rails: list[tuple[set[str], Policy]] = field(default_factory=list)  # with the accounts below them

    @classmethod
    def of(cls, templates: Templates) -> Policies:
        made = cls()
        managed = {
            resource.name: resource.properties["PolicyDocument"]
            for resource in templates.resources("AWS::IAM::ManagedPolicy")
        }
        for resource in templates.resources():
            stack, found = resource.stack, resource.properties
            if resource.type == "AWS::IAM::Role":
                arn = f"arn:aws:iam::{stack.account}:role/{found['RoleName']}"
                made.identities[arn] = [each["PolicyDocument"] for each in found.get("Policies", [])]
                made.trusts[arn] = found["AssumeRolePolicyDocument"]
                if "PermissionsBoundary" in found:
                    made.boundaries[arn] = managed[found["PermissionsBoundary"]]
            elif resource.type == "AWS::S3::Bucket":
                made.owners[f"arn:aws:s3:::{found['BucketName']}"] = stack.account
            elif resource.type == "AWS::S3::BucketPolicy":
                made.resources[f"arn:aws:s3:::{found['Bucket']}"] = found["PolicyDocument"]
            elif resource.type in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
                arn = f"arn:aws:kms:{stack.region}:{stack.account}:key/{resource.name}"
                made.resources[arn] = found["KeyPolicy"]
            elif resource.type == "AWS::Backup::BackupVault":
                name = found["BackupVaultName"]
                arn = f"arn:aws:backup:{stack.region}:{stack.account}:backup-vault:{name}"
                made.resources[arn] = found["AccessPolicy"]
            elif resource.type == "AWS::SQS::QueuePolicy":
                for url in found["Queues"]:
                    name = url.rsplit("/", 1)[-1]
                    arn = f"arn:aws:sqs:{stack.region}:{stack.account}:{name}"
                    made.resources[arn] = found["PolicyDocument"]
            elif resource.type == "AWS::SNS::TopicPolicy":
                made.resources.update((arn, found["PolicyDocument"]) for arn in found["Topics"])
            elif resource.type == "AWS::Organizations::Policy":
                made.guard_rails.append((_below(templates, found["TargetIds"]), found["Content"]))
        return made

    def key(self, templates: Templates, alias: str) -> str:
        """The ARN of the key that an alias names."""
        found = templates.one("AWS::KMS::Alias", AliasName=alias)
        return f"arn:aws:kms:{found.stack.region}:{found.stack.account}:key/{found.properties['TargetKeyId']}"

    def allows(self, request: Request) -> bool:
        context = {
            "aws:SecureTransport": "true",
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
        }
        context |= {"aws:PrincipalArn": request.by, "aws:PrincipalAccount": request.account}
        if request.by_service:
            context = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "true"}
        if (bucket := request.resource.split("/")[0]) in self.owners:
            context["aws:ResourceAccount"] = self.owners[bucket]
        context |= request.context
        on = self._resource_policy(request.resource)
        if request.action == "sts:AssumeRole":
            on = self.trusts.get(request.resource)
        identity = self.identities.get(request.by, [])
        boundary = self.boundaries.get(request.by)
        rails = [policy for accounts, policy in self.guard_rails if request.account in accounts]
        everything = [*identity, *([boundary] if boundary else []), *([on] if on else []), *rails]
        if any(self._says("Deny", policy, request, context, on) for policy in everything):
            return False
        by_resource = on is not None and self._says("Allow", on, request, context, on)
        if request.by not in self.identities:  # a service, or somebody of whose own policies nothing is known
            return by_resource
        by_identity = any(self._says("Allow", policy, request, context, on) for policy in identity)
        if boundary is not None and not self._says("Allow", boundary, request, context, on):
            by_identity = False
        if request.resource.startswith("arn:aws:kms:") or request.action == "sts:AssumeRole":
            # the key's policy, or the trust, decides; where it leaves it to the account, both must agree
            return by_resource and by_identity
        if self._owner(request) != request.account:
            return by_resource and by_identity
        return by_resource or by_identity

    def _owner(self, request: Request) -> str:
        if request.resource.startswith("arn:aws:s3:::"):
            return self.owners[request.resource.split("/")[0]]
        # what has no account in its name, such as hosted zones and images, is the caller's
        return "".join(request.resource.split(":")[4:5]) or request.account

    def _resource_policy(self, resource: str) -> Policy | None:
        return self.resources.get(resource) or self.resources.get(resource.split("/")[0])

    def _says(
        self, effect: str, policy: Policy, request: Request, context: Mapping[str, Any], on: Policy | None
    ) -> bool:
        return any(
            statement["Effect"] == effect
            and self._is_about(statement, request)
            and (policy is not on or _is_by(statement["Principal"], request))
            and holds(statement.get("Condition", {}), context)
            for statement in _statements(policy)
        )

    def _is_about(self, statement: Mapping[str, Any], request: Request) -> bool:
        if "NotAction" in statement:
            acts = not any(_like(request.action, each, fold=True) for each in _list(statement["NotAction"]))
        else:
            acts = any(_like(request.action, each, fold=True) for each in _list(statement["Action"]))
        if "NotResource" in statement:
            raise NotKnownError("NotResource")
        if "Resource" not in statement:  # a trust policy
            return acts
        return acts and any(_like(request.resource, each) for each in _list(statement["Resource"]))


def _below(templates: Templates, units: Iterable[str]) -> set[str]:
    """The ids of the accounts below organizational units. Stacks know them by their own accounts."""
    known = {stack.name.split("-")[1]: stack.account for stack in templates.stacks.values()}
    found, open_ = set(), list(units)
    while open_:
        unit = open_.pop()
        for one in templates.resources("AWS::Organizations::OrganizationalUnit"):
            if one.properties["ParentId"] == unit:
                open_.append(f"{one.id}.Id")
        for one in templates.resources("AWS::Organizations::Account"):
            if unit in one.properties["ParentIds"]:
                found.add(known[one.properties["AccountName"].split("-")[1]])
    return found


def _statements(policy: Policy) -> Iterator[Mapping[str, Any]]:
    for statement in _list(policy["Statement"]):
        if statement["Effect"] not in ("Allow", "Deny"):
            raise NotKnownError(statement["Effect"])
        yield statement


def _is_by(principal: Any, request: Request) -> bool:
    if principal == "*":
        return True
    for kind, names in principal.items():
        if kind == "Service":
            if request.by_service and request.by in _list(names):
                return True
        elif kind == "AWS":
            for name in _list(names):
                if name in ("*", request.by):
                    return True
                if (
                    name.endswith(":root")
                    and not request.by_service
                    and name.split(":")[4] == request.account
                ):
                    return True
        else:
            raise NotKnownError(f"a principal of kind {kind}")
    return False


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, Any]) -> bool:
    """Whether all conditions hold; keys are looked up whatever their case, in values, too."""
    folded = {key.lower(): value for key, value in context.items()}

    def told(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return re.sub(r"\$\{([\w:/-]+)\}", lambda key: str(folded[key[1].lower()]), value)

    return all(
        _condition(operator, [told(each) for each in _list(wanted)], folded.get(key.lower()))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition(operator: str, wanted: list[str], found: Any) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise NotKnownError(quantifier)
    name = plain.removesuffix("IfExists")
    if name == "Null":
        return (found is None) == (wanted == ["true"])
    if name not in _OPERATORS:
        raise NotKnownError(f"the operator {operator}")
    test, negated = _OPERATORS[name]
    if found is None:
        return plain.endswith("IfExists") or quantifier == "ForAllValues" or (negated and not quantifier)

    def meets(value: Any) -> bool:
        return any(test(str(value), str(each)) for each in wanted) != negated

    if quantifier == "ForAllValues":
        return all(meets(value) for value in _list(found))
    if quantifier == "ForAnyValue":
        return any(meets(value) for value in _list(found))
    if isinstance(found, list):
        raise NotKnownError(f"{operator} on several values, without ForAllValues or ForAnyValue")
    return meets(found)


def _like(value: str, pattern: str, *, fold: bool = False) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if fold else 0)) is not None


def _same(value: str, wanted: str) -> bool:
    return value == wanted


def _within(value: str, wanted: str) -> bool:
    return ip_address(value) in ip_network(wanted)


_OPERATORS = {
    "ArnEquals": (_like, False),  # AWS takes both alike
    "ArnLike": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnNotLike": (_like, True),
    "Bool": (_same, False),
    "IpAddress": (_within, False),
    "NotIpAddress": (_within, True),
    "StringEquals": (_same, False),
    "StringLike": (_like, False),
    "StringNotEquals": (_same, True),
    "StringNotLike": (_like, True),
}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)) else [value]
