"""What there is of a subject: the keys of theirs, and the rows and records that hold one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erased import ERASED, Key, Secret, flagged, hashed, identities
from medallion_pipelines.erasure.landing import Landing
from medallion_pipelines.erasure.records import Place, is_documents, places
from medallion_pipelines.erasure.subject import Subject
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Tables, local_frame

MAY_HOLD = "_may_hold"
UNDIVIDED = "_undivided"
_INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")


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
        self.landing = Landing(tables)
        self.value_hash: str | None = None  # of the subject's
        self._value = ""
        if subject is not None:
            self._value, key = self._first(subject)
            self.keys.add(key)
            self.value_hash = key[1]

    def places(self, table: Table) -> Iterator[Place]:
        """Where rows of a table are."""
        return places(self.tables, self.landing, table)

    def holding(self, table: Table, place: Place) -> DataFrame:
        """The rows of a place with `_erased`: whether they hold a key."""
        whose = [one for one in identities(table) if any(name == one.name for name, _ in self.keys)]
        return flagged(place.read(), whose, self._frame(), self.secret)

    def judged(self, table: Table, place: Place) -> DataFrame:
        """The rows of a place with `_erased`: they hold a key, or are too malformed to have one and hold the
        value as a whole word; `_may_hold`: they contain the value, but nobody can tell; and `_undivided`: it
        is a whole word in a JSON document that cannot be taken apart, and others may be in there, too."""
        rows = self.holding(table, place).withColumns({MAY_HOLD: F.lit(False), UNDIVIDED: F.lit(False)})
        columns = self._naming(table) if place.is_raw else []
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
        unreadable = F.coalesce(unreadable, F.lit(False)) & ~F.col(ERASED)
        # records of a document are objects: what is broken and has none of them is no more than one record
        several = F.col("_malformed") & F.contains("_record", F.lit("{")) & F.lit(is_documents(table))
        is_word = unreadable & F.rlike("_record", F.col("_token"))
        contains = unreadable & F.contains("_record", F.col("_value"))
        return rows.withColumns(
            {
                ERASED: F.col(ERASED) | (is_word & ~several),
                MAY_HOLD: contains & (~is_word | several),
                UNDIVIDED: is_word & several,
            }
        ).drop("_value", "_token")

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

    def _naming(self, table: Table) -> list[str]:
        """The columns of a table that name the subject."""
        if self.subject is None:
            return []
        name = self.subject.identity.name
        return [column for one in identities(table) if one.name == name for column in one.columns]
