"""Moves the database's writes to the other region, and back.

    python infra/jobs/failover.py                             # what is where
    python infra/jobs/failover.py --to eu-central-1           # closes one, promotes the other, turns names
    python infra/jobs/failover.py --rebuild eu-west-1         # makes what was left behind a replica again

Both can be killed anywhere and run again: each step looks whether it is done. With --dry-run they only say
what they would do. docs/runbooks/failover.md says when to use which.

A text record in Route 53 keeps which region takes writes, and, while it moves, which instance is promoted: an
instance that is no replica and is not named there is one that was left behind, with data of before.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).parents[1]))

from medallion_platform.regions.checks import check_lag, check_room, check_source
from medallion_platform.regions.found import (
    FailoverError,
    Names,
    Region,
    as_role,
    is_resting_replica,
    is_usable,
    source_of,
    until,
)
from medallion_platform.settings import DEFAULT, Settings, SettingsError, load

ACCOUNT = "MEDALLION_ENGINEERING_ACCOUNT"
# How long to try to close what is said to be lost, and answers all the same.
_LOST_MINUTES = 10.0


class Failover:
    """The steps, over the regions as they are found."""

    def __init__(self, settings: Settings, region: str, *, dry: bool, minutes: float) -> None:
        """By way of a region that answers."""
        self._settings, self._dry, self._minutes = settings, dry, minutes
        databases = as_role(settings, "engineering-database-operator", region)
        self.names = Names(settings, as_role(settings, "engineering-dns-operator", region))
        self.regions = {
            name: Region(name, settings, databases) for name in (settings.region, settings.replica.region)
        }

    def tell(self) -> None:
        state, records = self.names.read()
        print(f"Writes go to {state['writes']}.")
        if "promoting" in state:
            print(f"{state['promoting']} is being promoted: run the command again that was cut off.")
        for region in self.regions.values():
            for identifier in (region.identifier, region.former):
                try:
                    found = region.find(identifier)
                except ConnectionError as error:
                    print(error)
                    break
                if found:
                    kind = "a replica" if source_of(found) else "no replica"
                    print(f"{region.name}: {identifier} is {kind}, {found['DBInstanceStatus']}.")
        for record in sorted(records, key=lambda each: each["Failover"]):
            print(f"{record['Failover']} leads to {record['ResourceRecords'][0]['Value']}.")

    def to(self, name: str, *, source_is_lost: bool) -> None:
        """Moves writes to a region."""
        there, source = self._both(name)
        state, _ = self.names.read()
        target = there.find()
        if target is None:
            raise FailoverError(f"There is no {there.identifier} in {name}: --rebuild {name} makes one.")
        id_, promoting, moved = target["DbiResourceId"], state.pop("promoting", ""), state["writes"] == name
        if moved and source_of(target):
            raise FailoverError(f"{name} is said to take writes, and its instance is a replica of another.")
        if not moved and not source_of(target) and promoting != id_:
            raise FailoverError(
                f"{there.identifier} in {name} is no replica: it was left behind, and lacks what was written "
                f"since. --rebuild {name} makes it a replica; then come again."
            )
        check_source(there, target, source)
        reached = self._reachable(source, source_is_lost or moved)
        if moved and promoting and not (reached and is_resting_replica(source)):
            raise FailoverError(f"{promoting} may be promoted already: --to {source.name} goes on with it.")
        if reached:
            check_room(source)
            if source_of(target) and source.writer() and not source_is_lost:
                check_lag(there)
        if not moved and promoting != id_:
            self._do(
                f"Remember that {id_} in {name} is to take writes.",
                lambda: self.names.remember({**state, "promoting": id_}),
            )
        if reached:
            reached = self._closes(source, source_is_lost)
        if source_of(target):
            if reached and not source_is_lost:
                self._catch_up(there, source)
            self._do(
                f"Promote {there.identifier} in {name}.",
                lambda: self._promote(there, id_, source if reached else None),
            )
        if not self._dry:
            self._wait(there, replica=False)
        self._turn(there, source if reached else None)
        if not moved or promoting:
            self._do(
                f"Remember that {name} takes writes.", lambda: self.names.remember({**state, "writes": name})
            )
        print("Nothing was changed." if self._dry else f"{name} takes writes.")

    def rebuild(self, name: str) -> None:
        """Makes what a failover left behind a replica again."""
        here, writer = self._both(name)
        state, _ = self.names.read()
        if state["writes"] == name or "promoting" in state:
            raise FailoverError(f"{name} takes writes, or is about to: only the other region can be rebuilt.")
        source = writer.find()
        if source is None or source_of(source):
            raise FailoverError(f"{writer.name} should take writes, and has no instance that does.")
        check_room(here)
        check_source(here, here.find() or {}, writer)
        self._close(here, self._minutes)
        if not source_of(here.find() or {}):
            self._do(f"Make a replica in {name}.", lambda: self._replicate(here, writer, source))
        if not self._dry:
            self._wait(here, replica=True)
        self._turn(writer, here, replicates=True)
        if self._dry:
            print("Nothing was changed.")
        else:
            print(f"{name} is a replica. Delete {here.former}, with its data, before the erasure deadline.")

    # The steps

    def _reachable(self, region: Region, may_be_lost: bool) -> bool:
        try:
            region.find()
        except ConnectionError as error:
            if not may_be_lost:
                raise FailoverError(
                    f"{error}\nIf it is lost, say --source-is-lost: what it had not sent yet is lost then. "
                    "If only you cannot reach it, others may still write to it."
                ) from error
            print(f"{error}\nRun this again when it answers: what is there must be closed.")
            return False
        return True

    def _closes(self, region: Region, is_lost: bool) -> bool:
        """Whether it could be closed. What is said to be lost may tell how it is, and take no change."""
        try:
            self._close(region, min(self._minutes, _LOST_MINUTES) if is_lost else self._minutes)
        except (BotoCoreError, ClientError, ConnectionError, TimeoutError) as error:
            if not is_lost:
                raise
            print(f"{region.name} could not be closed: {error}")
            print("Others may still write to it, and that is lost. Run this again when it can be closed.")
            return False
        return True

    def _close(self, region: Region, minutes: float) -> None:
        """Renamed, an instance restarts, with another address: nobody writes to it by the one they know."""
        found = region.writer()
        if found is None:
            return

        def rename() -> None:
            if "DBInstanceIdentifier" not in found.get("PendingModifiedValues", {}):
                region.rds.modify_db_instance(
                    DBInstanceIdentifier=region.identifier,
                    NewDBInstanceIdentifier=region.former,
                    ApplyImmediately=True,
                )
            until(lambda: region.find() is None, minutes, f"{region.identifier} to be renamed")

        self._do(f"Close {region.identifier} in {region.name}: rename it to {region.former}.", rename)

    def _catch_up(self, region: Region, source: Region) -> None:
        """Until the replica has replayed something that was written after the other one was closed."""

        def restarted() -> bool:
            """Until then, who was connected before the renaming may still write."""
            former = source.find(source.former)
            return former is None or is_usable(former)

        def caught_up(closed: datetime) -> bool:
            known = region.lags(closed, closed + timedelta(minutes=self._minutes + 5))
            return any(lag >= 0 and at - timedelta(seconds=lag) >= closed for at, lag in known)

        def wait() -> None:
            try:
                self._until(restarted, f"{source.former} to restart")
                closed = datetime.now(UTC)
                self._until(lambda: caught_up(closed), "the replica to catch up")
            except TimeoutError as error:
                raise FailoverError(
                    f"{error}. Run this again to wait on, or with --source-is-lost to go on without the rest."
                ) from error

        self._do(f"Wait until {region.name} has all that was written.", wait)

    def _promote(self, region: Region, id_: str, closed: Region | None) -> None:
        kept = self._settings.retention.backups_days
        self._until(lambda: is_usable(region.find()), "the replica to be available")
        state, _ = self.names.read()
        if state.get("promoting") != id_ or (closed and closed.writer()):
            raise FailoverError(
                "Somebody went back meanwhile: the other region is open again, or is said to keep writes. "
                f"Nothing was promoted. --to {region.name} begins anew."
            )
        if source_of(region.find() or {}):  # else a run that was cut off has promoted it
            region.rds.promote_read_replica(
                DBInstanceIdentifier=region.identifier, BackupRetentionPeriod=kept
            )

    def _replicate(self, here: Region, writer: Region, source: dict[str, Any]) -> None:
        former = here.find(here.former)
        if former is None:
            raise FailoverError(
                f"{here.former} is gone from {here.name}, and with it how a replica there is to be: "
                "deploy the stack that has the instance there again."
            )
        here.replicate(writer.name, source["DBInstanceArn"], former)

    def _turn(self, writer: Region, other: Region | None, *, replicates: bool = False) -> None:
        """Both records lead to the writer until the other region has a replica of it: never to what was left
        behind, however healthy that is."""
        state, records = self.names.read()
        found = writer.find()
        second = other.find() if other else None
        led = {"PRIMARY": (writer, found), "SECONDARY": (writer, found)}
        if other and (replicates or source_of(second or {})):
            led["SECONDARY"] = (other, second)
        changes = []
        for record in records:
            region, instance = led[record["Failover"]]
            address = (instance or {}).get("Endpoint", {}).get("Address", "")  # in a dry run of none yet
            wanted = {**record, "ResourceRecords": [{"Value": address}]}
            wanted["HealthCheckId"] = state[f"check:{region.name}"]
            if wanted != record:
                changes.append(wanted)
        if changes:
            leads = {kind: region.name for kind, (region, _) in led.items()}
            self._do(
                f"Let {self.names.database} lead to {writer.name}, and in need to {leads['SECONDARY']}.",
                lambda: self.names.put(changes),
            )

    # Their parts

    def _both(self, name: str) -> tuple[Region, Region]:
        if name not in self.regions:
            raise FailoverError(f"{name} is none of the regions: {', '.join(self.regions)}.")
        [other] = [region for region in self.regions.values() if region.name != name]
        return self.regions[name], other

    def _wait(self, region: Region, *, replica: bool) -> None:
        def ready() -> bool:
            found = region.find()
            return (
                found is not None
                and is_usable(found)
                and bool(source_of(found)) is replica
                and "Address" in found.get("Endpoint", {})
            )

        self._until(ready, f"{region.identifier} in {region.name}")

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        until(ready, self._minutes, what)

    def _do(self, what: str, step: Callable[[], None]) -> None:
        print(f"{'Would: ' if self._dry else ''}{what}", flush=True)
        if not self._dry:
            step()


def settled(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings, for the one account that this is about: of the others no ids are asked."""
    if ACCOUNT not in environ:
        raise SettingsError(f"{ACCOUNT} is missing: the id of the account that has the database.")
    settings = load(path, {})
    return replace(settings, accounts={**settings.accounts, "engineering": environ[ACCOUNT]})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Moves the database's writes to the other region, and back.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--to", metavar="REGION", help="move writes there")
    what.add_argument("--rebuild", metavar="REGION", help="make what was left behind there a replica again")
    parser.add_argument(
        "--source-is-lost", action="store_true", help="with --to: do not wait for the other region"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--minutes", type=float, default=60, help="to wait for each step, at most (60)")
    parser.add_argument("--settings", type=Path, default=DEFAULT, help="infra/settings.toml, or another file")
    given = parser.parse_args(arguments)
    if given.source_is_lost and not given.to:
        parser.error("--source-is-lost goes with --to")
    try:
        settings = settled(given.settings, os.environ)
        region = given.to or settings.replica.region
        work = Failover(settings, region, dry=given.dry_run, minutes=given.minutes)
        if given.to:
            work.to(given.to, source_is_lost=given.source_is_lost)
        elif given.rebuild:
            work.rebuild(given.rebuild)
        else:
            work.tell()
    except (BotoCoreError, ClientError, FailoverError, SettingsError, TimeoutError, ConnectionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
