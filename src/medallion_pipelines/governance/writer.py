"""Makes the changes of a plan, each by the one call or statement that does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from medallion_pipelines.errors import GovernanceError

from .model import OURS, Change, Desired, parts
from .statements import statement
from .words import said
from .workspace import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from databricks.sdk import WorkspaceClient

    from .workspace import Warehouse


def execute(
    client: WorkspaceClient,
    warehouse: Warehouse,
    desired: Desired,
    changes: Sequence[Change],
    on_done: Callable[[Change], None] = lambda change: None,
) -> None:
    """Make all changes in their order, and stop at the first that fails: what follows may open more.

    Cut off anywhere, a new plan has what is left. Raises GovernanceError, saying how far it came, and
    SetupError before the first change where SQL is needed and there is no warehouse.
    """
    from databricks.sdk.errors import NotFound

    if any(statement(change, desired) for change in changes):
        warehouse.require()
    writer = _Writer(client, desired)
    refused: tuple[type[Exception], ...] = (*failures(), GovernanceError)
    for number, change in enumerate(changes):
        try:
            text = statement(change, desired)
            if text is not None:
                warehouse.run(text)
            else:
                writer.make(change)
        except refused as error:
            if isinstance(error, NotFound) and change.after is None:
                continue  # gone, or it was granted to somebody who is
            raise GovernanceError(
                f"{said(change)}: {error.__cause__ or error}\n"
                f"{number} of {len(changes)} changes were made. Once it is mended, the same command goes on."
            ) from error
        on_done(change)


class _Writer:
    def __init__(self, client: WorkspaceClient, desired: Desired) -> None:
        self._client, self._desired = client, desired

    def make(self, change: Change) -> None:
        match change.key.kind:
            case "object":
                self._object(change)
            case "record":
                self._record(change)
            case "grant":
                self._grant(change)
            case "shared":
                self._share(change)
            case "tag":
                self._tag(change)
            case "owner":
                self._client.tables.update(change.key.name, owner=str(change.after))
            case "primary key" | "foreign key":
                self._constraint(change)
            case "function":
                self._client.functions.delete(change.key.name)

    def _object(self, change: Change) -> None:
        from databricks.sdk.service.catalog import VolumeType
        from databricks.sdk.service.sharing import AuthenticationType

        name, value = change.key.name, change.after
        match change.key.on:
            case "catalog":
                self._client.catalogs.create(name)
            case "schema":
                catalog, _, schema = name.partition(".")
                self._client.schemas.create(schema, catalog)
            case "volume":
                catalog, schema, volume = name.split(".")
                kind = VolumeType.EXTERNAL if value else VolumeType.MANAGED
                url = str(value) if value else None
                self._client.volumes.create(catalog, schema, volume, kind, storage_location=url)
            case "external_location":
                url, credential, mode = parts(value)
                call = self._client.external_locations.update if change.before else None
                write = call or self._client.external_locations.create
                write(name, url=url, credential_name=credential, read_only=mode == "read only")
            case "share":
                self._client.shares.create(name)
            case "recipient":
                self._client.recipients.create(
                    name, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=str(value)
                )

    def _record(self, change: Change) -> None:
        """Other properties of the schema stay: an update replaces all of them."""
        product, field = change.key.item
        before = self._client.schemas.get(change.key.name).properties or {}
        text = json.dumps(list(change.after or ()))
        self._client.schemas.update(
            change.key.name, properties={**before, f"medallion.{product}.{field}": text}
        )

    def _grant(self, change: Change) -> None:
        from databricks.sdk.service import catalog, sharing

        key = change.key
        principal, privilege = key.item
        add = change.after is not None
        if key.on == "share":
            names = [privilege]
            on_share = sharing.PermissionsChange(
                principal=principal, add=names if add else None, remove=None if add else names
            )
            self._client.shares.update_permissions(key.name, changes=[on_share])
            return
        privileges = [catalog.Privilege(privilege)]
        given = catalog.PermissionsChange(
            principal=principal, add=privileges if add else None, remove=None if add else privileges
        )
        self._client.grants.update(key.on, key.name, changes=[given])

    def _share(self, change: Change) -> None:
        from databricks.sdk.service.sharing import (
            SharedDataObject,
            SharedDataObjectDataObjectType,
            SharedDataObjectUpdate,
            SharedDataObjectUpdateAction,
        )

        kind = SharedDataObjectDataObjectType(str(change.after or change.before))
        action = SharedDataObjectUpdateAction.ADD if change.after else SharedDataObjectUpdateAction.REMOVE
        shared = SharedDataObject(name=change.key.item[0], data_object_type=kind)
        self._client.shares.update(
            change.key.name, updates=[SharedDataObjectUpdate(action=action, data_object=shared)]
        )

    def _tag(self, change: Change) -> None:
        from databricks.sdk.service.catalog import EntityTagAssignment

        key = change.key
        on, tag = f"{key.on}s", key.item[0]
        assigned = EntityTagAssignment(
            entity_type=on, entity_name=key.name, tag_key=tag, tag_value=str(change.after or "")
        )
        path = (on, quote(key.name, safe=""), quote(tag, safe=""))
        if change.after is None:
            self._client.entity_tag_assignments.delete(*path)
        elif change.before is None:
            self._client.entity_tag_assignments.create(assigned)
        else:
            self._client.entity_tag_assignments.update(*path, assigned, update_mask="tag_value")

    def _constraint(self, change: Change) -> None:
        from databricks.sdk.service.catalog import ForeignKeyConstraint, PrimaryKeyConstraint, TableConstraint

        key, after = change.key, change.after
        if key.kind == "primary key":
            name = f"{OURS}pk_{key.name.rpartition('.')[2]}"
            primary = PrimaryKeyConstraint(name=name, child_columns=list(after or ()))
            constraint = TableConstraint(primary_key_constraint=primary)
        elif after is None:
            self._client.table_constraints.delete(key.name, key.item[0], cascade=False)
            return
        else:
            columns, parent, parent_columns = parts(after)
            constraint = TableConstraint(
                foreign_key_constraint=ForeignKeyConstraint(
                    name=key.item[0],
                    child_columns=columns.split(","),
                    parent_table=parent,
                    parent_columns=parent_columns.split(","),
                )
            )
        self._client.table_constraints.create(key.name, constraint)
