"""`quarantine list`, `show` and `replay`: records that were refused, and the way back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import (
    SHOWN_ROWS,
    CatalogOption,
    EnvironmentOption,
    JsonOption,
    LimitOption,
    ProductArgument,
    WarehouseOption,
)
from medallion_pipelines.cli.run import carry_out
from medallion_pipelines.errors import MedallionError

if TYPE_CHECKING:
    from medallion_pipelines.cli.run import Progress
    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.lakehouse import Lakehouse
    from medallion_pipelines.results import RunResult

SHOWN_RULES = 5
# `show` for people: a reason as one text, the last part of a path
_BRIEF = (
    "id",
    """array_join(transform(errors, e -> concat_ws(' ', concat(e.rule, ':'), e.column, e.message,
    concat('(', e.value, ')'))), '; ') AS reasons""",
    "record",
    "element_at(split(file_path, '/'), -1) AS file",
)

group = typer.Typer(help="Records that silver tables refused: look, and replay.", no_args_is_help=True)

TableArgument = Annotated[str, typer.Argument(metavar="LAYER.TABLE", help="The silver table.")]
RuleOption = Annotated[
    str | None,
    typer.Option("--rule", metavar="RULE", show_default=False, help="Only records that broke this rule."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="quarantine")


@group.command("list")
def overview(
    product: ProductArgument = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many records are in quarantine now, and for which rules.

    A record that broke several rules counts for each.
    """
    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    found = lake.quarantine(loaded)
    if as_json:
        screen.document({"product": loaded.name, "tables": [asdict(one) for one in found]})
        return
    rows = []
    for one in found:
        rules = [f"{rule} {records:,}" for rule, records in one.rules.items()]
        more = [f"and {len(rules) - SHOWN_RULES} more"] if len(rules) > SHOWN_RULES else []
        reasons = ", ".join([*rules[:SHOWN_RULES], *more])
        rows.append([one.table, f"{one.records:,}", one.oldest or "", one.newest or "", reasons])
    screen.table(["table", "records", "oldest", "newest", "rules"], rows, numeric=[1])


@group.command()
def show(
    table: TableArgument,
    product: ProductArgument = None,
    rule: RuleOption = None,
    limit: LimitOption = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show records in quarantine, the oldest first: id, every reason, and the file each came from.

    --json has them whole, a record a line.
    """
    from medallion_pipelines.cli import rows

    screen.answer_in_json(as_json)
    loaded = places.load(product)
    lake = places.lakehouse(warehouse=warehouse, catalog=catalog, environment=environment)
    frame = lake.quarantined(table, loaded, rule=rule)
    if as_json:
        rows.as_json(frame if limit is None else frame.limit(limit))
    elif rows.as_table(frame.selectExpr(*_BRIEF), limit or SHOWN_ROWS) and limit is None:
        screen.say(f"The first {SHOWN_ROWS} records; --limit shows more, --json all of them.")


@group.command()
def replay(
    table: TableArgument,
    product: ProductArgument = None,
    rule: RuleOption = None,
    corrected: Annotated[
        Path | None,
        typer.Option(
            "--corrected",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help='Take corrected records instead: JSON lines of {"id": ..., "record": "the corrected text"}.',
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    catalog: CatalogOption = None,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send records in quarantine through their contract again, after it was mended.

    Those now valid go to the table, the others stay with today's reasons; marts follow with the next run.
    With --corrected, corrected texts go to bronze and from there on like every record.
    """
    if rule is not None and corrected is not None:
        raise typer.BadParameter("is not for corrected records, which are named by id", param_hint="--rule")
    screen.answer_in_json(as_json)
    texts = None if corrected is None else read_corrections(corrected)
    given = {"warehouse": warehouse, "catalog": catalog, "environment": environment}

    def work(lake: Lakehouse, loaded: Product, progress: Progress) -> RunResult:
        return lake.replay(
            table,
            loaded,
            rule=rule,
            corrected=texts,
            on_start=progress.start,
            on_finish=progress.finish,
        )

    carry_out(work, product, given, as_json)


def read_corrections(path: Path) -> dict[str, str]:
    """Corrected texts by id. Fields besides `id` and `record` may stay and are not read. Raises
    MedallionError that names each line that is none."""
    texts: dict[str, str] = {}
    bad: list[str] = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:  # bytes that are no UTF-8, too
            found = None
        one, text = (found.get("id"), found.get("record")) if isinstance(found, dict) else (None, None)
        if not isinstance(one, str) or not isinstance(text, str):
            bad.append(f"line {number} is no JSON object with the texts `id` and `record`")
        elif not text.strip():
            bad.append(f"line {number} has a blank `record`")
        elif texts.setdefault(one, text) != text:
            bad.append(f"line {number} gives record {one} another text than a line before")
    if not texts and not bad:
        bad.append("no line holds a record")
    if bad:
        raise MedallionError(f"{path}: {'; '.join(bad)}. Nothing was changed.")
    return texts
