"""Erase a subject: find the keys of theirs, put those on the list, then clean place by place.

Keys are on the list before the first row goes, so an erasure that was killed knows, run again, what it
was about, also where the rows that told so are gone; each step does nothing a second time.
"""

from __future__ import annotations

import time
import uuid

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erased import ERASED_KEYS, Key, identities
from medallion_pipelines.erasure.audit import begun, create, note, put_on_list, secret_of
from medallion_pipelines.erasure.files import rewrite
from medallion_pipelines.erasure.forget import clear_ops, forget
from medallion_pipelines.erasure.grow import grow
from medallion_pipelines.erasure.look import count, look
from medallion_pipelines.erasure.purge import purge
from medallion_pipelines.erasure.records import landing_of
from medallion_pipelines.erasure.renames import refuse_renamed
from medallion_pipelines.erasure.search import Search
from medallion_pipelines.erasure.steps import bring_up_to_date, remake
from medallion_pipelines.erasure.subject import reached, read_subject
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.results import ErasureResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.tables import Tables


def erase(tables: Tables, product: Product, subject: str, *, dry_run: bool = False) -> ErasureResult:
    """Erase the subject that `table.column=value` names; with `dry_run` only say what would go.

    Raises UnknownNameError for a subject that cannot be, SetupError without the secret, ChangeRefusedError
    where the contracts no longer have keys of the erased, MedallionError where a table cannot be brought up
    to date, a mart cannot be made anew or another run is at work, SourceError where there is no landing zone:
    run again once that is mended.
    """
    started = time.monotonic()
    whom = read_subject(subject, product)
    search = Search(tables, product, secret_of(tables), subject=whom)
    refuse_renamed(tables, product)
    token, known = begun(tables, search.value_hash)
    search.keys |= known  # their rows may be gone, but not yet what points to them
    return _carry_out(search, reached(product, [whom.table]), token, set(), started, dry_run)


def erase_again(tables: Tables, product: Product, *, dry_run: bool = False) -> ErasureResult:
    """Delete what has come back of all that were erased before. Raises as `erase` does."""
    started = time.monotonic()
    secret = secret_of(tables)
    if not tables.exists(ERASED_KEYS):
        raise MedallionError("Nobody has been erased here yet: name one with `--subject table.column=value`.")
    refuse_renamed(tables, product)
    listed = tables.read(ERASED_KEYS).select("identity", "keyed_hash").distinct()
    keys: set[Key] = {tuple(row) for row in listed.collect()}
    names = {name for name, _ in keys}
    whose = [
        table
        for table in product.tables.values()
        if table.layer == "silver" and any(one.name in names for one in identities(table))
    ]
    search = Search(tables, product, secret, keys=keys)
    return _carry_out(search, reached(product, whose), uuid.uuid4().hex, keys, started, dry_run)


def _carry_out(
    search: Search, whose: list[Table], token: str, listed: set[Key], started: float, dry_run: bool
) -> ErasureResult:
    tables, product = search.tables, search.product
    subject = None if search.subject is None else str(search.subject)
    if dry_run:
        grow(search, whose)
        there = count(search, whose)
        return ErasureResult(
            token, product.name, subject, True, there.found, there.files, there.may_hold,
            files_left=tuple(sorted(there.files_left)), seconds=time.monotonic() - started,
        )  # fmt: skip
    create(tables)
    note(search, token, "begun", {}, {})
    bring_up_to_date(tables, product, whose)  # what has come to belong to another has to be known as theirs
    grow(search, whose)
    put_on_list(search, token, search.keys - listed)
    there = count(search, whose)
    files_left = set(there.files_left)
    for table in whose:
        log = RunLog(tables, product.name)
        for place in search.places(table):
            looked = look(search, table, place)
            if place.key == landing_of(table):
                files_left.update(rewrite(log, table, looked))
            else:
                purge(tables, table, place, looked)
        forget(tables, product, table)
    remade = remake(tables, product, whose)
    clear_ops(tables, [*whose, *(product.tables[key] for key in remade)])
    after = count(search, whose)
    left = {
        place: number
        for place, rows in after.found.items()
        if (number := rows + after.undivided.get(place, 0))
    }
    note(search, token, "done", there.found, left)
    return ErasureResult(
        token, product.name, subject, False, there.found, there.files, after.may_hold, left,
        tuple(sorted(files_left | after.files_left)), tuple(remade), time.monotonic() - started,
    )  # fmt: skip
