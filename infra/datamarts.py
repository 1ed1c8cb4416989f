"""Brings Redshift's marts up to date: schemas, tables, rows, views and grants, as the contracts say.

    python datamarts.py --run              # after each deployment, and after each run of the pipeline
    python datamarts.py                    # show the SQL only

The credentials are those of whoever runs it: the namespace's administrator, by IAM. It may be killed and run
again: readers have the marts of before until all new ones are there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from medallion_platform.analytics import datamarts
from medallion_platform.analytics.datamarts import Federated
from medallion_platform.settings import load

Rows = list[tuple[Any, ...]]
Execute = Callable[[str], Rows]
Together = Callable[[Sequence[str]], object]

ROLES = "SELECT role_name FROM svv_roles"


class WarehouseError(Exception):
    """Redshift refused a statement; the message has both."""


def bring_up(execute: Execute, together: Together, product: str, schemas: Sequence[str]) -> None:
    """Run all statements, in order, the last ones `together`, in one transaction. Raises what these raise;
    readers then have the marts of before."""
    for statement in schemas:
        execute(statement)
    known = {str(row[0]) for row in execute(ROLES)}
    for statement in (*datamarts.new_roles(product, known), *datamarts.marts(product)):
        execute(statement)
    together(datamarts.swap())


class Warehouse:
    """One session of a workgroup, by Redshift's Data API."""

    def __init__(self, client: Any, workgroup: str, database: str, pause: float = 1) -> None:
        self._client, self._pause = client, pause
        self._where: dict[str, Any] = {
            "WorkgroupName": workgroup,
            "Database": database,
            "SessionKeepAliveSeconds": 60,
        }

    def execute(self, statement: str) -> Rows:
        """The rows of a statement. Raises WarehouseError where Redshift does not finish it."""
        begun = self._client.execute_statement(Sql=statement, **self._where)
        told = self._finished(begun, statement)
        if not told.get("HasResultSet"):
            return []
        rows, token = [], {}
        while True:
            page = self._client.get_statement_result(Id=begun["Id"], **token)
            rows += [tuple(next(iter(cell.values())) for cell in row) for row in page["Records"]]
            if not page.get("NextToken"):
                return rows
            token = {"NextToken": page["NextToken"]}

    def together(self, statements: Sequence[str]) -> None:
        """All of several statements or none. Raises WarehouseError where Redshift does not finish them."""
        begun = self._client.batch_execute_statement(Sqls=list(statements), **self._where)
        self._finished(begun, ";\n".join(statements))

    def _finished(self, begun: dict[str, Any], said: str) -> dict[str, Any]:
        self._where = {"SessionId": begun["SessionId"], "SessionKeepAliveSeconds": 60}
        while True:
            told: dict[str, Any] = self._client.describe_statement(Id=begun["Id"])
            if told["Status"] == "FINISHED":
                return told
            if told["Status"] in ("ABORTED", "FAILED"):
                raise WarehouseError(f"{told['Status'].lower()}: {told.get('Error', '')}\n{said}")
            time.sleep(self._pause)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", action="store_true", help="run the statements; without, they are shown")
    for name, told in (
        ("host", "endpoint of the PostgreSQL database that is read in place"),
        ("database", "its name"),
        ("schema", "its schema"),
        ("secret", "ARN of its login"),
    ):
        parser.add_argument(f"--federated-{name}", help=told)
    given = parser.parse_args(arguments)
    settings = load()
    named = [getattr(given, f"federated_{name}") for name in ("host", "database", "schema", "secret")]
    if any(named) and not all(named):
        parser.error("--federated-host, -database, -schema and -secret belong together.")
    product = settings.analytics.product
    schemas = datamarts.schemas(settings, Federated(*named) if all(named) else None)
    if not given.run:
        bring_up(_shown, _shown_together, product, schemas)
        return 0
    import boto3

    client = boto3.client("redshift-data", region_name=settings.region)
    try:
        warehouse = Warehouse(client, settings.prefix, "lakehouse")
        bring_up(warehouse.execute, warehouse.together, product, schemas)
    except WarehouseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _shown(statement: str) -> Rows:
    print(f"{statement};")
    return []


def _shown_together(statements: Sequence[str]) -> None:
    for statement in ("BEGIN", *statements, "COMMIT"):
        _shown(statement)


if __name__ == "__main__":
    sys.exit(main())
