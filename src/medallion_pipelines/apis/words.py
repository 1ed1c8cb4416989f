"""Descriptions of contracts, where a line is wanted."""

from __future__ import annotations


def about(text: str | None) -> str:
    """A description in one line; empty without one."""
    return " ".join((text or "").split())
