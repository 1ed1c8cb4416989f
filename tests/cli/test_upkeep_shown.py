"""What `quality`, `status` and `maintain` show, and how they end."""

from __future__ import annotations

import json
import sys

import pytest

from medallion_pipelines.cli import app as command
from medallion_pipelines.cli import places
from medallion_pipelines.results import TableStatus, UpkeepResult

KEPT = TableStatus("silver.a", status="succeeded")
STALE = TableStatus("silver.b", "succeeded", age_seconds=7200, freshness_seconds=3600, fresh=False)
WELL = UpkeepResult("bronze.a", 12, 1, True, seconds=1.25, notes=("ANALYZE was left out: ...",))
WAITING = UpkeepResult("bronze.b", seconds=0.5, notes=("not vacuumed, because silver.b has yet to read.",))
BROKEN = UpkeepResult("bronze.c", error="SparkException: boom")


class Lake:
    """Stands in for a lakehouse: its tables stand like this."""

    def __init__(self, *tables):
        self.tables = tables

    def quality(self, product):
        return list(self.tables)

    status = quality

    def maintain(self, product, *, on_finish):
        for table in self.tables:
            on_finish(table)
        return list(self.tables)


def shown(monkeypatch, capsys, lake, *words):
    monkeypatch.setattr(places, "lakehouse", lambda **given: lake)
    monkeypatch.setattr(sys, "argv", ["medallion", *words])
    monkeypatch.setenv("TZ", "UTC")
    with pytest.raises(SystemExit) as ended:
        command.main()
    return (ended.value.code, *capsys.readouterr())


def test_promises_that_are_kept_are_told_in_a_line(monkeypatch, capsys) -> None:
    code, out, err = shown(monkeypatch, capsys, Lake(KEPT), "quality", "flights")
    assert (code, out, err) == (0, "", "flights: every table keeps what its contract promises.\n")


def test_a_broken_promise_is_told_and_is_exit_code_1(monkeypatch, capsys) -> None:
    code, _, err = shown(monkeypatch, capsys, Lake(KEPT, STALE), "quality", "flights")
    assert (code, err) == (1, "error: silver.b: 2:00:00 old; at most 1:00:00 is promised.\n")


def test_status_names_a_table_that_cannot_be_looked_at(monkeypatch, capsys) -> None:
    gone = TableStatus("silver.c", status="succeeded", unreadable="it is not there any more")
    code, out, err = shown(monkeypatch, capsys, Lake(KEPT, gone), "status", "flights")
    assert (code, err) == (0, "error: silver.c: it is not there any more\n")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["silver.a", "silver.c"]


def test_quality_as_json_has_every_table(monkeypatch, capsys) -> None:
    code, out, _ = shown(monkeypatch, capsys, Lake(KEPT, STALE), "quality", "flights", "--json")
    document = json.loads(out)
    assert (code, document["product"], document["kept"]) == (1, "flights", False)
    assert [(table["table"], table["broken"]) for table in document["tables"]] == [
        ("silver.a", None), ("silver.b", STALE.broken),
    ]  # fmt: skip


def test_maintenance_tells_each_table_and_what_is_left_out_once(monkeypatch, capsys) -> None:
    code, _, err = shown(monkeypatch, capsys, Lake(WELL, WELL, WAITING), "maintain", "flights")
    assert code == 0
    assert err.splitlines() == [
        "done    bronze.a  12 files into 1  1.2 s",
        "done    bronze.a  12 files into 1  1.2 s",
        "done    bronze.b  0.5 s",
        "note: bronze.b: not vacuumed, because silver.b has yet to read.",
        "note: ANALYZE was left out: ...",
        "flights: looked after 3 tables.",
    ]


def test_a_table_that_cannot_be_maintained_is_exit_code_1(monkeypatch, capsys) -> None:
    code, out, err = shown(monkeypatch, capsys, Lake(WELL, BROKEN), "maintain", "flights", "--json")
    document = json.loads(out)
    assert (code, document["succeeded"]) == (1, False)
    assert "error: bronze.c: SparkException: boom" in err.splitlines()
    assert [table["error"] for table in document["tables"]] == [None, "SparkException: boom"]
