"""What there is of a subject: the keys of theirs, and the rows and records that hold one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erased import ERASED, Identity, Key, Secret, flagged, hashed, identities
from medallion_pipelines.erasure.records import Place, landing_of, places, tables_of
from medallion_pipelines.erasure.subject import Subject, pointing_to
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Tables, local_frame

MAY_HOLD = "_may_hold"
_INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")


@dataclass(frozen=True)
class Counted:
    """Rows that hold a key and records that may, by place; the former also by landing file."""

    found: dict[str, int]
    may_hold: dict[str, int]
    files: dict[str, int]


class Search:
    """Looks for the rows of some `keys`; with a subject, for records too malformed to have a key, too."""

    def __init__(
        self,
        tables: Tables,
        product: Product,
        secret: Secret,
        *,
        subject: Subject | None = None,
        keys: Iterable[Key] = (),
    ) -> None:
        self.tables = tables
        self.product = product
        self.secret = secret
        self.subject = subject
        self.keys = set(keys)
        self.value_hash: str | None = None  # of the subject's
        self._value = ""
        if subject is not None:
            self._value, key = self._first(subject)
            self.keys.add(key)
            self.value_hash = key[1]

    def look(self, table: Table, place: Place) -> DataFrame:
        """The rows of a place with `_erased`, and `_may_hold`: it contains the value, but nobody can tell."""
        whose = [one for one in identities(table) if any(name == one.name for name, _ in self.keys)]
        rows = flagged(place.read(), whose, self._frame(), self.secret).withColumn(MAY_HOLD, F.lit(False))
        columns = self._holding(table) if place.is_raw else []
        if not columns:
            return rows
        # as a whole word; of a number also with zeros in front
        assert self.subject is not None
        zeros = "0*" if self._type(self.subject) in _INTEGERS else ""
        token = rf"(?<![\p{{L}}\p{{N}}_]){zeros}{re.escape(self._value)}(?![\p{{L}}\p{{N}}_])"
        fields = [Field("_value", "STRING"), Field("_token", "STRING")]
        rows = rows.crossJoin(F.broadcast(local_frame(self.tables.spark, fields, [(self._value, token)])))
        read = [c.name for c in table.columns if c.expression is None]
        unreadable = F.col("_malformed")
        for name in columns:
            if name in read:
                text = F.col("_text").getField(name)
                unreadable = unreadable | (F.col(quoted(name)).isNull() & text.isNotNull())
        is_word = unreadable & F.rlike("_record", F.col("_token"))
        contains = unreadable & F.col("_record").contains(F.col("_value"))
        return (
            rows.withColumn(MAY_HOLD, ~F.col(ERASED) & contains & ~is_word)
            .withColumn(ERASED, F.col(ERASED) | F.coalesce(is_word, F.lit(False)))
            .drop("_value", "_token")
        )

    def count(self, among: Iterable[Table]) -> Counted:
        """What there is in all places of some tables."""
        counted = Counted({}, {}, {})
        for table in among:
            for place in places(self.tables, table):
                looked = self.look(table, place)
                file = "_file_path" if place.key == landing_of(table) else "CAST(NULL AS STRING)"
                rows = (
                    looked.groupBy(F.expr(file).alias("file"))
                    .agg(
                        F.expr(f"count_if({ERASED})").alias("found"),
                        F.expr(f"count_if({MAY_HOLD})").alias("may"),
                    )
                    .where("found > 0 OR may > 0")
                    .collect()
                )
                counted.found[place.key] = sum(row.found for row in rows)
                if any(row.may for row in rows):
                    counted.may_hold[place.key] = sum(row.may for row in rows)
                counted.files.update({row.file: row.found for row in rows if row.file and row.found})
        return counted

    def _frame(self) -> DataFrame:
        fields = [Field("identity", "STRING"), Field("keyed_hash", "STRING")]
        return local_frame(self.tables.spark, fields, sorted(self.keys))

    @staticmethod
    def _type(subject: Subject) -> str:
        return subject.table.column(subject.column).type

    def _first(self, subject: Subject) -> tuple[str, Key]:
        """The subject's value as its column spells it, and its key."""
        name, kind = quoted(subject.column), self._type(subject)
        given = local_frame(self.tables.spark, [Field("given", "STRING")], [(subject.value,)])
        typed = given.selectExpr(f"try_cast(given AS {kind}) AS {name}").crossJoin(
            self.secret.frame(self.tables.spark)
        )
        row = typed.select(F.col(name).cast("string"), hashed(subject.identity)).first()
        if row is None or row[0] is None:
            raise MedallionError(f"The value given for {subject} is no {kind}.")
        return row[0], (subject.identity.name, row[1])

    def _holding(self, table: Table) -> list[str]:
        """The columns of a table that hold the subject's value."""
        if self.subject is None:
            return []
        name = self.subject.identity.name
        return [column for one in identities(table) if one.name == name for column in one.columns]

    # the keys of what goes along

    def grow(self) -> None:
        """Add the keys of the subject's rows, of the rows that point to those, and so on."""
        assert self.subject is not None
        root = self.subject.table
        self.keys |= self._keys_of(root, root)
        waiting = [root]
        while waiting:
            for table in pointing_to(self.product, waiting.pop()):
                more = self._keys_of(table, root) - self.keys
                self.keys |= more
                if more:
                    waiting.append(table)

    def _keys_of(self, table: Table, root: Table) -> set[Key]:
        """The keys of a table's rows that hold one of ours. A key that stays in the table, because the row
        has come to belong to another, is not theirs."""
        there = {place.key: place for place in tables_of(self.tables, table)}
        silver, bronze = there.get(table.key), there.get(f"bronze.{table.name}")
        among = [silver] if table is root else [silver, bronze]
        looked = [self.look(table, place) for place in among if place is not None]
        found: set[Key] = set()
        for identity in self._leading(table):
            if not looked:
                continue
            theirs = reduce(
                DataFrame.unionAll, (self._hashes(rows.where(ERASED), identity) for rows in looked)
            )
            if silver is not None and table is not root:
                stay = self._hashes(looked[0].where(f"NOT {ERASED}"), identity)
                theirs = theirs.join(stay, "_hash", "left_anti")
            found |= {(identity.name, row[0]) for row in theirs.distinct().collect()}
        return found

    def _hashes(self, rows: DataFrame, identity: Identity) -> DataFrame:
        frame = rows.crossJoin(self.secret.frame(self.tables.spark)).select(hashed(identity).alias("_hash"))
        return frame.where("_hash IS NOT NULL")

    def _leading(self, table: Table) -> list[Identity]:
        """A table's own keys that matter: its primary key, and what others point to."""
        asked = {one.name for other in pointing_to(self.product, table) for one in identities(other)}
        own = [one for one in identities(table) if one.own]
        return [one for one in own if one.name in asked or set(one.columns) == set(table.primary_key)]
