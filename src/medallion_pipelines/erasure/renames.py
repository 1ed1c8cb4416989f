"""The list of erased keys and the contracts must mean the same columns.

A key is listed as a value of a column: `silver.passengers(passenger_id)`. Under another name, or spelt as
another type, the same value has another hash. Nobody can tell what was hashed, so the list cannot follow.
"""

from __future__ import annotations

import re

from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product
from medallion_pipelines.erased import ERASED_KEYS, identities
from medallion_pipelines.errors import ChangeRefusedError
from medallion_pipelines.sql import string
from medallion_pipelines.tables import Tables

ERASURES = "ops.erasures"
_WHOLE = re.compile(r"\b(?:TINYINT|SMALLINT|INT|BIGINT|DECIMAL\(\d+, ?0\))")


def types_of(product: Product) -> dict[str, str]:
    """The types of the product's keys, by identity."""
    return {
        one.name: ", ".join(table.column(name).type for name in one.columns)
        for table in product.tables.values()
        if table.layer == "silver"
        for one in identities(table)
        if one.own
    }


def refuse_renamed(tables: Tables, product: Product) -> None:
    """Raise ChangeRefusedError where keys are listed that the product's contracts no longer have, or have
    with a type that spells values otherwise: erased persons would come back unnoticed."""
    if not tables.exists(ERASED_KEYS) or not tables.exists(ERASURES):
        return
    listed = tables.read(ERASED_KEYS)
    if "types" not in listed.columns:  # an earlier release made it
        listed = listed.withColumn("types", F.lit(None).cast("string"))
    ours = tables.read(ERASURES).where(F.col("product") == product.name).select("token").distinct()
    ours = ours.withColumn("_ours", F.lit(True))
    kinds = listed.join(ours, "token", "left").groupBy("identity", "types").agg(F.max("_ours").alias("ours"))
    now, lost = types_of(product), dict[str, str]()
    for row in kinds.collect():
        name, mine = row.identity, row.ours or row.identity.split("(")[0] in product.tables
        if mine and name not in now:
            lost[name] = f"{name} is no key of theirs"
        elif name in now and row.types is not None and _spelling(row.types) != _spelling(now[name]):
            lost[name] = f"{name} was {row.types} and is {now[name]}"
    if lost:
        told, names = "; ".join(lost[one] for one in sorted(lost)), ", ".join(map(string, sorted(lost)))
        raise ChangeRefusedError(
            f"The contracts of {product.name} no longer have all keys that erased persons are known by: "
            f"{told}. These persons would come back unnoticed. Give tables and columns their names and types "
            "back, as primary key or `unique` (new columns can stand beside them). Or take the keys off the "
            f"list, DELETE FROM {ERASED_KEYS} WHERE identity IN ({names}), and erase each of these persons "
            "once more by the keys there are now."
        )


def _spelling(types: str) -> str:
    """What the text of a value depends on: whole numbers of all sizes look alike."""
    return re.sub(r"DECIMAL\(\d+, ?(\d+)\)", r"DECIMAL(\1)", _WHOLE.sub("integer", types))
