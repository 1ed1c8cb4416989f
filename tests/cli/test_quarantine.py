"""`medallion quarantine` as a person meets it, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from medallion_pipelines.cli.app import app
from medallion_pipelines.cli.quarantine import read_corrections
from medallion_pipelines.errors import MedallionError


def test_corrections_are_json_lines_as_show_gives_them(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    lines = ['{"id": "a", "record": "1,é"}', "", '{"record": "2", "id": "b", "errors": []}']
    file.write_text("\r\n".join([*lines, lines[0]]), encoding="utf-8")
    assert read_corrections(file) == {"a": "1,é", "b": "2"}


def test_each_line_that_is_no_correction_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_bytes(
        b'{"id": "a", "record": "1"}\n[1]\n{"id": "b"}\n{"id": "a", "record": "2"}\n'
        b'{"id": "c", "record": " "}\n{"id": "d", "record": "\xff"}'
    )
    with pytest.raises(MedallionError) as refused:
        read_corrections(file)
    none = "is no JSON object with the texts `id` and `record`"
    assert str(refused.value) == (
        f"{file}: line 2 {none}; line 3 {none}; line 4 gives record a another text than a line before; "
        f"line 5 has a blank `record`; line 6 {none}. Nothing was changed."
    )
    file.write_text("\n")
    with pytest.raises(MedallionError, match="no line holds a record"):
        read_corrections(file)


def test_a_rule_does_not_go_with_corrected_records(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"id": "a", "record": "1"}')
    done = CliRunner().invoke(
        app, ["quarantine", "replay", "silver.x", "--rule", "type", "--corrected", str(file)]
    )
    assert done.exit_code == 2
    assert "--rule" in done.output
