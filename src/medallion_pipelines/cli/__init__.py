"""The `medallion` command."""

from medallion_pipelines.cli.app import main

__all__ = ["main"]
