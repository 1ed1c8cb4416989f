"""The list of erased keys, `ops.erased_keys`: whose records must not be here, known by keyed hashes alone.

A key is a value of a primary key or of another unique column. What is kept of it is its HMAC-SHA-256
under a secret that is kept nowhere here: without it nobody can try values until one fits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import SetupError
from medallion_pipelines.settings import ERASURE_KEY as VARIABLE
from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables import Field, Tables, local_frame

ERASED_KEYS = "ops.erased_keys"
ERASED = "_erased"  # the column that says whether a row holds an erased key
_BLOCK, _SHORTEST = 64, 32

FIELDS = (
    Field("token", "STRING", required=True, comment="the erasure, as in ops.erasures"),
    Field("identity", "STRING", comment="what the key is a value of: layer.table(columns)"),
    Field("keyed_hash", "STRING", comment="HMAC-SHA-256 of identity and value"),
    Field("secret_id", "STRING", comment="tells secrets apart, tells nothing of them"),
    Field("recorded_at", "TIMESTAMP"),
    Field("types", "STRING", comment="of the identity's columns; NULL: listed by an earlier release"),
)
Key = tuple[str, str]  # identity, keyed hash


@dataclass(frozen=True)
class Identity:
    """Columns that hold a key: the table's own, or one of the table that they point to."""

    name: str  # silver.passengers(passenger_id)
    columns: tuple[str, ...]
    own: bool


def identities(table: Table) -> list[Identity]:
    """Whose a row of a silver table can be. A key that points into its own table (an employee's manager)
    makes it nobody else's."""
    unique = [table.primary_key, *((c.name,) for c in table.columns if c.unique)]
    own = {_name(table.key, key): Identity(_name(table.key, key), tuple(sorted(key)), True)
           for key in unique if key}  # fmt: skip
    found = list(own.values())
    for key in table.foreign_keys:
        if key.to_table != table.name:
            pairs = sorted(zip(key.to_columns, key.columns, strict=True))
            to = _name(f"{table.layer}.{key.to_table}", key.to_columns)
            found.append(Identity(to, tuple(column for _, column in pairs), False))
    return found


def _name(table: str, columns: Iterable[str]) -> str:
    return f"{table}({', '.join(sorted(columns))})"


class Secret:
    """What keys are hashed under. Nothing shows it: neither its text nor a query plan."""

    def __init__(self, text: str) -> None:
        key = text.encode()
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._pads = tuple(bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
        self.id = hmac.new(key, b"medallion_pipelines: which secret", hashlib.sha256).hexdigest()[:16]

    @classmethod
    def from_environment(cls) -> Secret:
        """The one of this environment. Raises SetupError where there is none."""
        text = os.environ.get(VARIABLE, "")
        if len(text) < _SHORTEST:
            raise SetupError(
                f"{VARIABLE} {'is too short' if text else 'is not set'}: erased keys are known by hashes "
                f"under this secret. Set it to a random text of at least {_SHORTEST} characters, the same "
                f"each time: once, `openssl rand -hex 32`, kept in a safe; on Databricks in a secret scope, "
                f"as the cluster's environment variable {VARIABLE}={{{{secrets/SCOPE/KEY}}}}."
            )
        return cls(text)

    def frame(self, spark: SparkSession) -> DataFrame:
        """One row that `hashed` needs beside it. As data, not as text: a plan prints what text holds."""
        fields = [Field("_inner", "STRING"), Field("_outer", "STRING")]
        return F.broadcast(local_frame(spark, fields, [self._pads]))


def hashed(identity: Identity) -> SparkColumn:
    """The keyed hash of a row's key, in a frame joined with `Secret.frame`; NULL where a part is missing."""
    values = ", ".join(f"CAST({quoted(column)} AS STRING)" for column in identity.columns)
    message = f"encode(concat({string(identity.name)}, to_json(array({values}))), 'UTF-8')"
    inner = f"unhex(sha2(concat(unhex(_inner), {message}), 256))"
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in identity.columns)
    return F.expr(f"CASE WHEN {there} THEN sha2(concat(unhex(_outer), {inner}), 256) END")


def flagged(rows: DataFrame, whose: Iterable[Identity], keys: DataFrame, secret: Secret) -> DataFrame:
    """Adds `_erased`: whether a row holds one of the `keys` (identity, keyed_hash)."""
    rows = rows.crossJoin(secret.frame(rows.sparkSession))
    hits = []
    for place, identity in enumerate(whose):
        mine = keys.where(F.col("identity") == identity.name).select(
            F.col("keyed_hash").alias(f"_hit_{place}")
        )
        rows = rows.join(F.broadcast(mine.distinct()), hashed(identity) == F.col(f"_hit_{place}"), "left")
        hits.append(f"_hit_{place}")
    found = F.coalesce(*map(F.col, hits)).isNotNull() if hits else F.lit(False)
    return rows.withColumn(ERASED, found).drop("_inner", "_outer", *hits)


def guard(tables: Tables, table: Table) -> Callable[[DataFrame], DataFrame] | None:
    """What adds `_erased` to typed rows of a silver table; None where no key of its has been erased.

    Raises SetupError where the secret is missing, or is not the one the list was made with.
    """
    if not tables.exists(ERASED_KEYS):
        return None
    whose = identities(table)
    keys = tables.read(ERASED_KEYS)
    kinds = keys.where(F.col("identity").isin([one.name for one in whose])).select("identity", "secret_id")
    there = kinds.distinct().collect()
    if not there:
        return None
    secret = Secret.from_environment()
    refuse_another(secret, {row.secret_id for row in there})
    asked = [one for one in whose if one.name in {row.identity for row in there}]
    return lambda rows: flagged(rows, asked, keys, secret)


def refuse_another(secret: Secret, known: Collection[str]) -> None:
    """Raise SetupError where keys were hashed under another secret: they would not be found."""
    if set(known) - {secret.id}:
        raise SetupError(
            f"{VARIABLE} is not the secret that {ERASED_KEYS} was made with, so erased persons would not be "
            "recognised. Set the one of the first erasure."
        )
