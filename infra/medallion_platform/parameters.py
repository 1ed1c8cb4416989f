"""What a stack has to be told when it is deployed."""

from __future__ import annotations

from aws_cdk import CfnParameter, Stack
from constructs import Construct


def asked(
    scope: Construct, name: str, description: str, *, pattern: str | None = None, default: str | None = None
) -> str:
    """A text that whoever deploys the scope's stack gives: one that fits a pattern, or has a default."""
    return CfnParameter(
        Stack.of(scope),
        name,
        type="String",
        allowed_pattern=pattern,
        default=default,
        description=description,
    ).value_as_string
