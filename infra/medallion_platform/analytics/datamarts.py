"""SQL for Redshift: schemas over the lake and the database, a table per mart, a view per view, and grants.

All of it is made of the contracts, and may be run again and again.
"""

from __future__ import annotations

from dataclasses import dataclass

from medallion_platform.analytics.contracts import LakeTable, lake, roles
from medallion_platform.analytics.dialects import column_type, condition, view_query
from medallion_platform.analytics.places import SPECTRUM
from medallion_platform.settings import Settings

SCHEMA = "datamart"
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
    """The schemas: of the marts, over gold in the lake (Spectrum), and over the database."""
    role = settings.role("serving-redshift")
    found = [
        f"CREATE SCHEMA IF NOT EXISTS {_quoted(SCHEMA)}",
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


def tables(product: str) -> list[str]:
    """The marts as tables of Redshift's own, where they are missing."""
    return [_create(table) for table in _marts(product, "table")]


def load(product: str, source: str = LAKE) -> list[str]:
    """Fills the marts from gold as it is now, in one transaction: who reads meanwhile sees the marts of before."""
    found = []
    for table in _marts(product, "table"):
        target = f"{_quoted(SCHEMA)}.{_quoted(table.name)}"
        columns = ", ".join(_quoted(field.name) for field in table.fields)
        cast = ", ".join(
            f"CAST({_quoted(field.name)} AS {column_type(field, 'redshift')})" for field in table.fields
        )
        found.append(f"DELETE FROM {target}")
        found.append(
            f"INSERT INTO {target} ({columns}) SELECT {cast} FROM {_quoted(source)}.{_quoted(table.name)}"
        )
    return found


def views(product: str) -> list[str]:
    """The contracts' views over the marts; and, for who sees some rows of a mart only, a view of these."""
    found = [
        f"CREATE OR REPLACE VIEW {_quoted(SCHEMA)}.{_quoted(table.name)} AS "
        + view_query(table, "redshift", {"gold": SCHEMA})
        for table in _marts(product, "view")
    ]
    for table in _marts(product, "table"):
        for reader in table.readers:
            if reader.rows is not None:
                shown = [field.name for field in table.fields if field.name not in reader.hidden]
                found.append(
                    f"CREATE OR REPLACE VIEW {_quoted(SCHEMA)}.{_quoted(_own(table, reader.role))} AS SELECT "
                    f"{', '.join(map(_quoted, shown))} FROM {_quoted(SCHEMA)}.{_quoted(table.name)} "
                    f"WHERE {condition(reader.rows, 'redshift')}"
                )
    return found


def grants(product: str) -> list[str]:
    """What each role of the contracts may read; what it could before and no contract says is taken away."""
    found = []
    for role in roles(lake(product)):
        found.append(f"REVOKE ALL ON ALL TABLES IN SCHEMA {_quoted(SCHEMA)} FROM ROLE {_quoted(role)}")
    for table in (*_marts(product, "table"), *_marts(product, "view")):
        for reader in table.readers:
            target, columns = table.name, ""
            if reader.rows is not None:
                target = _own(table, reader.role)
            elif reader.hidden:
                shown = [field.name for field in table.fields if field.name not in reader.hidden]
                columns = f" ({', '.join(map(_quoted, shown))})"
            found.append(
                f"GRANT SELECT{columns} ON {_quoted(SCHEMA)}.{_quoted(target)} TO ROLE {_quoted(reader.role)}"
            )
    reading = sorted({r.role for t in lake(product) if t.layer == "gold" for r in t.readers})
    found += [f"GRANT USAGE ON SCHEMA {_quoted(SCHEMA)} TO ROLE {_quoted(role)}" for role in reading]
    return found


def new_roles(product: str, known: set[str]) -> list[str]:
    """Redshift's roles, by which grants are given; those that it knows cannot be made again."""
    return [f"CREATE ROLE {_quoted(role)}" for role in roles(lake(product)) if role not in known]


def _marts(product: str, kind: str) -> list[LakeTable]:
    return [table for table in lake(product) if table.layer == "gold" and table.kind == kind]


def _own(table: LakeTable, role: str) -> str:
    return f"{table.name}__{role}"


def _create(table: LakeTable) -> str:
    columns = ", ".join(
        f"{_quoted(field.name)} {column_type(field, 'redshift')}"
        + (" NOT NULL" if field.name in table.keys else "")
        for field in table.fields
    )
    key = f", PRIMARY KEY ({', '.join(map(_quoted, table.keys))})" if table.keys else ""
    by = ", ".join(map(_quoted, table.sorted_by[:_SORTED_BY]))
    target = f"{_quoted(SCHEMA)}.{_quoted(table.name)}"
    return f"CREATE TABLE IF NOT EXISTS {target} ({columns}{key})" + (f" SORTKEY ({by})" if by else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
