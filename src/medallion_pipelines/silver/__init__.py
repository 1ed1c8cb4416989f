"""Conform: types, rules, quarantine, duplicates."""

from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.refine import quarantine_key, refine

__all__ = ["conform", "quarantine_key", "refine"]
