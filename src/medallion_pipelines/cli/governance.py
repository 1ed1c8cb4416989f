"""`governance`: who may see what, as the contracts say, in Unity Catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import JsonOption, ProductArgument
from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.settings import Settings

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.contracts.problems import Problem
    from medallion_pipelines.governance.model import Desired, Plan

STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red", "?": "dim"}

TargetOption = Annotated[
    str, typer.Option("--target", metavar="NAME", help="Picks the contracts' `servers` entries.")
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
def plan(target: TargetOption, product: ProductArgument = None, as_json: JsonOption = False) -> None:
    """Show what would change in Unity Catalog.

    Also what others granted there, and what is not there yet. Changes nothing.
    """
    from medallion_pipelines.governance.words import document

    screen.answer_in_json(as_json)
    _, desired, found = _planned(places.load(product), target)
    if as_json:
        screen.document({"target": target, "catalog": desired.catalog, **document(found)})
        return
    _say(found)
    if found.changes:
        screen.say(f"{_count(len(found.changes), 'change')}: medallion governance apply --target {target}")


@governance.command()
def apply(
    target: TargetOption,
    product: ProductArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    warehouse_id: Annotated[
        str | None,
        typer.Option(
            "--warehouse-id",
            metavar="ID",
            show_default=False,
            help="The SQL warehouse that runs statements; else DATABRICKS_WAREHOUSE_ID.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make Unity Catalog what the contracts say.

    What closes is done before what opens, and only what the contracts once made is taken away. Cut off
    anywhere, the same command goes on.
    """
    from medallion_pipelines.governance.words import document
    from medallion_pipelines.governance.workspace import Warehouse
    from medallion_pipelines.governance.writer import execute

    screen.answer_in_json(as_json)
    loaded = places.load(product)
    errors = [problem for problem in _problems(loaded) if problem.severity == "error"]
    if errors:
        raise GovernanceError(
            f"The contracts of {loaded.name} would show what they should not, so nothing was changed:\n"
            + "\n".join(map(str, errors))
        )
    client, desired, found = _planned(loaded, target)
    if not as_json:
        _say(found)
    if not dry_run:
        with screen.err().status("Making changes ...") as status:
            execute(
                client,
                Warehouse(client, warehouse_id),
                desired,
                found.changes,
                lambda change: status.update(f"{change.key.kind} of {change.key.name} ..."),
            )
    if as_json:
        screen.document(
            {"target": target, "catalog": desired.catalog, "applied": not dry_run, **document(found)}
        )
    made = "would be made" if dry_run else "made"
    screen.say(f"{_count(len(found.changes), 'change')} {made}.", "bold green")


def _planned(product: Product, target: str) -> tuple[WorkspaceClient, Desired, Plan]:
    from medallion_pipelines.governance import diff
    from medallion_pipelines.governance.desired import desired
    from medallion_pipelines.governance.places import read_places
    from medallion_pipelines.governance.reader import read
    from medallion_pipelines.governance.workspace import connect, failures

    wanted = desired(
        product, Settings.from_environment(environment=target), read_places(product.path, target)
    )
    client = connect()
    with screen.err().status("Asking Unity Catalog ..."):
        try:
            actual = read(client, wanted)
        except failures() as error:
            raise GovernanceError(
                f"Unity Catalog does not tell what is there: {error.__cause__ or error}"
            ) from error
    return client, wanted, diff.plan(wanted, actual)


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
            screen.out().print(Text(f"  {sign} {said}", STYLES.get(sign, "")), soft_wrap=True)
    if not plan.changes:
        screen.say("Unity Catalog is as the contracts say.", "bold green")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
