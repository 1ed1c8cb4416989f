"""Apply changes: from inserts, updates and deletes, in any order, to what is, or to what was when."""

from medallion_pipelines.silver.changes.api import apply_changes, apply_changes_from_snapshot

__all__ = ["apply_changes", "apply_changes_from_snapshot"]
