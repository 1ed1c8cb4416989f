"""`ingest`: what AWS runs to fill the landing zone."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    SHOWN_ROWS,
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LandingOption,
    ProductArgument,
    WarehouseOption,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.ingest.batch import Batch, Job
    from medallion_pipelines.results import Arrival

TargetOption = Annotated[
    str,
    typer.Option("--to", metavar="URI", show_default=False, help="Where to: s3://landing-zone/prefix."),
]

ingest = typer.Typer(help="Fill the landing zone: what AWS runs for it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(ingest, name="ingest")


@ingest.command()
def function(
    product: ProductArgument = None,
    target: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip to write.")] = Path(
        "dist/landing-function.zip"
    ),
    as_json: JsonOption = False,
) -> None:
    """Package the landing function for AWS Lambda.

    It validates the events of a Kinesis stream or of files in S3 and routes them as the contracts say.
    """
    from medallion_pipelines.ingest.function import HANDLER, package

    screen.answer_in_json(as_json)
    found = package(places.load(product), target)
    if as_json:
        screen.document({"file": str(target), "handler": HANDLER, "routes": found})
        return
    rows = [[name, str(goal["table"]), str(goal["folder"])] for name, goal in found.items()]
    screen.table(["event type", "table", "folder"], rows)
    screen.say(f"{target}: written; its handler is {HANDLER}.", "bold green")


@ingest.command()
def batch(
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST",
            help="s3://... of a CSV list (bucket,key[,version], URL-encoded) or of an S3 Inventory's "
            "manifest.json.",
        ),
    ],
    target: TargetOption,
    role: Annotated[
        str,
        typer.Option(
            "--role", metavar="ARN", show_default=False, help="The role that S3 Batch Operations takes on."
        ),
    ],
    reports: Annotated[
        str,
        typer.Option(
            "--reports",
            metavar="URI",
            show_default=False,
            help="Where completion reports go: s3://bucket/prefix.",
        ),
    ],
    product: ProductArgument = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="KEY=VALUE", show_default=False, help="A tag of each copy, or several."
        ),
    ] = None,
    checksum: Annotated[
        str | None,
        typer.Option("--checksum", metavar="ALGORITHM", show_default=False, help="Such as SHA256."),
    ] = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="Jobs at most, for what failed.")] = 3,
    description: Annotated[
        str | None,
        typer.Option(
            "--description",
            metavar="TEXT",
            show_default=False,
            help="Of the job. The same request is the same job; another text makes a new one.",
        ),
    ] = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy what is in S3 already into the landing zone, by S3 Batch Operations.

    Follows the job, copies again what failed, and notes what arrived in ops.arrivals. Cut off, the same
    command goes on with the same job.
    """
    from medallion_pipelines.ingest.batch import CHECKSUMS, Batch, Copy
    from medallion_pipelines.ingest.places import Place, account, client

    screen.answer_in_json(as_json)
    tags = dict(_pair(text) for text in tag or ())
    if checksum is not None and checksum not in CHECKSUMS:
        raise typer.BadParameter(f"One of {', '.join(CHECKSUMS)}.", param_hint="--checksum")
    loaded = places.load(product)
    places.require_spark()  # it is needed at the end, and that may be hours away
    from_, to, told = Place.of(manifest), Place.of(target), Place.of(reports)
    copy = Copy(account(), role, from_, to, told, tags, checksum, description or "")
    work = Batch(client("s3"), client("s3control"), copy)
    with screen.err().status("Asking S3 Batch Operations ...") as status:
        jobs = work.run(attempts, lambda job: status.update(_progress(job)))
    arrived = (one for job in jobs for one in work.arrivals(job))
    feeds = _register(arrived, loaded, _lake(landing, warehouse, catalog, environment))
    _say(work, jobs, feeds, as_json=as_json)
    if jobs[-1].status != "Complete" or jobs[-1].failed:
        raise typer.Exit(1)


