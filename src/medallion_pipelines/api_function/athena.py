"""Queries of Athena's, from start to rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from medallion_pipelines.api_function.errors import RefusedError, UnansweredError

_FIRST_LOOK, _LONGEST_WAIT = 0.2, 1.0  # seconds
_BUSY = ("ThrottlingException", "TooManyRequestsException")

Row = list[str | None]


class Client(Protocol):
    """Of boto3's client what is used here."""

    def start_query_execution(self, **request: Any) -> Any: ...

    def get_query_execution(self, **request: Any) -> Any: ...

    def get_query_results(self, **request: Any) -> Any: ...

    def stop_query_execution(self, **request: Any) -> Any: ...


@dataclass(frozen=True)
class Athena:
    """A workgroup; it says where results go, how they are encrypted, and how much a query may read."""

    client: Client
    workgroup: str
    seconds: float = 24  # API Gateway waits 29

    def rows(self, sql: str, values: Sequence[str]) -> list[Row]:
        """The rows of a query. Raises RefusedError where Athena is busy, or takes too long;
        UnansweredError where it fails."""
        try:
            return self._rows(sql, values)
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY:
                raise RefusedError(503, "Too many questions at once: ask again in a few seconds.") from None
            raise UnansweredError(f"Athena: {error}") from None
        except BotoCoreError as error:
            raise UnansweredError(f"Athena: {error}") from None

    def _rows(self, sql: str, values: Sequence[str]) -> list[Row]:
        given = {"ExecutionParameters": list(values)} if values else {}  # AWS takes no empty list
        started = self.client.start_query_execution(QueryString=sql, WorkGroup=self.workgroup, **given)
        id_ = started["QueryExecutionId"]
        self._wait(id_)
        rows, more = list[Row](), dict[str, str]()
        while True:
            found = self.client.get_query_results(QueryExecutionId=id_, MaxResults=1000, **more)
            rows += [
                [datum.get("VarCharValue") for datum in row["Data"]] for row in found["ResultSet"]["Rows"]
            ]
            if "NextToken" not in found:
                return rows[1:]  # the first one has the names
            more = {"NextToken": found["NextToken"]}

    def _wait(self, id_: str) -> None:
        end, pause = time.monotonic() + self.seconds, _FIRST_LOOK
        while True:
            status = self.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in ("FAILED", "CANCELLED"):
                why = status.get("StateChangeReason", "")
                raise UnansweredError(f"Athena's query {id_} {status['State'].lower()}: {why}")
            if time.monotonic() + pause > end:
                self.client.stop_query_execution(QueryExecutionId=id_)
                raise RefusedError(504, "It took too long: filter by the first columns of the key.")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_WAIT)
