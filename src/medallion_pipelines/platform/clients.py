"""The account and its workspaces as databricks-sdk speaks to them, and which object has which id."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medallion_pipelines.errors import SetupError
from medallion_pipelines.platform.plan import Key, Ref

if TYPE_CHECKING:
    from databricks.sdk import AccountClient, WorkspaceClient
    from databricks.sdk.service.provisioning import Workspace

NO_SDK = "databricks-sdk is not installed. Install it: pip install 'medallion-pipelines[databricks]'."


class Clients:
    """What is spoken to. `ids` and `keys` are filled while the account is read, and when objects are made."""

    def __init__(
        self,
        account: AccountClient,
        connect: Callable[[Workspace], WorkspaceClient] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account = account
        self.pause = pause
        self.ids: dict[Key, str] = {}
        self.keys: dict[str, Key] = {}  # by "kind/id"
        self.seats: dict[str, str] = {}
        self._connect = connect or account.get_workspace_client
        self._workspaces: dict[str, WorkspaceClient] = {}

    def forget(self, seats: dict[str, str]) -> None:
        """Before the account is read anew; `seats` is the workspace that each metastore is seen from."""
        self.ids.clear()
        self.keys.clear()
        self.seats = seats

    def know(self, key: Key, id_: str) -> None:
        self.ids[key] = id_
        self.keys[f"{key.kind}/{id_}"] = key

    def workspace(self, name: str) -> WorkspaceClient:
        """The client of a workspace that runs."""
        if name not in self._workspaces:
            id_ = int(self.ids[Key("workspace", name)])
            self._workspaces[name] = self._connect(self.account.workspaces.get(id_))
        return self._workspaces[name]

    def unity(self, metastore: str) -> WorkspaceClient:
        """The client of the workspace that a metastore's objects are seen from."""
        return self.workspace(self.seats[metastore])

    def resolved(self, value: Any) -> Any:
        """A value with ids in the place of references; raises KeyError where there is no such object yet."""
        if isinstance(value, Ref):
            return self.ids[value.key]
        return [self.resolved(each) for each in value] if isinstance(value, tuple) else value


def account_client(retry_seconds: int = 1) -> AccountClient:
    """The account that the environment or a profile names, as databricks-sdk has it (DATABRICKS_HOST, ...).

    The SDK would send a request again whose answer was lost, also one that makes something. Here nothing is
    sent twice unseen, unless a caller gives it time: `apply` looks what is there first. Raises SetupError
    where no account is configured.
    """
    try:
        from databricks.sdk import AccountClient
        from databricks.sdk.config import Config
    except ImportError as error:
        raise SetupError(NO_SDK) from error
    try:
        client = AccountClient(config=Config(retry_timeout_seconds=retry_seconds))
    except ValueError as error:
        raise SetupError(f"No Databricks account is configured: {error}") from error
    if not client.config.account_id:
        raise SetupError("Which account? Set DATABRICKS_ACCOUNT_ID, or account_id in a profile.")
    return client
