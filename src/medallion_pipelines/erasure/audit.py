"""What is kept of erasures: which there were, in `ops.erasures`, and their keys, in `ops.erased_keys`."""

from __future__ import annotations

import uuid

from pyspark.sql import functions as F

from medallion_pipelines.erased import ERASED_KEYS, FIELDS, Key, Secret, refuse_another
from medallion_pipelines.erasure.renames import ERASURES, types_of
from medallion_pipelines.erasure.search import Search
from medallion_pipelines.runlog import now, user
from medallion_pipelines.tables import Field, Shape, Tables, local_frame

_ERASURES = (
    Field("token", "STRING", required=True),
    Field("status", "STRING", comment="begun, then done"),
    Field("product", "STRING"),
    Field("subject", "STRING", comment="the column that named the subject; NULL: all erased before, again"),
    Field("keyed_hash", "STRING", comment="of the subject's value, as in ops.erased_keys"),
    Field("run_by", "STRING"),
    Field(
        "rows", "MAP<STRING, BIGINT>", comment="rows found, by place; killed and run again: by the last run"
    ),
    Field("remaining", "MAP<STRING, BIGINT>", comment="rows a search found afterwards"),
    Field("recorded_at", "TIMESTAMP"),
)


def secret_of(tables: Tables) -> Secret:
    """The secret that the list was made with. Raises SetupError where it is not that of the environment."""
    secret = Secret.from_environment()
    if tables.exists(ERASED_KEYS):
        known = tables.read(ERASED_KEYS).select("secret_id").distinct().collect()
        refuse_another(secret, {row.secret_id for row in known})
    return secret


def begun(tables: Tables, value_hash: str | None) -> tuple[str, set[Key]]:
    """The token of this subject's erasure (a new one, unless one has not come to its end), and the keys that
    erasures of the same subject had found."""
    if not tables.exists(ERASURES):
        return uuid.uuid4().hex, set()
    mine = tables.read(ERASURES).where(F.col("keyed_hash") == F.lit(value_hash))
    states = mine.groupBy("token").agg(F.collect_set("status").alias("states")).collect()
    keys = tables.read(ERASED_KEYS).join(mine.select("token").distinct(), "token", "left_semi")
    known = {tuple(row) for row in keys.select("identity", "keyed_hash").distinct().collect()}
    open_ones = [row.token for row in states if "done" not in row.states]
    return (open_ones or [uuid.uuid4().hex])[0], known


def create(tables: Tables) -> None:
    """Create both tables where they are missing."""
    tables.create(ERASED_KEYS, Shape(FIELDS, "Keys of erased persons, as keyed hashes."))
    known = {field.name for field in tables.fields(ERASED_KEYS)}
    if missing := [field for field in FIELDS if field.name not in known]:  # an earlier release made it
        tables.add_columns(ERASED_KEYS, missing)
    tables.create(ERASURES, Shape(_ERASURES, "Erasures: a row as one begins, a row as it ends."))


def note(search: Search, token: str, status: str, rows: dict[str, int], remaining: dict[str, int]) -> None:
    """Write that an erasure has begun, or is done; a second time does nothing."""
    subject = None if search.subject is None else str(search.subject)
    row = (token, status, search.product.name, subject, search.value_hash, user(), rows, remaining, now())
    frame = local_frame(search.tables.spark, _ERASURES, [row])
    search.tables.append(frame, ERASURES, token=f"{token}-{status}")


def put_on_list(search: Search, token: str, keys: set[Key]) -> None:
    """Put keys of a search on the list, those aside that this erasure has put there."""
    tables, types = search.tables, types_of(search.product)
    known = tables.read(ERASED_KEYS).where(F.col("token") == token).select("identity", "keyed_hash")
    new = keys - {tuple(row) for row in known.collect()}
    rows = [(token, name, keyed, search.secret.id, now(), types.get(name)) for name, keyed in sorted(new)]
    if rows:
        tables.append(local_frame(tables.spark, FIELDS, rows), ERASED_KEYS)
