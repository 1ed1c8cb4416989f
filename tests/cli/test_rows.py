"""Rows of a query as text: every type that Spark has, NULL, and what CSV must quote."""

import json
import time

import pytest

from medallion_pipelines.cli import rows

QUERY = """SELECT 1 AS whole, 1.50 AS money, 5e-1 AS half, double('NaN') AS nan, 'a,"b' AS text,
  '' AS empty, CAST(NULL AS INT) AS nothing, true AS yes, date'2025-01-02' AS day,
  timestamp'2025-01-02 03:04:05.6Z' AS moment, timestamp_ntz'2025-01-02 03:04:05' AS local, X'00ff' AS bytes,
  array(1, NULL) AS list, map('k', 1.0) AS pairs, named_struct('d', date'2025-01-02') AS record,
  parse_json('{"a": [1]}') AS variant, interval '1' day AS span"""


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")  # as `main` has it
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_json_keeps_decimals_and_times_exactly(spark, capsys, utc):
    rows.as_json(spark.sql(QUERY))

    assert json.loads(capsys.readouterr().out) == [
        {
            "whole": 1,
            "money": "1.50",
            "half": 0.5,
            "nan": "nan",
            "text": 'a,"b',
            "empty": "",
            "nothing": None,
            "yes": True,
            "day": "2025-01-02",
            "moment": "2025-01-02T03:04:05.600000Z",
            "local": "2025-01-02T03:04:05",
            "bytes": "00ff",
            "list": [1, None],
            "pairs": {"k": "1.0"},
            "record": {"d": "2025-01-02"},
            "variant": {"a": [1]},
            "span": "1 day, 0:00:00",
        }
    ]


def test_csv_follows_rfc_4180_and_leaves_null_empty(spark, capsys, utc):
    rows.as_csv(spark.sql("SELECT 1.50 AS money, 'a,\"b\nc' AS text, NULL AS x, true AS y, array(1) AS l"))

    assert capsys.readouterr().out == 'money,text,x,y,l\r\n1.50,"a,""b\nc",,true,[1]\r\n'


def test_no_rows_are_an_empty_list_and_a_header(spark, capsys):
    nothing = spark.sql("SELECT 1 AS a WHERE false")

    rows.as_json(nothing)
    rows.as_csv(nothing)

    assert capsys.readouterr().out == "[]\na\r\n"


def test_a_table_aligns_numbers_shows_null_and_says_whether_there_is_more(spark, capsys):
    frame = spark.sql("SELECT * FROM VALUES (1, 'x'), (20, NULL), (300, 'z') AS t(n, s) ORDER BY n")

    assert rows.as_table(frame, 2) is True
    assert capsys.readouterr().out == " n  s\n 1  x\n20  NULL\n"
    assert rows.as_table(frame, 3) is False
