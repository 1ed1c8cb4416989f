"""SQL for Redshift: schemas over lake and database, a table per mart, a view per view, and grants.

All of it is made of the contracts, and may be killed and run again.
"""

from __future__ import annotations

from dataclasses import dataclass

from medallion_platform.analytics.conditions import row_filter
from medallion_platform.analytics.contracts import LakeTable, Reader, lake, roles
from medallion_platform.analytics.dialects import column_type, view_query
from medallion_platform.analytics.places import SPECTRUM
from medallion_platform.settings import Settings

SCHEMA = "datamart"
NEXT = "datamart_next"
LAKE = "lake"
DATABASE = "operational"
_SORTED_BY = 4


@dataclass(frozen=True)
class Federated:
    """The PostgreSQL database that is read in place."""

    host: str
    database: str
    schema: str
    secret: str  # ARN of its login, in Secrets Manager


def schemas(settings: Settings, federated: Federated | None = None) -> list[str]:
    """The schemas over gold in the lake (Spectrum), and over the database."""
    role = settings.role("serving-redshift")
    found = [
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {_quoted(LAKE)} FROM DATA CATALOG "
        f"DATABASE {_text(SPECTRUM)} REGION {_text(settings.region)} IAM_ROLE {_text(role)}",
    ]
    if federated is not None:
        found.append(
            f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {_quoted(DATABASE)} FROM POSTGRES "
            f"DATABASE {_text(federated.database)} SCHEMA {_text(federated.schema)} "
            f"URI {_text(federated.host)} PORT 5432 "
            f"IAM_ROLE {_text(role)} SECRET_ARN {_text(federated.secret)}"
        )
    return found


def marts(product: str, source: str = LAKE) -> list[str]:
    """All marts anew, in a schema of their own, while readers have those of before: tables that are filled
    from gold as it is now, the contracts' views over these, and what each role may read."""
    schema = _quoted(NEXT)
    found = [f"DROP SCHEMA IF EXISTS {schema} CASCADE", f"CREATE SCHEMA {schema}"]
    for table in _marts(product, "table"):
        found += [_create(table), _fill(table, source)]
    for table in _marts(product, "view"):
        query = view_query(table, "redshift", {"gold": NEXT})
        found.append(f"CREATE VIEW {schema}.{_quoted(table.name)} AS {query}")
    for table in (*_marts(product, "table"), *_marts(product, "view")):
        for reader in table.readers:
            found += _granted(table, reader)
    reading = sorted({r.role for t in lake(product) if t.layer == "gold" for r in t.readers})
    return [*found, *(f"GRANT USAGE ON SCHEMA {schema} TO ROLE {_quoted(role)}" for role in reading)]


def swap() -> list[str]:
    """Puts the new marts in the place of the old ones: for one transaction. Nothing of the old ones stays,
    no grant that no contract says any more either."""
    return [
        f"DROP SCHEMA IF EXISTS {_quoted(SCHEMA)} CASCADE",
        f"ALTER SCHEMA {_quoted(NEXT)} RENAME TO {_quoted(SCHEMA)}",
    ]


def new_roles(product: str, known: set[str]) -> list[str]:
    """Redshift's roles, by which grants are given; those that it knows cannot be made again."""
    return [f"CREATE ROLE {_quoted(role)}" for role in roles(lake(product)) if role not in known]


def _marts(product: str, kind: str) -> list[LakeTable]:
    return [table for table in lake(product) if table.layer == "gold" and table.kind == kind]


def _create(table: LakeTable) -> str:
    columns = ", ".join(
        f"{_quoted(field.name)} {column_type(field, 'redshift')}"
        + (" NOT NULL" if field.name in table.keys else "")
        for field in table.fields
    )
    key = f", PRIMARY KEY ({', '.join(map(_quoted, table.keys))})" if table.keys else ""
    by = ", ".join(map(_quoted, table.sorted_by[:_SORTED_BY]))
    return f"CREATE TABLE {_named(table.name)} ({columns}{key})" + (f" SORTKEY ({by})" if by else "")


def _fill(table: LakeTable, source: str) -> str:
    columns = ", ".join(_quoted(field.name) for field in table.fields)
    cast = ", ".join(
        f"CAST({_quoted(field.name)} AS {column_type(field, 'redshift')})" for field in table.fields
    )
    return (
        f"INSERT INTO {_named(table.name)} ({columns}) "
        f"SELECT {cast} FROM {_quoted(source)}.{_quoted(table.name)}"
    )


def _granted(table: LakeTable, reader: Reader) -> list[str]:
    """The columns that a role sees; of a mart of which it sees some rows only, a view of these instead."""
    shown = ", ".join(_quoted(field.name) for field in table.fields if field.name not in reader.hidden)
    role = _quoted(reader.role)
    if reader.rows is not None:
        own = _named(f"{table.name}__{reader.role}")
        where = row_filter(table, reader.role, reader.rows)
        query = f"SELECT {shown} FROM {_named(table.name)} WHERE {where}"
        return [f"CREATE VIEW {own} AS {query}", f"GRANT SELECT ON {own} TO ROLE {role}"]
    columns = f" ({shown})" if reader.hidden else ""
    return [f"GRANT SELECT{columns} ON {_named(table.name)} TO ROLE {role}"]


def _named(table: str) -> str:
    return f"{_quoted(NEXT)}.{_quoted(table)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
