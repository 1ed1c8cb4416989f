"""Capture: sources to append-only Delta tables, nothing lost."""

from medallion_pipelines.bronze.capture import capture

__all__ = ["capture"]
