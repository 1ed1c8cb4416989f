"""`governance`: who may see what, as the contracts say, in Unity Catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.governed import Place, each_of, places_of, planned
from medallion_pipelines.cli.options import JsonOption, ProductArgument, VariableOption
from medallion_pipelines.errors import GovernanceError

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.contracts.problems import Problem
    from medallion_pipelines.governance.model import Desired, Plan

STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red", "?": "dim"}

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="NAME", show_default=False, help="Picks the contracts' `servers` entries."
    ),
]
PlatformOption = Annotated[
    Path | None,
    typer.Option(
        "--platform",
        metavar="FILE",
        show_default=False,
        help="Govern every metastore of a platform file, by the contracts that it names.",
    ),
]

governance = typer.Typer(
    help="Unity Catalog as code: who may see what, from the contracts.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.add_typer(governance, name="governance")


@governance.command()
def check(product: ProductArgument = None, as_json: JsonOption = False) -> None:
    """Find what people could see and should not.

    Looks at the contracts and the SQL beside them, and asks no workspace.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    problems = _problems(loaded)
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        screen.document(
            {
                "product": loaded.name,
                "problems": [
                    {
                        "file": str(problem.file),
                        "line": problem.line,
                        "field": problem.field,
                        "severity": problem.severity,
                        "message": problem.message,
                        "hint": problem.hint,
                    }
                    for problem in problems
                ],
            }
        )
    else:
        _show(problems)
    if errors:
        screen.say(f"{loaded.name}: {_count(len(errors), 'error')}.", "bold red")
        raise typer.Exit(1)
    screen.say(f"{loaded.name}: found nothing to mend.", "bold green")


@governance.command()
def matrix(product: ProductArgument = None) -> None:
    """Print who may read and write what, as Markdown."""
    from medallion_pipelines.governance.matrix import matrix as drawn

    screen.write_lines([drawn(places.load(product))])


@governance.command()
def plan(
    product: ProductArgument = None,
    target: TargetOption = None,
    platform: PlatformOption = None,
    var: VariableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would change in Unity Catalog.

    Also what others granted there, and what is not there yet. Changes nothing.
    """
    screen.answer_in_json(as_json)

    def show(place: Place) -> dict[str, object]:
        desired, found = planned(place)
        if not as_json:
            _say(found)
            if found.changes:
                again = f"medallion governance apply {place.again}"
                screen.say(f"{_count(len(found.changes), 'change')}: {again}")
        return _document(place, desired, found)

    each_of(places_of(product, target, platform, var), show, as_json)


@governance.command()
def apply(
    product: ProductArgument = None,
    target: TargetOption = None,
    platform: PlatformOption = None,
    var: VariableOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    warehouse_id: Annotated[
        str | None,
        typer.Option(
            "--warehouse-id",
            metavar="ID",
            envvar="DATABRICKS_WAREHOUSE_ID",
            show_default=False,
            help="The SQL warehouse that runs statements; with --platform the file names it.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make Unity Catalog what the contracts say.

    What closes is done before what opens, and only what the contracts once made is taken away. Cut off
    anywhere, the same command goes on.
    """
    screen.answer_in_json(as_json)
    governed = places_of(product, target, platform, var)
    for loaded in {place.product.path: place.product for place in governed}.values():
        errors = [problem for problem in _problems(loaded) if problem.severity == "error"]
        if errors:
            raise GovernanceError(
                f"The contracts of {loaded.name} would show what they should not, so nothing was changed:\n"
                + "\n".join(map(str, errors))
            )

    def make(place: Place) -> dict[str, object]:
        from medallion_pipelines.governance.workspace import Warehouse
        from medallion_pipelines.governance.writer import execute

        desired, found = planned(place)
        if not as_json:
            _say(found)
        if not dry_run:
            warehouse = Warehouse(place.client, place.warehouse_id if place.metastore else warehouse_id)
            with screen.err().status("Making changes ...") as status:
                execute(
                    place.client,
                    warehouse,
                    desired,
                    found.changes,
                    lambda change: status.update(f"{change.key.kind} of {change.key.name} ..."),
                )
        made = "would be made" if dry_run else "made"
        screen.say(f"{_count(len(found.changes), 'change')} {made}.", "bold green")
        return {**_document(place, desired, found), "applied": not dry_run}

    each_of(governed, make, as_json)


def _document(place: Place, desired: Desired, plan: Plan) -> dict[str, object]:
    from medallion_pipelines.governance.words import document

    return {"target": place.target, "catalog": desired.catalog, **document(plan)}


def _problems(product: Product) -> list[Problem]:
    from medallion_pipelines.governance.check import check

    return check(product)


def _show(problems: list[Problem]) -> None:
    for problem in problems:
        style = "red" if problem.severity == "error" else "yellow"
        screen.out().print(Text.assemble((f"{problem.severity}: ", style), str(problem)), soft_wrap=True)


def _say(plan: Plan) -> None:
    from medallion_pipelines.governance.words import sections

    for heading, lines in sections(plan):
        screen.out().print(Text(heading, "bold"), soft_wrap=True)
        for sign, said in lines:
            line = screen.plain(f"  {sign} {said}")
            screen.out().print(Text(line, STYLES.get(sign, "")), soft_wrap=True)
    if not plan.changes:
        screen.say("Unity Catalog is as the contracts say.", "bold green")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
