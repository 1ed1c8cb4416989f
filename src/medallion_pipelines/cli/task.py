"""The entry point of deployed tasks: a command line after its settings, as `env` takes them.

    medallion-task MEDALLION_CATALOG=flights_prod MEDALLION_OPS_SCHEMA=ops run flights --table silver.flights

Serverless compute gives a task no environment variables. And where the command `medallion` ends in sys.exit,
this returns or raises: Databricks takes an exit for an error, also that of 0, and shows what was raised.
"""

from __future__ import annotations

import os
import re
import sys

import typer

from medallion_pipelines.cli.app import app, prepare
from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.settings import ERASURE_KEY

SCOPE = "MEDALLION_SECRET_SCOPE"
SECRET = "erasure-key"  # noqa: S105 - its name in the scope
_SETTING = re.compile(r"(MEDALLION_[A-Z_]+)=(.*)", re.DOTALL)


def main() -> None:
    """Run the command of a task. Raises what stops it."""
    words = sys.argv[1:]
    while words and (setting := _SETTING.fullmatch(words[0])):
        name, value = setting.groups()
        if name == ERASURE_KEY:
            raise SetupError(f"{name} is a secret: put it into a secret scope, and name that in {SCOPE}.")
        os.environ[name] = value
        words = words[1:]
    if os.environ.get(SCOPE):
        _take_secret(os.environ[SCOPE])
    sys.argv[0] = "medallion"  # what to try next is said of the command, not of this
    prepare()
    code = typer.main.get_command(app).main(words, prog_name="medallion", standalone_mode=False)
    if code:
        raise MedallionError(
            f"`medallion {' '.join(words)}` ended with exit code {code}; its output says why."
        )


def _take_secret(scope: str) -> None:
    """The secret of erasures, where the scope has it: without erased persons there is none."""
    from databricks.sdk.runtime import dbutils  # Databricks brings it

    if any(secret.key == SECRET for secret in dbutils.secrets.list(scope)):
        os.environ[ERASURE_KEY] = dbutils.secrets.get(scope, SECRET)
