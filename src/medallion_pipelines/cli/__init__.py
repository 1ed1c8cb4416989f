"""The `medallion` command."""

from medallion_pipelines.cli.main import main

__all__ = ["main"]
