"""How Spark on this machine reads `s3a://`: Hadoop's S3A, told what AWS' own tools are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def configuration(jars: Sequence[Path], environment: Mapping[str, str]) -> dict[str, str]:
    """Spark settings for S3A; none without its jars.

    Endpoint and region are those of the environment (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or
    AWS_DEFAULT_REGION). Credentials are not among the settings: the SDK finds them where it always does.
    """
    if not jars:
        return {}
    classpath = ":".join(map(str, jars))  # `spark.jars` would copy them for each session
    settings = {
        "spark.driver.extraClassPath": classpath,
        "spark.executor.extraClassPath": classpath,
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        ),
    }
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint:
        settings["spark.hadoop.fs.s3a.endpoint"] = endpoint
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"  # other servers have no names for buckets
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if region:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = region
    return settings
