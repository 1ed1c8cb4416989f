"""Keep a table's shape in step with its contract, or say why it cannot be."""

from __future__ import annotations

import hashlib

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangeRefusedError
from medallion_pipelines.tables import Field, Shape, Tables, widens

_KEY = "medallion.primary_key"


def shape_of(table: Table) -> Shape:
    """The shape a contract gives its table."""
    # a version that is put together from changes may lack what each upsert has to bring
    required = () if table.changes else {c.name for c in table.columns if c.required} | {*table.primary_key}
    fields = [Field(c.name, c.type, c.name in required, c.description) for c in table.columns]
    key = {_KEY: ",".join(table.primary_key)}
    return Shape(fields, table.description, table.cluster_by, properties=key)


def fingerprint(table: Table) -> str:
    """Changes with what a contract says of its table's shape, or of how it is made from its inputs."""
    columns = [(field.name, field.type, field.required) for field in shape_of(table).fields]
    made_of = [repr(part).encode() for part in (columns, table.primary_key, table.inputs)]
    if table.changes is not None:
        made_of.append(repr((table.changes, table.sequence_by)).encode())
    if table.transform is not None:
        made_of.append(table.transform.read_bytes())
    return hashlib.sha256(b"\0".join(made_of)).hexdigest()


def fits(tables: Tables, table: Table) -> bool:
    """Whether the contract's columns and primary key are those of the existing table."""
    columns = [
        [(field.name, _plain(field.type), field.required) for field in fields]
        for fields in (tables.fields(table.key), shape_of(table).fields)
    ]
    return columns[0] == columns[1] and _same_key(tables, table)


def _same_key(tables: Tables, table: Table) -> bool:
    return tables.property(table.key, _KEY) == ",".join(table.primary_key)


def evolve(tables: Tables, table: Table) -> list[str]:
    """Bring an existing table to the contract's shape where that loses nothing; notes what it did.

    New optional columns are added (empty: `medallion rebuild` fills them), types widened, NOT NULL
    lifted. Anything else raises ChangeRefusedError and leaves the table as it is.
    """
    there = {field.name.lower(): field for field in tables.fields(table.key)}
    wanted = shape_of(table).fields
    refused: list[str] = [] if _same_key(tables, table) else ["the primary key is another"]
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
            if widens(have.type, field.type):
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
            f"Undo the change, or run `medallion rebuild {table.key} PRODUCT` to make it anew from bronze."
        )
    if added:
        tables.add_columns(table.key, [Field(f.name, f.type, comment=f.comment) for f in added])
    if tables.constrained(table.key, [field.name for field in widened]):
        # Delta does not widen what a constraint looks at; dropped first and added again, a run that is cut
        # off would leave the table without it
        tables.remake(tables.read(table.key), table.key, shape_of(table))
    else:
        for field in widened:
            tables.widen_column(table.key, field.name, field.type)
        for field in lifted:
            tables.drop_not_null(table.key, field.name)
    return [
        *(
            f"{table.key} gained column {f.name}: empty in rows that were there before, "
            f"`medallion rebuild {table.key} PRODUCT` fills it from bronze."
            for f in added
        ),
        *(f"{table.key}.{f.name} is {f.type} now." for f in widened),
        *(f"{table.key}.{f.name} may be NULL now." for f in lifted),
    ]


def _plain(kind: str) -> str:
    return kind.upper().replace(" ", "").replace("`", "")
