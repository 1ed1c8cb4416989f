"""The workspaces that metastores are governed from, as they are found by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines.errors import PlatformError
from medallion_pipelines.platform.plan import Key

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from medallion_pipelines.platform.clients import Clients
    from medallion_pipelines.platform.governed import Governed


def seat(clients: Clients, governed: Governed) -> tuple[WorkspaceClient, str | None]:
    """The workspace that a metastore is governed from, and the id of its SQL warehouse if it names one.

    Raises PlatformError where it is not there or does not run, has another metastore, or no such warehouse;
    the SDK's errors are the caller's.
    """
    from databricks.sdk.service.provisioning import WorkspaceStatus

    name, warehouse = governed.workspace, governed.warehouse
    from_there = f"{governed.metastore} is governed from the workspace `{name}`"
    there = [each for each in clients.account.workspaces.list() if each.workspace_name == name]
    if len(there) != 1 or there[0].workspace_status != WorkspaceStatus.RUNNING:
        found = "there are several of it" if len(there) > 1 else "it is not there, or does not run"
        raise PlatformError(f"{from_there}: {found}. `medallion platform apply` makes it.")
    clients.know(Key("workspace", name), str(there[0].workspace_id))
    client = clients.workspace(name)
    metastore = client.metastores.summary().name
    if metastore != governed.metastore:
        raise PlatformError(f"{from_there}, which has the metastore {metastore}.")
    if warehouse is None:
        return client, None
    ids = [each.id for each in client.warehouses.list() if each.name == warehouse]
    if len(ids) != 1:
        raise PlatformError(
            f"The workspace `{name}` has {'several SQL warehouses' if ids else 'no SQL warehouse'} "
            f"`{warehouse}`. `medallion platform apply` makes one."
        )
    return client, ids[0]
