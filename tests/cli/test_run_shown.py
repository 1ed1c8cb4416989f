"""What `run` shows of a run: summary on stdout, the rest on stderr."""

import json
import sys

import pytest

from medallion_pipelines.cli import app as command
from medallion_pipelines.cli import places
from medallion_pipelines.results import RunResult, StepResult
from medallion_pipelines.settings import Settings

BRONZE = StepResult("bronze.orders", "succeeded", rows_in=5, rows_written=5, seconds=1.25)
SILVER = StepResult(
    "silver.orders",
    "succeeded",
    rows_in=12_345,
    rows_valid=12_343,
    rows_quarantined=1,
    rows_duplicate=1,
    rows_written=12_343,
    seconds=2.0,
    notes=("new field gate in 3 records, e.g. 'C4'",),
)
FAILED = StepResult(
    "silver.orders", "failed", error="SparkException: boom\n\nJVM stacktrace:\n\tat org.apache.Spark(x)"
)
SKIPPED = StepResult("gold.customers", "skipped", error="not run, because silver.orders failed")


class Lake:
    """Stands in for a lakehouse: its run had these steps."""

    def __init__(self, *steps, home="/nowhere"):
        self.steps = steps
        self.asked = {}
        self.pages = 0
        self.settings = Settings(warehouse=f"{home}/warehouse")

    def report(self, product):
        self.pages += 1
        return f"page {self.pages}"

    def run(self, product, *, on_start, on_finish, **asked):
        self.asked = asked
        for step in self.steps:
            on_start(step.table)
            on_finish(step)
        return RunResult("r1", "shop", self.steps, 3.5)


@pytest.fixture
def run(monkeypatch, capsys):
    def carry_out(lake, *arguments):
        monkeypatch.setenv("TZ", "UTC")
        monkeypatch.setattr(places, "load", lambda _: None)
        monkeypatch.setattr(places, "lakehouse", lambda **_: lake)
        monkeypatch.setattr(sys, "argv", ["medallion", "run", *arguments])
        monkeypatch.setattr("shutil.which", lambda _: "/bin/medallion")
        with pytest.raises(SystemExit) as ended:
            command.main()
        return (ended.value.code, *capsys.readouterr())

    return carry_out


def test_the_summary_is_a_table_on_stdout(run):
    code, out, _ = run(Lake(BRONZE, SILVER))

    assert code == 0
    assert out.splitlines() == [
        "table          status     rows in   valid  quarantined  duplicates  written  seconds",
        "bronze.orders  succeeded        5       0            0           0        5      1.2",
        "silver.orders  succeeded   12,345  12,343            1           1   12,343      2.0",
    ]


def test_progress_notes_and_what_to_try_next_are_on_stderr(run):
    _, _, err = run(Lake(BRONZE, SILVER), "my shop", "--landing", "in", "--warehouse", "w")

    assert err.splitlines() == [
        "succeeded  bronze.orders  5 rows  1.2 s",
        "succeeded  silver.orders  12,343 rows  2.0 s",
        "note: silver.orders: new field gate in 3 records, e.g. 'C4'",
        "shop: run r1 took 3.5 s.",
        "",
        "Try next:",
        '  medallion sql "SELECT * FROM silver.orders" --warehouse w',
        '  medallion sql "SELECT * FROM silver.orders_quarantine" --warehouse w  # what was refused, and why',
        "  medallion status 'my shop' --warehouse w",
        "  medallion run 'my shop' --landing in --warehouse w  # again: only what is new",
    ]


def test_with_report_the_page_is_written_where_something_changed_and_named_where_not(run, tmp_path):
    page = tmp_path / "report.html"
    changed, unchanged = Lake(SILVER, home=tmp_path), Lake(StepResult("silver.a", "unchanged"), home=tmp_path)

    assert run(changed, "--report")[1].splitlines()[-1] == str(page)
    assert page.read_text() == "page 1"
    assert run(unchanged, "--report")[1].splitlines()[-1] == str(page)
    assert unchanged.pages == 0


def test_nothing_new_is_said_plainly(run):
    code, _, err = run(Lake(StepResult("bronze.orders", "unchanged")))

    assert code == 0
    assert "shop: run r1 took 3.5 s. Nothing new: every table was up to date already.\n" in err


def test_a_failed_table_ends_the_command_with_1_its_message_and_no_stack(run):
    code, out, err = run(Lake(BRONZE, FAILED, SKIPPED))

    assert code == 1
    assert "silver.orders   failed" in out
    assert err.splitlines()[-2:] == [
        "error: silver.orders: SparkException: boom",
        "shop: run r1 took 3.5 s. Failed: silver.orders. Not run, as they need these: gold.customers."
        " The rest is up to date.",
    ]


def test_json_is_one_document_with_every_number(run):
    code, out, _ = run(Lake(BRONZE, FAILED), "--json")

    found = json.loads(out)
    assert code == 1
    assert (found["run_id"], found["product"], found["succeeded"], found["changed"]) == (
        "r1",
        "shop",
        False,
        True,
    )
    assert [step["table"] for step in found["steps"]] == ["bronze.orders", "silver.orders"]
    assert found["steps"][0]["rows_written"] == 5


def test_options_reach_the_run(run):
    lake = Lake(BRONZE)

    run(lake, "--table", "silver.a", "--table", "gold.b", "--full-refresh")

    assert lake.asked == {"tables": ["silver.a", "gold.b"], "alone": False, "full_refresh": True}
    run(lake, "--table", "silver.a", "--only")
    assert lake.asked == {"tables": ["silver.a"], "alone": True, "full_refresh": False}


def test_only_needs_a_table(run):
    code, _, err = run(Lake(), "--only")

    assert code == 2
    assert "name the tables with --table" in err
