"""The keys of what goes along: of the rows that hold a key, of those that point to these, and so on."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import ERASED, Identity, Key, hashed, identities
from medallion_pipelines.erasure.search import Search
from medallion_pipelines.erasure.subject import pointing_to


def grow(search: Search, among: list[Table]) -> None:
    """Add the keys of rows in tables (those that others point to first) that hold one of the search's.

    They are looked for wherever rows are: what was kept out of a table has not been kept out of those that
    point to it.
    """
    waiting = list(among)
    while waiting:
        table = waiting.pop(0)
        more = _keys_of(search, table) - search.keys
        search.keys |= more
        if more:
            waiting += [one for one in pointing_to(search.product, table) if one not in waiting]


def _keys_of(search: Search, table: Table) -> set[Key]:
    """The keys of a table's rows that hold one of ours. A key that stays in the table, because the row
    has come to belong to another, is not theirs; save of the subject's own rows there."""
    known = {name for name, _ in search.keys}
    if not any(one.name in known for one in identities(table)):
        return set()
    is_root = search.subject is not None and table is search.subject.table
    looked = {place.key: search.holding(table, place) for place in search.places(table)}
    silver = looked.get(table.key)
    found: set[Key] = set()
    for identity in _leading(search, table) if looked else []:
        hashes = {key: _hashes(search, rows.where(ERASED), identity) for key, rows in looked.items()}
        theirs = reduce(DataFrame.unionAll, hashes.values())
        if silver is not None:
            stay = _hashes(search, silver.where(f"NOT {ERASED}"), identity)
            theirs = theirs.join(stay, "_hash", "left_anti")
            if is_root:
                theirs = theirs.unionAll(hashes[table.key])
        found |= {(identity.name, row[0]) for row in theirs.distinct().collect()}
    return found


def _hashes(search: Search, rows: DataFrame, identity: Identity) -> DataFrame:
    frame = rows.crossJoin(search.secret.frame(search.tables.spark)).select(hashed(identity).alias("_hash"))
    return frame.where("_hash IS NOT NULL")


def _leading(search: Search, table: Table) -> list[Identity]:
    """A table's own keys that matter: its primary key, and what others point to."""
    asked = {one.name for other in pointing_to(search.product, table) for one in identities(other)}
    own = [one for one in identities(table) if one.own]
    return [one for one in own if one.name in asked or set(one.columns) == set(table.primary_key)]
