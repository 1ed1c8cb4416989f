"""Athena as far as the APIs go: its protocol over HTTP, its SQL on DuckDB, over Delta tables.

As Athena does, it reads parameters as expressions of SQL, so that what was not quoted runs; it shows instants
in whole milliseconds, and every value as text.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from tests.answering import answering

INSTANT, SHOWN = "TIMESTAMP WITH TIME ZONE", "%Y-%m-%d %H:%M:%S.%g UTC"


@dataclass
class LocalAthena:
    """What the service knows, and what tests may change of it: the states that a query goes through."""

    states: tuple[str, ...] = ("SUCCEEDED",)
    busy: bool = False
    at_once: int = 1000  # rows of results in an answer, the names among them
    asked: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._found: dict[str, list[list[str | None]]] = {}
        self._failed: dict[str, str] = {}
        self._looks: dict[str, int] = {}

    def holds(self, database: str, **tables: Path) -> None:
        """Delta tables, by name."""
        self._duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        for name, place in tables.items():
            self._duck.register(f"{name}_read", DeltaTable(str(place)).to_pyarrow_table())
            columns = ", ".join(
                f'date_trunc(\'millisecond\', "{column}") AS "{column}"' if kind == INSTANT else f'"{column}"'
                for column, kind in self._shape(f'SELECT * FROM "{name}_read"')
            )
            self._duck.execute(  # of this connection alone is what is registered
                f'CREATE OR REPLACE TABLE "{database}"."{name}" AS SELECT {columns} FROM "{name}_read"'
            )

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        if self.busy:
            raise _error("TooManyRequestsException", "Concurrency limit")
        id_ = str(uuid.uuid4())
        self.asked.append(request)
        try:
            self._found[id_] = self._run(request["QueryString"], request.get("ExecutionParameters", ()))
        except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
            self._failed[id_] = str(error)
        return {"QueryExecutionId": id_}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        id_ = request["QueryExecutionId"]
        self._looks[id_] = self._looks.get(id_, -1) + 1
        state = self.states[min(self._looks[id_], len(self.states) - 1)]
        status = {"State": "FAILED" if id_ in self._failed else state}
        if id_ in self._failed:
            status["StateChangeReason"] = self._failed[id_]
        return {"QueryExecution": {"QueryExecutionId": id_, "Status": status}}

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        rows = self._found[request["QueryExecutionId"]]
        first = int(request.get("NextToken", 0))
        last = first + min(self.at_once, request["MaxResults"])
        shown = [
            {"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows[first:last]
        ]
        more = {"NextToken": str(last)} if last < len(rows) else {}
        return {"ResultSet": {"Rows": shown, "ResultSetMetadata": {"ColumnInfo": []}}, **more}

    def stop_query_execution(self, **request: Any) -> dict[str, Any]:
        self.stopped.append(request["QueryExecutionId"])
        return {}

    def _run(self, sql: str, parameters: Any) -> list[list[str | None]]:
        marks = [token.start for token in sqlglot.tokenize(sql, dialect="athena") if token.text == "?"]
        for mark, value in reversed(list(zip(marks, parameters, strict=True))):
            sql = f"{sql[:mark]}({value}){sql[mark + 1 :]}"
        [duck] = sqlglot.transpile(sql, read="athena", write="duckdb")
        shape = self._shape(duck)
        columns = ", ".join(
            f"strftime(\"{name}\" AT TIME ZONE 'UTC', '{SHOWN}')"
            if kind == INSTANT
            else f'CAST("{name}" AS VARCHAR)'
            for name, kind in shape
        )
        rows = self._duck.execute(f"SELECT {columns} FROM ({duck})").fetchall()
        return [[name for name, _ in shape], *map(list, rows)]

    def _shape(self, sql: str) -> list[tuple[str, str]]:
        found = self._duck.execute(f"DESCRIBE {sql}").fetchall()
        return [(name, kind) for name, kind, *_ in found]


def _error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Athena")


@contextmanager
def served(athena: LocalAthena) -> Iterator[str]:
    """The address of a server that answers as it does, while the block runs."""
    methods: Mapping[str, Any] = {
        "StartQueryExecution": athena.start_query_execution,
        "GetQueryExecution": athena.get_query_execution,
        "GetQueryResults": athena.get_query_results,
        "StopQueryExecution": athena.stop_query_execution,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            method = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, methods[method](**asked)
            except ClientError as error:
                status, answer = 400, {"__type": error.response["Error"]["Code"], "message": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with answering(Handler) as url:
        yield url
