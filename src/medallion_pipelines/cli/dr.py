"""`dr`: a copy of the lakehouse in another region; failing over to it, failing back, and the drill."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LandingOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.placed import placed
from medallion_pipelines.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from medallion_pipelines.recovery.drill import Drilled

group = typer.Typer(
    help="Disaster recovery: replicate, fail over, fail back, drill. docs/disaster-recovery.md",
    no_args_is_help=True,
)

CopyOption = Annotated[
    str,
    typer.Option("--to", metavar="LOCATION", help="Where the copy is: a folder, or a catalog."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="dr")


@group.command("replicate")
def replicate_command(
    to: CopyOption,
    product: ProductArgument = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a copy of the lakehouse up to date.

    All tables, views and checkpoints as of one moment. Only what is new is copied, what was erased goes.
    Readers of the copy have the one before until it is whole. With a catalog (--catalog), PRODUCT's tables
    become deep clones in the catalog --to.
    """
    screen.answer_in_json(as_json)
    settings = _settings(landing=landing, warehouse=warehouse, catalog=catalog, environment=environment)
    if environment is not None:
        settings = placed(settings, places.load(product))
    if settings.warehouse is None:
        _clone(settings, to, product, as_json)
        return
    from medallion_pipelines.recovery import replicate

    with screen.err().status("Copying ..."):
        done = replicate(settings, _absolute(to), _note)
    if as_json:
        screen.document(asdict(done))
        return
    screen.say(
        f"{done.location} has all of {_moment(done.taken_at)}: {done.tables:,} tables, {done.files:,} files, "
        f"of which {done.copied:,} ({_size(done.bytes_copied)}) were copied, in {done.seconds:.1f} s.",
        "bold green",
    )


def _clone(settings: Settings, to: str, product: str | None, as_json: bool) -> None:
    loaded = places.load(product)
    spark = _spark(settings)
    from medallion_pipelines.recovery import clone
    from medallion_pipelines.tables import Tables

    done = clone(Tables(spark, settings), loaded, to)
    if as_json:
        screen.document(asdict(done))
        return
    screen.say(
        f"{to} has all of {_moment(done.taken_at)}: {len(done.versions):,} clones, in {done.seconds:.1f} s.",
        "bold green",
    )


