"""Each check of the bundle, by a bundle that fails it: file and field are named."""

from __future__ import annotations

import textwrap
import zipfile
from pathlib import Path

import pytest
import yaml
from scripts.bundle.__main__ import checked, read_targets, validated
from scripts.bundle.config import Config, load
from scripts.bundle.installed import check_entry_points
from scripts.bundle.references import resolve
from scripts.bundle.tasks import check_cron

TOP = """
    bundle: {name: small}
    include: [resources/*.yml]
    artifacts:
      wheel:
        type: whl
        files: [{source: dist/*.whl}]
    variables:
      catalog: {description: Of the tables, default: flights_prod}
      product: {description: What is run, default: flights}
    targets:
      dev: {mode: development}
      prod:
        mode: production
        workspace: {root_path: /Workspace/Users/me/.bundle}
        run_as: {service_principal_name: me}
        permissions: [{level: CAN_MANAGE, service_principal_name: me}]
"""
SCHEMAS = """
    resources:
      schemas:
        ops: {catalog_name: "${var.catalog}", name: ops}
        gold: {catalog_name: "${var.catalog}", name: gold}
"""
JOBS = """
    resources:
      jobs:
        load:
          name: load ${var.product}
          schedule: {quartz_cron_expression: "0 0 5 * * ?", timezone_id: Europe/Berlin}
          parameters: [{name: product, default: "${var.product}"}]
          environments:
            - environment_key: default
              spec: {environment_version: "5", dependencies: [../dist/small*.whl]}
          tasks:
            - task_key: first
              environment_key: default
              python_wheel_task: &run
                package_name: small
                entry_point: medallion-task
                parameters: ["MEDALLION_OPS_SCHEMA=${resources.schemas.ops.name}", run, flights]
            - task_key: second
              depends_on: [{task_key: first}]
              environment_key: default
              python_wheel_task: *run
        all:
          name: all
          tasks:
            - task_key: load
              run_job_task: {job_id: "${resources.jobs.load.id}"}
"""
SHOWN = """
    resources:
      dashboards:
        runs: {display_name: Runs, file_path: ../runs.lvdash.json, warehouse_id: w, dataset_schema: ops}
      alerts:
        late:
          display_name: Late
          warehouse_id: w
          query_text: SELECT max(seconds) AS longest FROM flights_prod.ops.table_metrics
          schedule: {quartz_cron_schedule: "0 0 * * * ?", timezone_id: UTC}
          evaluation:
            source: {name: longest}
            comparison_operator: GREATER_THAN
            threshold: {value: {double_value: 1.0}}
"""
DASHBOARD = """
    {"datasets": [
       {"name": "d", "queryLines": ["SELECT status, count(*) AS n ", "FROM runs GROUP BY status"]}],
     "pages": [{"name": "p", "layout": [
       {"widget": {"name": "w", "queries": [{"query": {"datasetName": "d", "fields":
          [{"name": "n", "expression": "`n`"}]}}], "spec": {"encodings": {"value": {"fieldName": "n"}}}},
        "position": {"x": 0, "y": 0, "width": 6, "height": 2}}]}]}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {
        "databricks.yml": TOP,
        "resources/schemas.yml": SCHEMAS,
        "resources/jobs.yml": JOBS,
        "resources/shown.yml": SHOWN,
        "runs.lvdash.json": DASHBOARD,
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip("\n"))
    (tmp_path / "dist").mkdir()
    with zipfile.ZipFile(tmp_path / "dist" / "small-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "small-1.0.dist-info/entry_points.txt", "[console_scripts]\nmedallion-task = small:run\n"
        )
    return tmp_path


def told(root: Path, target: str = "prod") -> list[str]:
    return [str(problem) for problem in checked(root, target).problems]


def test_a_bundle_without_faults_has_no_problem(root: Path) -> None:
    assert told(root) == told(root, "dev") == []


FAULTS = yaml.safe_load(Path(__file__).with_name("faults.yml").read_text())


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=f"{kind}-{number}")
        for kind, faults in FAULTS.items()
        for number, fault in enumerate(faults)
    ],
)
def test_a_fault_is_told_with_its_file_and_field(root: Path, fault: dict[str, str]) -> None:
    text = (root / fault["file"]).read_text()
    assert fault["old"] in text
    (root / fault["file"]).write_text(text.replace(fault["old"], fault["new"], 1))
    problems = told(root)
    assert any(one.startswith(fault["problem"]) for one in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("package_name: small", "package_name: smal", "package_name: the wheel is small"),
        ("medallion-task", "main", "entry_point: the wheel has no main; it has medallion-task"),
    ],
)
def test_an_entry_point_that_the_wheel_has_not_is_told(root: Path, old: str, new: str, problem: str) -> None:
    jobs = root / "resources" / "jobs.yml"
    jobs.write_text(jobs.read_text().replace(old, new, 1))
    config = load(root, "prod")
    resolve(config)
    (wheel,) = (root / "dist").glob("*.whl")
    check_entry_points(config, wheel)
    assert str(config.problems[0]).endswith(f"resources.jobs.load.tasks[0].python_wheel_task.{problem}")


@pytest.mark.parametrize(
    "cron",
    [
        "0 0/15 * * * ?",
        "0 0 5 ? * MON-FRI",
        "0 0 5 L * ?",
        "0 0 5 ? * 6#3 2027",
        "0 5,35 * * * ?",
    ],
)
def test_schedules_of_quartz_pass(tmp_path: Path, cron: str) -> None:
    config = Config(tmp_path, "dev", {}, {}, {}, {})
    check_cron(config, "x", cron, "UTC")
    assert config.problems == []


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 0 24 * * ?",
        "0 0 5 * * *",
        "0 0 5 ? * ?",
        "0 0 5 ? * MOON",
        "0 0/0 5 * * ?",
        "0 0 5 32 * ?",
    ],
)
def test_other_schedules_do_not(tmp_path: Path, cron: str) -> None:
    config = Config(tmp_path, "dev", {}, {}, {}, {})
    check_cron(config, "x", cron, "UTC")
    assert config.problems != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bundle: [", "databricks.yml: while parsing a flow node"),
        ("- bundle", "databricks.yml: is no mapping"),
        ("bundle: {name: small}", "databricks.yml: targets: there is none"),
    ],
)
def test_a_bundle_whose_targets_cannot_be_read_does_not_pass(root: Path, text: str, said: str) -> None:
    (root / "databricks.yml").write_text(text)
    targets, problems = read_targets(root)
    assert targets == [] and [str(one)[: len(said)] for one in problems] == [said]


@pytest.mark.parametrize("empty", ["resources:", "resources: {schemas: }", "- x"])
def test_a_file_that_says_nothing_hides_no_problem(root: Path, empty: str) -> None:
    (root / "resources" / "schemas.yml").write_text(empty)
    assert any("there is no schemas.ops" in problem for problem in told(root))


def test_a_task_that_leaves_a_field_empty_is_as_without_it(root: Path) -> None:
    file = root / "resources" / "jobs.yml"
    file.write_text(file.read_text().replace("depends_on: [{task_key: first}]", "depends_on:"))
    assert told(root) == []


def test_an_unknown_target_is_told(root: Path) -> None:
    assert told(root, "production") == ["databricks.yml: targets.production: there is no such target"]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the CLI on PATH: notes how it is called, and refuses prod."""
    program = tmp_path / "bin" / "databricks"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@" >> "$0.calls"\n[ "$5" != prod ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    return program


def test_a_cli_that_is_there_validates_every_target_strictly(cli: Path) -> None:
    assert validated(["dev", "staging"])
    assert not validated(["prod", "dev"])
    assert cli.with_suffix(".calls").read_text().splitlines() == [
        f"bundle validate --strict --target {target}" for target in ("dev", "staging", "prod", "dev")
    ]


def test_what_cannot_be_validated_is_said(cli: Path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    monkeypatch.delenv("DATABRICKS_CONFIG_PROFILE", raising=False)
    assert validated(["dev"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert validated(["dev"])
    assert capsys.readouterr().out.splitlines() == [
        "not done: `databricks bundle validate --strict`, for want of a workspace (DATABRICKS_HOST)",
        "not done: `databricks bundle validate --strict`, because there is no databricks on PATH",
    ]
    assert not cli.with_suffix(".calls").exists()
