"""Publish: marts and views, kept up to date incrementally."""

from medallion_pipelines.gold.publish import publish

__all__ = ["publish"]
