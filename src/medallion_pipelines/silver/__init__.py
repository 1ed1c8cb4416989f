"""Conform: types, rules, quarantine, duplicates; apply changes."""

from medallion_pipelines.silver.changes import apply_changes, apply_changes_from_snapshot
from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.period import rebuild_period
from medallion_pipelines.silver.refine import refine
from medallion_pipelines.silver.replay import replay

__all__ = ["apply_changes", "apply_changes_from_snapshot", "conform", "rebuild_period", "refine", "replay"]
