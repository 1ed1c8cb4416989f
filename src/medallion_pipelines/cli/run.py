"""`run`: work on tables, shown while it happens, summed up at the end."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, report, screen
from medallion_pipelines.cli.options import (
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LandingOption,
    ProductArgument,
    WarehouseOption,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rich.status import Status as Spinner

    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse
    from medallion_pipelines.results import RunResult, StepResult

STYLES = {
    "succeeded": "green",
    "unchanged": "dim",
    "failed": "bold red",
    "skipped": "yellow",
    "restoring": "yellow",
}
COUNTS = ("rows_in", "rows_valid", "rows_quarantined", "rows_duplicate", "rows_written")


def register(app: typer.Typer) -> None:
    app.command()(run)


def run(
    product: ProductArgument = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="LAYER.TABLE", help="Only this and its inputs; repeatable."),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Leave out what --table names are made from.")] = False,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Recompute gold whole.")] = False,
    with_report: Annotated[bool, typer.Option("--report", help="Write the report page, too.")] = False,
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a product up to date.

    Captures new files in bronze, conforms their records in silver, refreshes what they touch in gold.
    """
    given = {"landing": landing, "warehouse": warehouse, "catalog": catalog, "environment": environment}
    if only and not table:
        raise typer.BadParameter("name the tables with --table.", param_hint="--only")

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        return lake.run(
            loaded,
            tables=table or None,
            alone=only,
            full_refresh=full_refresh,
            on_start=progress.start,
            on_finish=progress.finish,
        )

    carry_out(work, product, given, as_json, with_report=with_report)


class Progress:
    """Says on stderr what is being worked on (on a terminal) and each table that is done."""

    def __init__(self) -> None:
        self._running: dict[str, None] = {}  # in the order they started
        self._spinner: Spinner = screen.err().status("Working ...")

    def __enter__(self) -> Progress:
        self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spinner.stop()

    def start(self, table: str) -> None:
        self._running[table] = None
        self._show()

    def finish(self, step: StepResult) -> None:
        self._running.pop(step.table, None)
        detail = "" if step.status in ("unchanged", "skipped") else f"  {step.rows_written:,} rows"
        detail += f"  {step.seconds:.1f} s" if step.seconds else ""
        line = Text.assemble((f"{step.status:<9}", STYLES[step.status]), f"  {step.table}{detail}")
        screen.err().print(line, soft_wrap=True)
        self._show()

    def _show(self) -> None:
        self._spinner.update(Text(", ".join(self._running) or "Finishing ..."))


def carry_out(
    work: Callable[[Lakehouse, Product, Progress], RunResult],
    product: str | None,
    given: Mapping[str, str | None],
    as_json: bool,
    *,
    with_report: bool = False,
) -> None:
    """Do the work; then the summary, what people should know, and exit code 1 if a table failed."""
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(**given)
    with Progress() as progress:
        result = work(lake, loaded, progress)
    if as_json:
        screen.document({**asdict(result), "succeeded": result.succeeded, "changed": result.changed})
    else:
        _summary(result)
    _remarks(result)
    if with_report and not as_json:
        page = report.beside(lake.settings)
        if result.changed or not result.succeeded or not page.exists():
            report.write(lake, loaded, page)
        else:
            report.name(page)
    if not result.succeeded:
        raise typer.Exit(1)
    screen.suggest(_next(result, product, given))


def _summary(result: RunResult) -> None:
    rows: list[list[Text | str]] = [
        [
            step.table,
            Text(step.status, STYLES[step.status]),
            *(f"{getattr(step, count):,}" for count in COUNTS),
            f"{step.seconds:.1f}",
        ]
        for step in result.steps
    ]
    headings = ["table", "status", "rows in", "valid", "quarantined", "duplicates", "written", "seconds"]
    screen.table(headings, rows, numeric=range(2, 8))


def _remarks(result: RunResult) -> None:
    """Notes and errors by table, and how it ended."""
    for step in result.steps:
        for note in step.notes:
            about = "" if note.startswith(step.table) else f"{step.table}: "
            screen.say(f"note: {about}{note}", "yellow")
    for step in result.steps:
        if step.status == "failed":
            screen.complain(f"{step.table}: {screen.brief(step.error or 'failed without a word')}")
    took = f"{result.product}: run {result.run_id} took {result.seconds:.1f} s."
    if not result.succeeded:
        failed = [step.table for step in result.steps if step.status == "failed"]
        skipped = [step.table for step in result.steps if step.status == "skipped"]
        waiting = f" Not run, as they need these: {', '.join(skipped)}." if skipped else ""
        screen.say(f"{took} Failed: {', '.join(failed)}.{waiting} The rest is up to date.", "bold red")
    elif result.changed:
        screen.say(took, "bold green")
    else:
        screen.say(f"{took} Nothing new: every table was up to date already.", "bold")


def _next(result: RunResult, product: str | None, given: Mapping[str, str | None]) -> list[str]:
    options = {name: f" --{name} {shlex.quote(value)}" for name, value in given.items() if value}
    arriving = options.pop("landing", "")
    where = "".join(options.values())
    named = f" {shlex.quote(product)}" if product else ""
    commands = []
    finished = [step.table for step in result.steps if not step.table.startswith("bronze.")]
    if finished:
        commands.append(f'sql "SELECT * FROM {finished[-1]}"{where}')
    for step in result.steps:
        if step.rows_quarantined > 0:
            commands.append(
                f'sql "SELECT * FROM {step.table}_quarantine"{where}  # what was refused, and why'
            )
            break
    commands += [f"status{named}{where}", f"run{named}{arriving}{where}  # again: only what is new"]
    return [screen.command(words) for words in commands]
