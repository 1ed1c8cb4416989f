"""Databases of the Glue catalog: one per layer, where the layer's tables are."""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from constructs import Construct

from medallion_platform.settings import Settings

# The zone of each layer.
LAYERS = {"bronze": "raw", "silver": "trusted", "gold": "refined", "ops": "raw"}


def location(settings: Settings, layer: str) -> str:
    """The folder that a layer's tables are in."""
    return f"s3://{settings.bucket(LAYERS[layer])}/{layer}"


def make_database(
    scope: Construct, settings: Settings, account: str, layer: str, name: str | None = None
) -> glue.CfnDatabase:
    """The database of a layer in an account's catalog; it is called like the layer, or `name`."""
    named = name or layer
    return glue.CfnDatabase(
        scope,
        named,
        catalog_id=settings.account(account),
        database_input=glue.CfnDatabase.DatabaseInputProperty(
            name=named, location_uri=location(settings, layer)
        ),
    )
