"""How functions are made of what `make landing-function` and `make api-function` write."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_platform.parameters import asked
from medallion_platform.settings import Settings


def make_function(
    scope: Construct,
    settings: Settings,
    account: str,
    name: str,
    handler: str,
    *,
    zipped: str,
    default: str,
    role: str,
    key: kms.CfnKey,
    variables: Mapping[str, str],
    seconds: int,
    at_once: int,
    vpc: lambda_.CfnFunction.VpcConfigProperty | None = None,
) -> lambda_.CfnFunction:
    """A function of a zip in the account's bucket of artifacts; `zipped` is the parameter that names it."""
    found = asked(
        scope,
        zipped,
        f"Its name in the bucket of artifacts of the {account} account; another one for each version",
        default=default,
    )
    return lambda_.CfnFunction(
        scope,
        "function",
        function_name=name,
        runtime="python3.14",
        architectures=["arm64"],
        handler=handler,
        code=lambda_.CfnFunction.CodeProperty(
            s3_bucket=settings.bucket(f"artifacts-{account}"), s3_key=found
        ),
        role=role,
        timeout=seconds,
        memory_size=512,
        reserved_concurrent_executions=at_once,
        kms_key_arn=key.attr_arn,
        environment=lambda_.CfnFunction.EnvironmentProperty(variables=dict(variables)),
        vpc_config=vpc,
        tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="Active"),
    )
