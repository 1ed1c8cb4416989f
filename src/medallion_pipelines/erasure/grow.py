"""The keys of what goes along: of the rows that hold a key, of those that point to these, and so on."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

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
    looked = {place.key: search.holding(table, place) for place in search.places(table)}
    leading = _leading(search, table)
    if not leading or not looked:
        return set()
    keys = {
        key: _keys(search, rows.where(f"{ERASED} OR {key == table.key}"), leading)
        for key, rows in looked.items()
    }
    theirs = reduce(DataFrame.unionAll, (rows.where(ERASED) for rows in keys.values())).drop(ERASED)
    if table.key in keys:
        silver = keys[table.key]
        stay = silver.where(f"NOT {ERASED}").drop(ERASED)
        theirs = theirs.join(stay, ["identity", "keyed_hash"], "left_anti")
        if search.subject is not None and table is search.subject.table:
            theirs = theirs.unionAll(silver.where(ERASED).drop(ERASED))
    return {tuple(row) for row in theirs.distinct().collect()}


def _keys(search: Search, rows: DataFrame, whose: list[Identity]) -> DataFrame:
    """The keys that rows have, of some identities, with `_erased` of the row."""
    rows = rows.crossJoin(search.secret.frame(search.tables.spark))
    pairs = F.array(
        *(F.struct(F.lit(one.name).alias("identity"), hashed(one).alias("keyed_hash")) for one in whose)
    )
    return rows.select(ERASED, F.inline(pairs)).where("keyed_hash IS NOT NULL")


def _leading(search: Search, table: Table) -> list[Identity]:
    """A table's own keys that matter: its primary key, and what others point to."""
    asked = {one.name for other in pointing_to(search.product, table) for one in identities(other)}
    own = [one for one in identities(table) if one.own]
    return [one for one in own if one.name in asked or set(one.columns) == set(table.primary_key)]
