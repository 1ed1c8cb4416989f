"""The bundle that is deployed: every target without a problem, and tasks as the contracts imply them."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from databricks.bundles.core import Bundle
from databricks.bundles.jobs import Job, RunIf
from jobs.definitions import LONGEST_KEY, REPORT
from scripts.bundle.__main__ import ROOT, VARIANTS, checked, from_environment
from scripts.bundle.config import load
from scripts.bundle.installed import check_entry_points, import_problem
from scripts.bundle.wheel import build
from tests.support import column, gold, silver, write_product

import jobs
from medallion_pipelines.cli import task as entry
from medallion_pipelines.lakehouse import Lakehouse

CHECKED = [{"property": "enforcement", "value": "checked"}]


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel, where the bundle looks for it."""
    return build(ROOT / "dist" / "bundle")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that products are looked for in, in place of the repository."""
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    return tmp_path


def made(**variables: str) -> Mapping[str, Job]:
    given = {"product": "flights", "compute": "serverless", "streams": "schedule", **variables}
    return jobs.load_resources(Bundle(target="dev", variables=given)).jobs


def order(job: Job) -> dict[str, list[str]]:
    return {task.task_key: [one.task_key for one in task.depends_on] for task in job.tasks}


@pytest.mark.parametrize("target", ["dev", "staging", "prod"])
def test_no_target_has_a_problem(wheel: Path, target: str) -> None:
    config = checked(ROOT, target)
    check_entry_points(config, wheel)
    assert [str(problem) for problem in config.problems] == []
    given_by_who_deploys = ["run_by", "warehouse_id", "landing_location"]
    assert config.asked == (["warehouse_id"] if target == "dev" else given_by_who_deploys)


@pytest.mark.parametrize("variant", VARIANTS[1:])
def test_job_clusters_and_streams_have_none_either(wheel: Path, variant: Mapping[str, str]) -> None:
    assert [str(problem) for problem in checked(ROOT, "prod", variant=variant).problems] == []


def test_a_product_of_ones_own_is_held_against_catalogs_and_dashboards(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_product", "live/product")
    problems = [str(problem) for problem in checked(ROOT, "prod", from_environment()).problems]
    assert (
        "resources/dashboards.yml: resources.dashboards.flights.datasets.totals: "
        "there is no table gold.carrier_performance_daily"
    ) in problems


def test_a_variable_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_produkt", "sales")
    problems = [str(problem) for problem in load(ROOT, "dev", from_environment()).problems]
    assert problems == ["databricks.yml: targets.dev.variables.produkt: there is no such variable"]


def test_the_wheel_of_the_same_contents_has_the_same_name_and_bytes(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())


def test_tasks_are_the_tables_in_the_order_that_contracts_imply() -> None:
    found = made()
    assert list(found) == ["ingest", "refine", "publish", "quality", "report", "maintain", "pipeline"]
    assert set(order(found["ingest"])) == {
        "bronze_aircraft_configurations", "bronze_airlines", "bronze_airports", "bronze_bookings",
        "bronze_flights", "bronze_passengers", "bronze_planes", "bronze_weather",
    }  # fmt: skip
    assert {key: after for key, after in order(found["refine"]).items() if after} == {
        "silver_flights": ["silver_airlines"]
    }
    published = order(found["publish"])
    assert published["gold_fact_flight"] == ["gold_dim_aircraft", "gold_dim_airport", "gold_dim_carrier"]
    assert published["gold_public_on_time"] == ["gold_carrier_performance_daily"]
    assert order(found["pipeline"]) == {
        "ingest": [], "refine": ["ingest"], "publish": ["refine"], "quality": ["publish"],
        "report": ["quality"], "built": ["ingest", "refine", "publish"],
    }  # fmt: skip


def outcome(job: Job, failing: set[str]) -> str:
    """How Databricks has a run end: tasks by their `run_if`, the run by its leaves."""
    ended: dict[str, bool] = {}
    for task in job.tasks:  # each after those it depends on
        before = [ended[one.task_key] for one in task.depends_on]
        runs = all(before) or task.run_if == RunIf.ALL_DONE
        ended[task.task_key] = runs and task.task_key not in failing
    inner = {one.task_key for task in job.tasks for one in task.depends_on}
    if not all(well for key, well in ended.items() if key not in inner):
        return "FAILED"
    return "SUCCESS" if all(ended.values()) else "SUCCESS_WITH_FAILURES"


@pytest.mark.parametrize(
    ("failing", "ends"),
    [
        (set(), "SUCCESS"),
        ({"quality"}, "SUCCESS_WITH_FAILURES"),
        ({"ingest"}, "FAILED"),
        ({"refine", "quality"}, "FAILED"),  # what is not built breaks a promise, too
        ({"publish", "quality"}, "FAILED"),
        ({"report"}, "FAILED"),
    ],
)
def test_a_broken_promise_can_be_told_from_a_table_that_is_not_built(failing: set[str], ends: str) -> None:
    assert outcome(made()["pipeline"], failing) == ends


def test_a_contract_more_is_a_task_more(root: Path) -> None:
    inputs = [{"table": "silver.a"}]
    write_product(root / "p", silver("a", [column("id", "integer")]))
    before = made(product="p")
    write_product(
        root / "p", gold("mart", [column("id", "integer")], inputs, key=["id"]), mart="SELECT id FROM {a}"
    )
    after = made(product="p")
    assert after.keys() - before.keys() == {"publish"}
    assert order(after["publish"]) == {"gold_mart": []}


def test_streams_are_read_on_a_schedule_or_on_and_on_by_a_job_of_their_own(root: Path) -> None:
    source = {"stream": "events", "format": "json"}
    contract = silver("events", [column("id", "integer")], custom={"source": source})
    write_product(root / "p", contract)
    scheduled = made(product="p")
    assert "ingest" not in scheduled
    assert scheduled["ingest_streams"].schedule is not None
    assert order(scheduled["pipeline"])["refine"] == ["ingest_streams"]
    forever = made(product="p", compute="job_cluster", streams="continuous")
    assert forever["ingest_streams"].continuous is not None and forever["ingest_streams"].queue is None
    assert [task.max_retries for task in forever["ingest_streams"].tasks] == [None]
    assert order(forever["pipeline"])["refine"] == []  # that job never ends: nothing can wait for it


def test_names_that_are_too_long_for_a_task_stay_apart(root: Path) -> None:
    long = "a" * 127
    b = silver(f"{long}b", [column("id", "integer")], key=["id"])
    points = {"relationships": [{"type": "foreignKey", "to": f"{long}b.id", "customProperties": CHECKED}]}
    write_product(root / "p", b, silver(f"{long}c", [column("id", "integer", **points)]))
    tasks = order(made(product="p")["refine"])
    assert len(tasks) == 2 and {len(key) for key in tasks} == {LONGEST_KEY}
    first, second = tasks
    assert tasks == {first: [], second: [first]}


@pytest.mark.parametrize("name", ["", ".", "..", "live/../..", "/etc", "{elsewhere}"])
def test_a_product_outside_of_the_bundle_is_refused(root: Path, tmp_path_factory, name: str) -> None:
    elsewhere = write_product(tmp_path_factory.mktemp("p"), silver("a", [column("id", "integer")]))
    assert refused(name.format(elsewhere=elsewhere)).endswith(
        "is not a folder in this bundle: only its files are deployed."
    )


@pytest.mark.parametrize("name", ["a & b", "${var.catalog}", "{{job.id}}", "caf\u00e9"])
def test_a_folder_that_no_tag_and_no_parameter_can_name_is_refused(root: Path, name: str) -> None:
    write_product(root / name, silver("a", [column("id", "integer")]))
    assert refused(name).startswith(f"The product's folder {name!r}: letters, digits")


def test_tasks_find_a_product_by_its_plain_path_and_a_shipped_one_by_name(root: Path) -> None:
    write_product(root / "products" / "sales", silver("a", [column("id", "integer")]))
    (root / "flights").mkdir()  # a folder of that name changes nothing
    for name, place in {
        "products/../products/sales/": "${workspace.file_path}/products/sales",
        "flights": "flights",
    }.items():
        told = {one.name: one.default for one in made(product=name)["refine"].parameters}
        assert told["product"] == place


def refused(product: str) -> str:
    given = {"product": product, "compute": "serverless", "streams": "schedule"}
    found = jobs.load_resources(Bundle(target="dev", variables=given))
    assert found.jobs == {}
    return "".join(one.summary for one in found.diagnostics.items)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"compute": "cluster"}, "The variable compute is 'cluster': it is serverless or job_cluster."),
        ({"streams": "always"}, "The variable streams is 'always': it is schedule or continuous."),
        (
            {"streams": "continuous"},
            "Continuous streams are for job clusters: set compute to job_cluster.",
        ),
    ],
)
def test_variables_that_cannot_be_are_refused(variables: Mapping[str, str], said: str) -> None:
    config = load(ROOT, "dev", variables)
    assert [str(problem) for problem in config.problems] == [
        f"databricks.yml: python.resources[0]: jobs:load_resources: {said}"
    ]


def test_every_job_runs_once_at_a_time_waits_its_turn_ends_and_tells() -> None:
    for job in made().values():
        assert (job.max_concurrent_runs, job.queue and job.queue.enabled) == (1, True)
        assert job.timeout_seconds and job.health and job.health.rules
        assert job.email_notifications and job.email_notifications.on_failure
        assert {"product", "job", "environment", "cost_center"} <= job.tags.keys()
        assert {one.name for one in job.parameters} == {"catalog", "product"}


@pytest.mark.slow
def test_the_wheel_imports_beside_what_databricks_brings_and_nothing_else(
    wheel: Path, tmp_path: Path
) -> None:
    assert import_problem(wheel) is None
    broken = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():  # as if nobody had declared it
            text = old.read(name)
            new.writestr(name, text.replace(b"Requires-Dist: tenacity", b"X-Dist: tenacity"))
    said = import_problem(broken)
    assert said is not None and "No module named 'tenacity'" in said


@pytest.mark.slow
@pytest.mark.engine
def test_the_tasks_of_all_jobs_bring_a_product_up_to_date(
    lakehouse: Lakehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = root / "sales"
    settings = lakehouse.settings
    write_product(
        folder,
        silver("a", [column("id", "integer")], key=["id"]),
        gold("mart", [column("id", "integer")], [{"table": "silver.a", "grain": {"id": "id"}}], key=["id"]),
        mart="SELECT id FROM {a}",
    )
    (Path(settings.landing) / "a").mkdir()
    (Path(settings.landing) / "a" / "1.json").write_text('{"id": 1}\n{"id": 2}\n')
    told = {
        "{{job.parameters.product}}": str(folder),
        "MEDALLION_CATALOG": settings.catalog,
        "MEDALLION_BRONZE_SCHEMA": settings.bronze,
        "MEDALLION_SILVER_SCHEMA": settings.silver,
        "MEDALLION_GOLD_SCHEMA": settings.gold,
        "MEDALLION_OPS_SCHEMA": settings.ops,
        "MEDALLION_LANDING": settings.landing,
        "MEDALLION_CHECKPOINTS": str(root / "checkpoints"),
        "MEDALLION_SECRET_SCOPE": "",
    }
    for name in ("TZ", *(name for name in told if name.startswith("MEDALLION_"))):
        monkeypatch.setenv(name, "")  # so that it is put back
    monkeypatch.setenv("MEDALLION_WAREHOUSE", settings.warehouse or "")
    monkeypatch.setattr("medallion_pipelines.lakehouse.get_session", lambda settings: lakehouse.spark)
    told[REPORT] = str(root / "report.html")
    found = made(product="sales")
    for name in ("ingest", "refine", "publish", "quality", "report", "maintain"):
        for task in found[name].tasks:
            wheel_task = task.python_wheel_task
            assert wheel_task is not None and wheel_task.parameters is not None
            words = [_filled(str(word), told) for word in wheel_task.parameters]
            monkeypatch.setattr(sys, "argv", ["medallion-task", *words])
            entry.main()
    assert sorted(row.id for row in lakehouse.table("gold.mart").collect()) == [1, 2]
    assert lakehouse.table("ops.table_status").where("broken IS NOT NULL").count() == 0
    assert "gold.mart" in (root / "report.html").read_text("utf-8")


def _filled(word: str, told: Mapping[str, str]) -> str:
    name = word.partition("=")[0]
    return told.get(word, f"{name}={told[name]}" if name in told else word)