@ingest.command()
def revisions(
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="The id of a data set.")],
    target: TargetOption,
    product: ProductArgument = None,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the new revisions of an AWS Data Exchange data set into the landing zone.

    Each goes into a folder of its own, and is noted in ops.arrivals. Cut off, the same command goes on.
    """
    from medallion_pipelines.ingest.exchange import DataSet
    from medallion_pipelines.ingest.places import Place, client

    screen.answer_in_json(as_json)
    loaded = places.load(product)
    places.require_spark()
    source = DataSet(client("dataexchange"), client("s3"), data_set, Place.of(target))
    new = source.new()
    arrivals: list[Arrival] = []
    for number, revision in enumerate(new, 1):
        with screen.err().status(f"Exporting revision {number} of {len(new)} ..."):
            arrivals += source.export(revision)
    feeds = _register(arrivals, loaded, _lake(landing, warehouse, catalog, environment)) if new else {}
    for revision in new:  # noted before it is settled: who is cut off between the two notes it once more
        source.settle(revision)
    if as_json:
        ids = [revision.id for revision in new]
        screen.document({"revisions": ids, "arrived": {feed or "no feed": n for feed, n in feeds.items()}})
        return
    _say_feeds(feeds)
    screen.say(f"{len(arrivals):,} files arrived, in {len(new)} new revisions.", "bold green")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text}: write KEY=VALUE.", param_hint="--tag")
    return key, value


def _progress(job: Job) -> str:
    done = job.succeeded + job.failed
    failed = f", {job.failed:,} failed" if job.failed else ""
    return f"Job {job.id}: {job.status.lower()}, {done:,} of {job.total:,} files{failed} ..."


def _lake(
    landing: str | None, warehouse: str | None, catalog: str | None, environment: str | None
) -> dict[str, str | None]:
    return {"landing": landing, "warehouse": warehouse, "catalog": catalog, "environment": environment}


def _register(
    arrivals: Iterable[Arrival], product: Product, options: Mapping[str, str | None]
) -> Mapping[str | None, int]:
    lake = places.lakehouse(**options)
    with screen.err().status("Noting what arrived ..."):
        return lake.register(arrivals, product)


def _say(work: Batch, jobs: list[Job], feeds: Mapping[str | None, int], *, as_json: bool) -> None:
    last = jobs[-1]
    failures = list(islice(work.failures(last), SHOWN_ROWS))
    if as_json:
        screen.document(
            {
                "jobs": [asdict(job) for job in jobs],
                "arrived": {feed or "no feed": files for feed, files in feeds.items()},
                "failed": last.failed,
                "failures": [{**asdict(task), "key": task.name} for task in failures],
            }
        )
        return
    _say_feeds(feeds)
    for task in failures:
        screen.say(f"not copied: s3://{task.bucket}/{task.name}: {task.error} {task.message}", "yellow")
    if last.failed > len(failures):
        screen.say(f"not copied: {last.failed - len(failures):,} more", "yellow")
    if last.status != "Complete":
        why = "; ".join(last.reasons) or "no reason was given"
        screen.say(
            f"Job {last.id} is {last.status.lower()} ({why}), {last.untried:,} files were not tried. "
            "Once that is mended, make a new job: --description TEXT.",
            "bold red",
        )
    elif last.failed:
        screen.say(
            f"{last.failed:,} files were not copied, in {len(jobs)} jobs. "
            "Once that is mended, give the command again with more --attempts.",
            "bold red",
        )
    else:
        screen.say(f"{sum(feeds.values()):,} files arrived, in {len(jobs)} jobs.", "bold green")


def _say_feeds(feeds: Mapping[str | None, int]) -> None:
    rows = [[feed or "no feed", f"{files:,}"] for feed, files in sorted(feeds.items(), key=str)]
    screen.table(["feed", "files arrived"], rows, numeric=[1])
    if feeds.get(None):
        screen.say(
            f"note: {feeds[None]:,} files are where no contract's feed of this landing zone takes them; "
            "see --to, --landing and `path` of `source`.",
            "yellow",
        )
