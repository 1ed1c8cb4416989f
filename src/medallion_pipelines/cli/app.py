"""Puts the commands together; turns every failure into one message and an exit code."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from importlib import metadata
from typing import Annotated

import typer

from medallion_pipelines.cli import (
    apis,
    contracts,
    dr,
    erase,
    governance,
    ingest,
    lineage,
    machine,
    platform,
    quarantine,
    query,
    rebuild,
    report,
    restore,
    run,
    screen,
    upkeep,
)
from medallion_pipelines.errors import ContractError, MedallionError, SetupError, UnknownNameError

FAILED, MISUSED, REFUSED, UNPREPARED, DEFECT, INTERRUPTED = 1, 2, 3, 4, 5, 130
CODES = {ContractError: REFUSED, SetupError: UNPREPARED, UnknownNameError: MISUSED}

app = typer.Typer(
    name="medallion",
    help="A medallion lakehouse driven by data contracts: bronze, silver and gold tables on Spark and Delta.",
    epilog="Exit codes: 0 done, 1 a table, check or query failed, 2 wrong use, 3 a contract was refused,"
    " 4 the machine lacks something (Java, jars, permission to write), 5 a defect, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    run,
    rebuild,
    restore,
    contracts,
    query,
    quarantine,
    upkeep,
    report,
    erase,
    dr,
    ingest,
    lineage,
    governance,
    apis,
    platform,
    machine,
):
    group.register(app)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    parts = [f"medallion {metadata.version('medallion-pipelines')}"]
    for package in ("pyspark", "delta-spark"):
        try:
            parts.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            parts.append(f"{package} not installed")
    print(", ".join(parts))
    raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show Python's trace of an error; anywhere on the line.")
    ] = False,
) -> None:
    """Options of every command; `main` looks for --debug itself."""


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    prepare(debug=debug)
    try:
        app([argument for argument in arguments if argument != "--debug"])
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            screen.complain("interrupted. Nothing is half-written; the same command goes on from here.")
        raise
    except Exception as error:
        if debug:
            raise
        sys.exit(_report(error))


def prepare(*, debug: bool = False) -> None:
    """Make this process one that commands can run in."""
    if not debug:
        logging.getLogger().addHandler(logging.NullHandler())  # py4j logs traces of what we report ourselves
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
    os.environ["TZ"] = "UTC"  # pyspark hands timestamps over in the local time zone
    if hasattr(time, "tzset"):
        time.tzset()


def _report(error: Exception) -> int:
    """Say what went wrong, for people on stderr and with --json on stdout, too; the exit code."""
    if isinstance(error, MedallionError):
        code = CODES.get(type(error), FAILED)
        message = str(error)
    else:
        from medallion_pipelines.session import log_file

        code = DEFECT
        log = log_file()
        more = f"Add --debug for the trace; Spark's log is {log}." if log else "Add --debug for the trace."
        message = f"unexpected {type(error).__name__}: {screen.brief(str(error))}\n{more}"
    screen.complain(message)
    if screen.wants_json():
        screen.document({"error": {"kind": type(error).__name__, "message": message}})
    return code
