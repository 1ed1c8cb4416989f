"""What `medallion dr` says, and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.recovery.lake import Table, contents, lake, make

from medallion_pipelines.cli import app as command
from medallion_pipelines.cli import dr, places, screen
from medallion_pipelines.recovery.drill import Check, Drilled


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["medallion", "dr", *words])
    monkeypatch.setenv("TZ", "UTC")
    with pytest.raises(SystemExit) as ended:
        command.main()
    screen.answer_in_json(False)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_copy_is_made_looked_at_and_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a = lake(tmp_path / "a")
    table = make(a, "silver.orders")
    (name,) = table.commit("row 1")
    mine, to = ("--warehouse", a.warehouse or ""), ("--to", str(tmp_path / "b"))
    code, out, err = said(monkeypatch, capsys, "status", *mine, *to)
    assert code == 0 and "there is no copy yet" in err
    code, out, err = said(monkeypatch, capsys, "replicate", *mine, *to)
    assert (code, out) == (0, "")
    assert "UTC: 1 tables, 3 files, of which 3 (" in err
    table.commit("row 2")
    code, out, _ = said(monkeypatch, capsys, "status", *mine, *to, "--json")
    (lag,) = json.loads(out)["tables"]
    assert (code, lag["table"], lag["version"], lag["copied_version"]) == (0, "silver.orders", 2, 1)
    code, out, _ = said(monkeypatch, capsys, "status", *mine, *to)
    assert out.splitlines()[1].split()[:4] == ["silver.orders", "2", "1", "1"]
    code, out, _ = said(monkeypatch, capsys, "replicate", *mine, *to, "--json")
    assert (code, json.loads(out)["copied"]) == (0, 2)
    code, _, err = said(monkeypatch, capsys, "verify", *to)
    assert (code, err) == (0, f"{to[1]} is whole: it can be failed over to.\n")
    (Path(to[1]) / "silver" / "orders" / name).write_text("row 7")
    code, out, err = said(monkeypatch, capsys, "verify", *to, "--json")
    wrong = f"silver/orders/{name} has another content than was copied. Delete it, and replicate again."
    assert (code, err) == (1, f"error: {wrong}\n")
    assert json.loads(out) == {"location": to[1], "whole": False, "wrong": [wrong]}


def test_what_stops_a_copy_is_one_message_and_exit_code_1_or_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ("--to", str(tmp_path / "b"))
    code, _, err = said(monkeypatch, capsys, "replicate", "--warehouse", str(tmp_path / "a"), *to)
    assert (code, err.count("error: There is no lakehouse at")) == (4, 1)
    code, _, err = said(monkeypatch, capsys, "verify", *to)
    assert (code, err) == (1, f"error: {to[1]} is no copy of a lakehouse.\n")


@pytest.mark.parametrize("wrong", [(), ("silver.orders: 1 rows here, 2 there",)])
def test_a_drill_tells_what_it_measured_and_fails_where_a_check_does(
    wrong: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Drilled("flights", 12.34, 56.78, 21, 40_000_000, 5_000, 70)
    found.checks = [Check("files are whole"), Check("tables are equal", wrong)]
    monkeypatch.setattr(dr, "_spark", lambda settings: None)
    monkeypatch.setattr(places, "load", lambda product: None)
    monkeypatch.setattr("medallion_pipelines.recovery.drill", lambda *about: found)
    code, out, err = said(monkeypatch, capsys, "drill", "flights")
    shown = [" ".join(line.split()) for line in out.splitlines()]
    assert shown[1:3] == ["RPO measured 12.3 s", "RTO measured 56.8 s"]
    assert shown[3:] == ["first copy 40 MB", "next copy 5 kB", "fail back 70 bytes"]
    if wrong:
        assert code == 1
        assert err.splitlines() == [f"error: tables are equal: {wrong[0]}", "flights: 1 of 2 checks failed."]
    else:
        assert (code, err) == (0, "flights: region A was lost and is back; 2 checks hold.\n")
    code, out, _ = said(monkeypatch, capsys, "drill", "flights", "--json")
    document = json.loads(out)
    assert (document["rpo_seconds"], document["rto_seconds"], document["passed"]) == (12.34, 56.78, not wrong)


def test_a_copy_is_failed_over_to_and_back_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of lakehouses without a ledger: no Spark is needed to move its files."""
    monkeypatch.setattr(dr, "_spark", lambda settings: None)
    a, b, landing = lake(tmp_path / "a"), str(tmp_path / "b"), lake(tmp_path / "other").landing
    make(a, "silver.orders").commit("row 1")
    mine = ("--warehouse", a.warehouse or "")
    back = ("failback", "--warehouse", b, "--to", a.warehouse or "", "--landing-to", a.landing)
    code, _, err = said(monkeypatch, capsys, "failover", "--to", b)
    assert (code, err) == (1, f"error: There is no copy at {b}.\n")
    said(monkeypatch, capsys, "replicate", *mine, "--to", b)
    code, _, err = said(monkeypatch, capsys, *back)
    assert (code, "has not been failed over to" in err) == (1, True)
    code, out, _ = said(monkeypatch, capsys, "failover", "--to", b, "--landing", landing, "--json")
    assert (code, json.loads(out)["warehouse"], json.loads(out)["landing"]) == (0, b, landing)
    code, _, err = said(monkeypatch, capsys, "failover", "--to", b, "--landing", landing)
    assert (code, f"{b} is the lakehouse now" in err) == (0, True)
    code, _, err = said(monkeypatch, capsys, "replicate", *mine, "--to", b)
    assert (code, f"error: {b} has been failed over to: a copy would undo" in err) == (1, True)
    code, _, err = said(monkeypatch, capsys, "status", *mine, "--to", b)
    assert (code, "It has been failed over to." in err) == (0, True)
    Table.of(Path(b) / "silver" / "orders").commit("row 2")
    code, _, err = said(monkeypatch, capsys, *back)
    assert (code, f"{a.warehouse} is the lakehouse again: 2 files (" in err) == (0, True)
    assert contents(a.warehouse or "") == contents(b) == {"silver.orders": (2, ["row 1", "row 2"])}
    make(a, "silver.new")
    code, _, err = said(monkeypatch, capsys, "replicate", *mine, "--to", b)
    assert (code, contents(b)) == (0, contents(a.warehouse or ""))