@group.command("status")
def status_command(
    to: CopyOption,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far a copy is behind, table by table."""
    screen.answer_in_json(as_json)
    settings = _settings(warehouse=warehouse)
    from medallion_pipelines.recovery import status

    found = status(settings, _absolute(to))
    if as_json:
        screen.document(asdict(found))
        return
    rows = [
        [
            one.table,
            "" if one.version is None else str(one.version),
            "" if one.copied_version is None else str(one.copied_version),
            "" if one.versions_behind is None else str(one.versions_behind),
            "" if one.seconds_behind is None else f"{one.seconds_behind:,.0f}",
        ]
        for one in found.tables
    ]
    headings = ["table", "version", "in the copy", "versions behind", "seconds behind"]
    screen.table(headings, rows, numeric=range(1, 5))
    if found.taken_at is None:
        screen.say(f"{to}: there is no copy yet.", "yellow")
        return
    used = " It has been failed over to." if found.failed_over else ""
    lost = "" if found.source_is_there else f" There is no lakehouse at {settings.warehouse}."
    screen.say(f"{to} has all that was committed before {_moment(found.taken_at)}.{used}{lost}", "bold")


@group.command("verify")
def verify_command(to: CopyOption, as_json: JsonOption = False) -> None:
    """Prove a copy: every file by its content, every table by its log.

    Exit code 1 where something is wrong. The lakehouse itself need not be there.
    """
    screen.answer_in_json(as_json)
    from medallion_pipelines.recovery import verify

    with screen.err().status("Reading ..."):
        wrong = verify(_absolute(to))
    if as_json:
        screen.document({"location": _absolute(to), "whole": not wrong, "wrong": wrong})
    for one in wrong:
        screen.complain(one)
    if wrong:
        raise typer.Exit(1)
    screen.say(f"{to} is whole: it can be failed over to.", "bold green")


@group.command("failover")
def failover_command(
    to: CopyOption,
    product: ProductArgument = None,
    landing: LandingOption = None,
    landing_from: Annotated[
        str | None,
        typer.Option(
            "--landing-from",
            metavar="DIR",
            show_default=False,
            help="The landing zone that was lost. Needed for clones; a folder's copy knows it.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Work on the copy from now on.

    See to it that nothing works on the lakehouse itself any more. --landing is the copy's own landing zone:
    what was taken in from the other one is not taken in again. Given again with another --landing, it
    puts a wrong one right.
    """
    screen.answer_in_json(as_json)
    if _settings().warehouse is None:
        _adopt(to, product, landing, landing_from, as_json)
        return
    settings = _settings(landing=landing, warehouse=_absolute(to))
    spark = _spark(settings)
    from medallion_pipelines.recovery import failover

    done = failover(settings, spark, None if landing_from is None else _landing(landing_from))
    if as_json:
        screen.document(asdict(done))
        return
    screen.say(
        f"{to} is the lakehouse now, as of {_moment(done.taken_at)}, in {done.seconds:.1f} s; "
        f"{done.files_moved:,} entries of the ledger name files in {done.landing}.",
        "bold green",
    )
    words = ["run", "PRODUCT", "--warehouse", to, "--landing", done.landing]
    screen.suggest([screen.command(shlex.join(words))])


def _adopt(
    to: str, product: str | None, landing: str | None, landing_from: str | None, as_json: bool
) -> None:
    if landing_from is None:
        raise typer.BadParameter("name the landing zone that was lost.", param_hint="--landing-from")
    loaded = places.load(product)
    settings, before = _settings(catalog=to, landing=landing), _landing(landing_from)
    spark = _spark(settings)
    from medallion_pipelines.recovery import adopt
    from medallion_pipelines.tables import Tables

    moved = adopt(Tables(spark, settings), loaded, before)
    if as_json:
        screen.document({"catalog": to, "files_moved": moved})
        return
    screen.say(
        f"{to} is the lakehouse of {loaded.name} now; {moved:,} files have new addresses.", "bold green"
    )


@group.command("failback")
def failback_command(
    to: Annotated[str, typer.Option("--to", metavar="DIR", help="The warehouse folder to go back to.")],
    landing_to: Annotated[
        str, typer.Option("--landing-to", metavar="DIR", help="The landing zone to go back to.")
    ],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to where the lakehouse was.

    Copies the one that was failed over to (--warehouse) into the place of what is left at --to, which goes;
    makes that the lakehouse again, and this one its copy. Nothing may run at --to meanwhile.
    """
    screen.answer_in_json(as_json)
    settings = _settings(warehouse=warehouse)
    there = _settings(warehouse=to, landing=landing_to)
    assert there.warehouse is not None
    spark = _spark(there)
    from medallion_pipelines.recovery import failback

    copied, back = failback(settings, there.warehouse, there.landing, spark, _note)
    if as_json:
        screen.document({"copied": asdict(copied), "failed_over": asdict(back)})
        return
    screen.say(
        f"{to} is the lakehouse again: {copied.copied:,} files ({_size(copied.bytes_copied)}) were copied, "
        f"in {copied.seconds:.1f} s. {settings.warehouse} is its copy.",
        "bold green",
    )


@group.command("drill")
def drill_command(
    product: ProductArgument = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lose a copy of the lakehouse, and get over it.

    Replicates, loses region A, fails over, runs, fails back, and checks every table on the way; measures RPO
    and RTO. All in a folder beside the warehouse that goes afterwards, as big as the lakehouse twice; the
    lakehouse is not written to. Exit code 1 where a check failed.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    settings = _settings(landing=landing, warehouse=warehouse, environment=environment)
    spark = _spark(settings)
    from medallion_pipelines.recovery import drill

    found = drill(settings, loaded, spark, (lambda text: None) if as_json else screen.say)
    if as_json:
        screen.document({**asdict(found), "passed": found.passed})
    _told(found, as_json)
    if not found.passed:
        raise typer.Exit(1)


def _told(found: Drilled, as_json: bool) -> None:
    for note in found.notes:
        screen.say(f"note: {note}", "yellow")
    for check in found.checks:
        for wrong in check.wrong:
            screen.complain(f"{check.what}: {wrong}")
    if not as_json:
        rows: list[list[Text | str]] = [
            ["RPO measured", f"{found.rpo_seconds:.1f} s"],
            ["RTO measured", f"{found.rto_seconds:.1f} s"],
            ["first copy", _size(found.first_copy_bytes)],
            ["next copy", _size(found.next_copy_bytes)],
            ["fail back", _size(found.failback_bytes)],
        ]
        screen.table(["measured", f"{found.tables} tables"], rows, numeric=[1])
    if found.passed:
        screen.say(
            f"{found.product}: region A was lost and is back; {len(found.checks)} checks hold.", "bold green"
        )
    else:
        failed = sum(1 for check in found.checks if check.wrong)
        screen.say(f"{found.product}: {failed} of {len(found.checks)} checks failed.", "bold red")


def _settings(**given: str | None) -> Settings:
    settings = Settings.from_environment(**given)
    places.require_spark()
    return settings


def _landing(place: str) -> str:
    return Settings.from_environment(landing=place).landing


def _spark(settings: Settings) -> SparkSession:
    with screen.err().status("Starting Spark ..."):
        from medallion_pipelines.session import get_session

        return get_session(replace(settings, warehouse=None))  # schemas leave no folder in it


def _absolute(location: str) -> str:
    return str(Path(location).expanduser().absolute())


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _note(text: str) -> None:
    screen.say(f"note: {text}", "yellow")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
