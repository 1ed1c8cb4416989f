"""Publish: marts and views, kept up to date incrementally."""

from medallion_pipelines.gold.publish import publish, publish_period

__all__ = ["publish", "publish_period"]
