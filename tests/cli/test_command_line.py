"""The command as a person or a script meets it, without Spark."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_pipelines.cli import app as command
from medallion_pipelines.cli import machine, places
from medallion_pipelines.errors import LockedError

COMMAND = [sys.executable, "-c", "from medallion_pipelines.cli import main; main()"]


def medallion(*arguments, cwd, **environment):
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=cwd, env=env)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done


@pytest.fixture
def broken(tmp_path):
    """A product whose contract has an unknown type in line 11 and lacks its layer."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "orders.odcs.yaml").write_text(
        """apiVersion: v3.1.0
kind: DataContract
id: orders
name: Orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: order_id
        logicalType: wholenumber
"""
    )
    return folder


def in_process(monkeypatch, capsys, *arguments):
    """Run `main` here: exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["medallion", *arguments])
    monkeypatch.setenv("TZ", "UTC")
    with pytest.raises(SystemExit) as ended:
        command.main()
    return (ended.value.code, *capsys.readouterr())


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


def test_help_lists_the_commands_and_the_exit_codes(tmp_path):
    done = medallion("--help", cwd=tmp_path)

    assert done.returncode == 0
    words = "run rebuild restore validate new status sql quarantine erase setup sample --debug"
    for word in words.split():
        assert f"\n  {word} " in done.stdout
    assert " ".join(done.stdout.split()).endswith(
        "Exit codes: 0 done, 1 a table, check or query failed, 2 wrong use, 3 a contract was refused, 4 the"
        " machine lacks something (Java, jars, permission to write), 5 a defect, 130 interrupted."
    )


def test_help_and_validate_start_no_spark_and_import_none(tmp_path):
    code = (
        "import sys\nfrom medallion_pipelines.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('pyspark', 'pandas', 'delta') if name in sys.modules], file=sys.stderr)"
    )
    for arguments in (["--help"], ["validate"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stderr.splitlines()[-1] == "[]"


def test_version_names_spark_and_delta_too(tmp_path):
    done = medallion("--version", cwd=tmp_path)

    assert done.stdout.startswith("medallion 0.1.0, pyspark 4.")
    assert ", delta-spark 4." in done.stdout


def test_what_to_restore_to_is_a_version_or_a_time(tmp_path):
    done = medallion("restore", "silver.flights", "--to", "yesterday", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "'yesterday' is neither a version, such as 12, nor a time, such as" in done.stderr


def test_the_shipped_product_is_valid(tmp_path):
    done = medallion("validate", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(" contracts, all valid.\n")


def test_an_unknown_product_is_wrong_use_and_the_known_ones_are_named(tmp_path):
    done = medallion("run", "nope", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "There is no product nope: it is neither a folder nor one of those that ship with the package"
        " (flights)." in done.stderr
    )


def test_erase_wants_one_person_or_all_that_were_erased_before(tmp_path):
    for arguments in ([], ["--again", "--subject", "people.id=1"]):
        done = medallion("erase", *arguments, cwd=tmp_path)

        assert (done.returncode, done.stdout) == (2, "")
        assert "Name one person with --subject, or all erased before with --again." in done.stderr


def test_validate_names_file_line_and_field_of_each_problem(broken):
    done = medallion("validate", "broken", cwd=broken.parent)

    assert done.returncode == 1
    places_named = [line.split(": ")[:3] for line in done.stdout.splitlines()]
    assert ["error", "broken/orders.odcs.yaml:11", "schema[0].properties[0].logicalType"] in places_named
    assert done.stderr == f"broken: {len(places_named)} errors.\n"


def test_validate_in_json_is_one_document(broken):
    done = medallion("validate", "broken", "--json", cwd=broken.parent)

    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {key: found[key] for key in ("product", "folder", "valid", "tables")} == {
        "product": "broken",
        "folder": "broken",
        "valid": False,
        "tables": [],
    }
    (problem,) = [each for each in found["problems"] if each["line"] == 11]
    assert problem["field"] == "schema[0].properties[0].logicalType"
    assert problem["severity"] == "error"


def test_run_refuses_a_contract_before_it_looks_for_java(broken):
    done = medallion("run", "broken", cwd=broken.parent, JAVA_HOME="/nowhere")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: broken/orders.odcs.yaml:")
    assert [path.name for path in broken.parent.iterdir()] == ["broken"]


def test_a_refusal_in_json_is_one_document_too(broken):
    done = medallion("run", "broken", "--json", cwd=broken.parent)

    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert found["error"]["kind"] == "ContractError"
    assert "broken/orders.odcs.yaml:11" in found["error"]["message"]


@pytest.mark.parametrize("arguments", [["setup"], ["run"], ["sql", "SELECT 1"]])
def test_a_machine_without_java_is_told_what_to_install(tmp_path, arguments):
    done = medallion(*arguments, cwd=tmp_path, JAVA_HOME="", PATH=str(tmp_path))

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "error: Spark needs Java, and PATH has none that runs. Install Java 17 or newer"
        " (say, openjdk-17-jre-headless) and set JAVA_HOME or PATH.\n"
    )


def test_days_that_are_none_are_refused_in_words(tmp_path):
    done = medallion("sample", "land", "landing", "--days", "soon", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("error: days 'soon': give one day or A..B")


def test_a_sample_lands_where_run_looks_for_it(tmp_path):
    done = medallion("sample", "land", "--days", "2013-01-01", cwd=tmp_path)

    assert done.returncode == 0
    assert (tmp_path / ".medallion/landing/flights/2013-01-01.json.gz").is_file()
    assert done.stderr.startswith(f"{tmp_path}/.medallion/landing: 12 files written, 0 there already: ")
    assert "842 flights" in done.stderr


def test_a_terminal_gets_colour_unless_told_otherwise(broken):
    def shown(**environment):
        ours, theirs = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", **environment}
        subprocess.run([*COMMAND, "validate", str(broken)], stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        return os.read(ours, 100_000).decode()

    assert "\x1b[31merror: " in shown()
    assert "\x1b[31m" not in shown(NO_COLOR="1")


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    code = "from medallion_pipelines.cli import screen; screen.write_lines('x' * 99 for _ in range(100_000))"
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" | head -c 3; echo', sys.executable, code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert (done.stdout, done.stderr) == ("xxx\n", "")


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(places, "load", raising(KeyboardInterrupt()))

    code, out, err = in_process(monkeypatch, capsys, "run")

    assert (code, out) == (130, "")
    assert err == "error: interrupted. Nothing is half-written; the same command goes on from here.\n"


def test_an_error_of_the_package_is_one_message(monkeypatch, capsys):
    monkeypatch.setattr(places, "load", raising(LockedError("another run (process 7) works here")))

    assert in_process(monkeypatch, capsys, "status") == (
        1,
        "",
        "error: another run (process 7) works here\n",
    )


def test_a_defect_is_said_shortly_and_debug_shows_its_trace(monkeypatch, capsys):
    monkeypatch.setattr(places, "load", raising(ZeroDivisionError("oops")))
    monkeypatch.setattr("medallion_pipelines.session.log_file", lambda: Path("/tmp/spark.log"))

    assert in_process(monkeypatch, capsys, "run") == (
        5,
        "",
        "error: unexpected ZeroDivisionError: oops\n"
        "Add --debug for the trace; Spark's log is /tmp/spark.log.\n",
    )
    monkeypatch.setattr(sys, "argv", ["medallion", "run", "--debug"])
    with pytest.raises(ZeroDivisionError):
        command.main()


def test_setup_says_what_it_found(monkeypatch, capsys):
    monkeypatch.setattr("medallion_pipelines.machine.check_java", lambda: "21.0.4")
    monkeypatch.setattr("medallion_pipelines.machine.fetch_jars", lambda: [Path("/cache/jars/x/delta.jar")])

    machine.setup()

    assert capsys.readouterr().err == "Ready: Java 21.0.4, Delta's jars in /cache/jars/x.\n"


def test_without_spark_a_run_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(places, "load", lambda _: None)
    monkeypatch.setattr(places, "find_spec", lambda _: None)

    assert in_process(monkeypatch, capsys, "run") == (
        4,
        "",
        "error: Spark is not installed. Outside Databricks: pip install 'medallion-pipelines[local]'.\n",
    )
