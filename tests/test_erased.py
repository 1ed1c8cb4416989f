"""Erased keys: what is kept of them is the HMAC of standard libraries, computed in SQL."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from pyspark.sql import SparkSession

from medallion_pipelines.erased import Identity, Secret, flagged, hashed
from medallion_pipelines.tables import Field, local_frame

KEYS = (Field("identity", "STRING"), Field("keyed_hash", "STRING"))


@pytest.mark.parametrize("text", ["k" * 32, "long " * 40])
def test_a_keyed_hash_is_hmac_sha_256(spark: SparkSession, text: str) -> None:
    rows = local_frame(spark, [Field("id", "STRING"), Field("n", "BIGINT")], [("Zoë", 1), (None, 2)])
    whose = Identity("silver.people(id, n)", ("id", "n"), own=True)
    secret = Secret(text)
    found = rows.crossJoin(secret.frame(spark)).select(hashed(whose)).collect()
    message = 'silver.people(id, n)["Zoë","1"]'.encode()
    assert [row[0] for row in found] == [hmac.new(text.encode(), message, hashlib.sha256).hexdigest(), None]


def test_a_plan_shows_neither_secret_nor_key(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("k" * 32)
    whose = Identity("silver.people(id)", ("id",), own=True)
    rows = local_frame(spark, [Field("id", "STRING")], [("Ada",), ("Bo",)])
    key = rows.where("id = 'Ada'").crossJoin(secret.frame(spark)).select(hashed(whose)).first()
    assert key is not None
    keys = local_frame(spark, KEYS, [(whose.name, key[0])])
    found = flagged(rows, [whose], keys, secret)
    assert sorted(map(tuple, found.collect())) == [("Ada", True), ("Bo", False)]
    found.explain(True)
    shown = capsys.readouterr().out
    inner = bytes(byte ^ 0x36 for byte in b"k" * 32).hex()
    assert "_erased" in shown and inner not in shown.lower() and "kkkk" not in shown and key[0] not in shown
