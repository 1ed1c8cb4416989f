"""`platform`: a Databricks account from one file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.options import JsonOption, VariableOption, variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medallion_pipelines.platform import Platform
    from medallion_pipelines.platform.plan import Change

_STYLES = {
    "create": "green", "update": "yellow", "delete": "red", "await": "cyan", "postpone": "cyan",
    "refuse": "bold red",
}  # fmt: skip
_DONE = {"create": "made", "update": "changed", "delete": "deleted", "await": "waited for"}

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="The platform file (docs/platform-databricks.md).")
]

platform = typer.Typer(
    help="A Databricks account on AWS: workspaces, networks, Unity Catalog, groups, permissions.",
    epilog="Which account, and who asks: as databricks-sdk has it (DATABRICKS_HOST, DATABRICKS_ACCOUNT_ID, "
    "DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET, or DATABRICKS_CONFIG_PROFILE).",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(platform, name="platform")


@platform.command()
def plan(file: FileArgument, var: VariableOption = None, as_json: JsonOption = False) -> None:
    """Say what `apply` would do, and change nothing.

    Exit code 1 if there is a change that cannot be made.
    """
    from medallion_pipelines.platform import Clients, account_client, changes, load_platform

    screen.answer_in_json(as_json)
    declared = load_platform(file, variables(var))
    found = changes(Clients(account_client()), declared)
    _show(declared, found, as_json)
    if any(change.action == "refuse" for change in found):
        raise typer.Exit(1)


@platform.command()
def apply(
    file: FileArgument,
    var: VariableOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `plan`.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the account what the file declares.

    Says the plan first. Cut off anywhere, the same command goes on from there; what is not declared is left
    as it is, and nothing is deleted that the file does not name under `removed`.
    """
    from medallion_pipelines.platform import Clients, account_client, changes, load_platform
    from medallion_pipelines.platform import apply as make

    if dry_run:
        plan(file, var, as_json)
        return
    screen.answer_in_json(as_json)
    declared = load_platform(file, variables(var))
    clients = Clients(account_client())
    if not as_json:
        _show(declared, changes(clients, declared), as_json)
    done = make(clients, declared, lambda change: screen.say(f"{_DONE[change.action]:<10} {change.key}"))
    if as_json:
        _show(declared, done, as_json)
    waiting = sum(change.action == "postpone" for change in done)
    also = f" {waiting} wait for something outside the file." if waiting else ""
    screen.say(f"{file}: {len(done) - waiting} changes made.{also}", "bold green")


def _show(declared: Platform, found: Sequence[Change], as_json: bool) -> None:
    from medallion_pipelines.platform.plan import as_values, described

    counts = Counter(change.action for change in found)
    if as_json:
        document = {
            "file": str(declared.file),
            "counts": counts,
            "changes": [as_values(each) for each in found],
        }
        screen.document(document)
        return
    for change in found:
        first, *rest = described(change)
        screen.out().print(Text(screen.plain(first), _STYLES[change.action]), soft_wrap=True)
        for line in rest:
            screen.out().print(Text(screen.plain(line)), soft_wrap=True)
    if found:
        screen.say(
            ", ".join(f"{count} to {action}" for action, count in sorted(counts.items())) + ".", "bold"
        )
    else:
        screen.say(f"{declared.file}: the account is as declared. Nothing to do.", "bold green")
