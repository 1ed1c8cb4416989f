"""Makes an account what a platform file declares, in rounds: look, plan, do what can be done, look again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from medallion_pipelines.errors import PlatformError
from medallion_pipelines.platform.plan import Change, Key, described, plan
from medallion_pipelines.platform.state import BY_NAME, KINDS, State, read

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients
    from medallion_pipelines.platform.desired import Platform

_TRIES = 5  # of anything that is throttled or loses its connection
_POLL, _POLLS = 10.0, 180  # seconds between two looks at a workspace in the making; half an hour in all
_VERBS = {"create": "made", "update": "changed", "delete": "deleted", "await": "waited for"}


def changes(clients: Clients, platform: Platform) -> list[Change]:
    """What `apply` would do. Raises PlatformError where the account cannot be read."""
    _, found = _look(clients, platform)
    return found


def apply(
    clients: Clients, platform: Platform, on_change: Callable[[Change], None] = lambda change: None
) -> list[Change]:
    """Do what is to be done; the changes that were made, then those that wait for something outside.

    What lies in a workspace is looked for once that runs, so a place that is made or changed here is looked
    at before anything is made in it; what has to go goes when all else is done. No request whose answer was
    lost is sent again before its effect was looked for, and none whose effect does not show at once.
    Raises PlatformError before anything is done where the plan has a change that cannot be made, and where
    the account refuses one: what was done stays, and the next time goes on from there.
    """
    done: list[Change] = []
    failures = 0
    while True:
        state, planned = _look(clients, platform)
        refused = [change for change in planned if change.action == "refuse"]
        if refused:
            raise PlatformError("\n".join(line for change in refused for line in described(change)))
        todo = [change for change in planned if change.action != "postpone"]
        if not todo:
            return done + planned
        state.stirred = {change.key.name for change in todo if change.key.kind == "workspace"}
        now = [change for change in todo if state.readable(change.key)]
        now = [change for change in now if change.action != "delete"] or now
        if not now:
            raise PlatformError(f"{todo[0].key} cannot be made: what it lies in is not there.")
        for change in now:
            try:
                if change.action != "await" and any(_alike(change, each) for each in done):
                    raise _TransientError("it was done, and is not seen to be so")
                with _named(change):
                    _do(clients, state, change)
            except _TransientError as error:
                failures += 1
                if failures == _TRIES:
                    told = [f"{change.key} cannot be {_VERBS[change.action]}: {error}.", *described(change)]
                    raise PlatformError("\n".join(told)) from error
                clients.pause(2.0**failures)
                break
            failures = 0
            if change.action != "await":
                done.append(change)
            on_change(change)


class _TransientError(Exception):
    """It may go better the next time."""


def _alike(change: Change, done: Change) -> bool:
    return (change.action, change.key) == (done.action, done.key)


def _look(clients: Clients, platform: Platform) -> tuple[State, list[Change]]:
    for attempt in range(1, _TRIES + 1):
        try:
            with _named(None):
                state = read(clients, platform)
            break
        except _TransientError as error:
            if attempt == _TRIES:
                raise PlatformError(f"The account cannot be read: {error}") from error
            clients.pause(2.0**attempt)
    rules = [kind.rules for kind in KINDS]
    planned = plan(
        platform.resources, state.found, rules, removed=platform.removed, postponed=state.postponed
    )
    return state, planned


def _do(clients: Clients, state: State, change: Change) -> None:
    kind, key = BY_NAME[change.key.kind], change.key
    if change.action == "await":
        _await(clients, key)
        return
    if change.action == "delete":
        assert kind.delete is not None
        kind.delete(clients, state.found[key])
        return
    values = {each.field: clients.resolved(each.after) for each in change.differences}
    if change.action == "update":
        assert kind.update is not None
        kind.update(clients, state.found[key], values)
        return
    first = {name: value for name, value in values.items() if name not in kind.later}
    clients.know(key, kind.create(clients, key, first))


def _await(clients: Clients, key: Key) -> None:
    """Until a workspace is no longer in the making; whether it runs is seen in the next round."""
    from databricks.sdk.service.provisioning import WorkspaceStatus

    for _ in range(_POLLS):
        status = clients.account.workspaces.get(int(clients.ids[key])).workspace_status
        if status not in (WorkspaceStatus.PROVISIONING, WorkspaceStatus.NOT_PROVISIONED, None):
            return
        clients.pause(_POLL)
    raise PlatformError(f"{key} is still being made after half an hour. The same command waits on.")


@contextmanager
def _named(change: Change | None) -> Iterator[None]:
    """Errors of the SDK as ours, with the object that they are about."""
    import requests
    from databricks.sdk import errors
    from databricks.sdk.errors.base import DatabricksError

    passing = (
        errors.TooManyRequests, errors.TemporarilyUnavailable, errors.DeadlineExceeded, errors.InternalError,
        requests.ConnectionError, requests.Timeout, TimeoutError,
    )  # fmt: skip
    try:
        yield
    except passing as error:
        raise _TransientError(str(error.__cause__ or error)) from error
    except DatabricksError as error:
        if change is None:
            raise PlatformError(f"The account cannot be read: {error}") from error
        raise PlatformError(
            f"{change.key} cannot be {_VERBS[change.action]}: {error}. "
            "What was done before stays; mend this, and the same command goes on from here."
        ) from error
