"""`setup` and `sample land`: what a machine needs, and data to play with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medallion_pipelines.cli import screen
from medallion_pipelines.settings import Settings

sample = typer.Typer(help="Sample data: the flights that left New York City in 2013.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(setup)
    app.add_typer(sample, name="sample")


def setup(
    s3: Annotated[
        bool, typer.Option("--s3", help="With the jars that read s3a:// (Hadoop's, and AWS' SDK: 690 MB).")
    ] = False,
) -> None:
    """Check Java and fetch Delta's jars, once.

    Afterwards nothing needs a network.
    """
    from medallion_pipelines.machine import check_java, fetch_jars, fetch_s3_jars

    java = check_java()
    with screen.err().status("Fetching Delta's jars ..."):
        jars = fetch_jars()
    screen.say(f"Ready: Java {java}, Delta's jars in {jars[0].parent}.")
    if s3:
        with screen.err().status("Fetching the jars for S3 ..."):
            jars = fetch_s3_jars()
        screen.say(f"Ready: s3a://, its jars in {jars[0].parent}.")


@sample.command()
def land(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", show_default=False, help="The folder, if not where `run` looks."),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(
            "--days", metavar="A..B", show_default=False, help="Only these, as 2013-01-01..2013-01-31."
        ),
    ] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="With the dirt of the real world.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Picks the dirt.")] = 0,
) -> None:
    """Write a year of flights as a landing zone receives them, the same bytes every time."""
    from medallion_pipelines.sample import land as land_sample

    place = directory or Path(Settings.from_environment().landing)
    with screen.err().status(f"Landing in {place} ..."):
        landed = land_sample(place, days=days, dirty=dirty, seed=seed)
    records = ", ".join(f"{number:,} {feed}" for feed, number in landed.records.items())
    screen.say(f"{place}: {landed.written} files written, {landed.unchanged} there already: {records}.")
    if landed.added:
        dirt = ", ".join(f"{number:,} {kind}" for kind, number in landed.added.items() if number)
        screen.say(f"With dirt: {dirt}.")
