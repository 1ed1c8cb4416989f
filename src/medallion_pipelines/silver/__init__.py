"""Conform: types, rules, quarantine, duplicates."""

from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.refine import refine

__all__ = ["conform", "refine"]
