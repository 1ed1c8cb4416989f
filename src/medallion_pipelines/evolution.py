"""Keep a table's shape in step with its contract, or say why it cannot be."""

from __future__ import annotations

from collections.abc import Sequence

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangeRefusedError
from medallion_pipelines.tables import Field, Tables

# what Delta's type widening does in place
_WIDER = {
    "TINYINT": ("SMALLINT", "INT", "BIGINT", "DOUBLE"),
    "SMALLINT": ("INT", "BIGINT", "DOUBLE"),
    "INT": ("BIGINT", "DOUBLE"),
    "FLOAT": ("DOUBLE",),
    "DATE": ("TIMESTAMP_NTZ",),
}


def fields(table: Table) -> list[Field]:
    """The columns of a table as its contract has them."""
    return [
        Field(c.name, c.type, c.required or c.name in table.primary_key, c.description) for c in table.columns
    ]


def evolve(tables: Tables, table: Table) -> list[str]:
    """Bring an existing table to the contract's shape where that loses nothing; notes what it did.

    New optional columns are added (empty: `medallion rebuild` fills them), types widened, NOT NULL
    lifted. Anything else raises ChangeRefusedError and leaves the table as it is.
    """
    there = {field.name.lower(): field for field in tables.fields(table.key)}
    wanted = fields(table)
    refused: list[str] = []
    added: list[Field] = []
    widened: list[Field] = []
    lifted: list[Field] = []
    for field in wanted:
        have = there.pop(field.name.lower(), None)
        if have is None:
            if field.required:
                refused.append(f"column {field.name} is new and required")
            added.append(field)
            continue
        if _plain(have.type) != _plain(field.type):
            if field.type in _WIDER.get(have.type, ()):
                widened.append(field)
            else:
                refused.append(f"column {field.name} is {have.type}, the contract says {field.type}")
        if field.required and not have.required:
            refused.append(f"column {field.name} has become required")
        if have.required and not field.required:
            lifted.append(field)
    refused += [f"column {field.name} is no longer in the contract" for field in there.values()]
    if refused:
        raise ChangeRefusedError(
            f"{table.key} cannot follow its contract ({table.path.name}) in place: {'; '.join(refused)}. "
            f"Undo the change, or run `medallion rebuild {table.key}` to make the table anew from bronze."
        )
    if added:
        tables.add_columns(table.key, [Field(f.name, f.type, comment=f.comment) for f in added])
    for field in widened:
        tables.widen_column(table.key, field.name, field.type)
    for field in lifted:
        tables.drop_not_null(table.key, field.name)
    return [
        *(
            f"{table.key} gained column {f.name}: empty in rows that were there before, "
            f"`medallion rebuild {table.key}` fills it from bronze."
            for f in added
        ),
        *(f"{table.key}.{f.name} is {f.type} now." for f in widened),
        *(f"{table.key}.{f.name} may be NULL now." for f in lifted),
    ]


def shape(columns: Sequence[Field]) -> list[tuple[str, str, bool]]:
    """What two versions of a table must share for one to be written into the other."""
    return [(field.name, _plain(field.type), field.required) for field in columns]


def _plain(kind: str) -> str:
    return kind.upper().replace(" ", "").replace("`", "")
