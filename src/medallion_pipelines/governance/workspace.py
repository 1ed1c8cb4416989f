"""The workspace that is governed: its API, and a SQL warehouse for what has no call of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from medallion_pipelines.errors import GovernanceError, SetupError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0


def connect() -> WorkspaceClient:
    """The workspace that the environment or a profile of the Databricks CLI names.

    Raises SetupError where the SDK is not installed or finds nothing to log in with.
    """
    try:
        from databricks.sdk import WorkspaceClient
    except ImportError as error:
        raise SetupError(
            "The Databricks SDK is not installed. Run: pip install 'medallion-pipelines[databricks]'"
        ) from error
    unusable: tuple[type[Exception], ...] = (ValueError, *failures())
    try:
        return WorkspaceClient(product="medallion-pipelines")
    except unusable as error:
        raise SetupError(f"No workspace to govern: {str(error).splitlines()[0]}") from error


def failures() -> tuple[type[Exception], ...]:
    """What the SDK raises where a request is refused or not answered; its cause tells more, if it has one."""
    import requests
    from databricks.sdk.errors.base import DatabricksError

    return DatabricksError, requests.RequestException, TimeoutError


class Warehouse:
    """Runs statements on a SQL warehouse."""

    def __init__(self, client: WorkspaceClient, warehouse_id: str | None) -> None:
        self._client = client
        self._id = warehouse_id

    def require(self) -> None:
        """Raises SetupError where there is none to run on."""
        if not self._id:
            raise SetupError(
                "Comments, masks and row filters are set by SQL, and no SQL warehouse is named: "
                "--warehouse-id ID, or DATABRICKS_WAREHOUSE_ID; in a platform file `warehouse` of the "
                "metastore."
            )

    def run(self, statement: str) -> None:
        """Raises GovernanceError with what the warehouse said where the statement fails."""
        self.require()
        answer = self._client.statement_execution.execute_statement(
            statement, self._id or "", wait_timeout="30s"
        )
        wait = _FIRST_WAIT
        while (state := _state(answer)) in ("PENDING", "RUNNING"):
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            answer = self._client.statement_execution.get_statement(answer.statement_id or "")
        if state != "SUCCEEDED":
            error = answer.status.error if answer.status else None
            said = error.message if error and error.message else f"it is {state.lower()}"
            raise GovernanceError(f"{said} [{statement}]")


def _state(answer: object) -> str:
    status = getattr(answer, "status", None)
    return str(status.state.value) if status is not None and status.state is not None else "UNKNOWN"
