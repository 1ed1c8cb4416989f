"""Two metastores that are governed from the same contracts, each over HTTP, found through the account."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from tests.governance.conftest import PRINCIPALS, run_once
from tests.governance.scene import PARTNER, wanted
from tests.governance.unity import Unity, served
from typer.testing import CliRunner

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.governance import workspace

PEOPLE, SALES = "shop_prod.silver.people", "shop_prod.gold.sales"
FILE = """\
variables: {role: {description: A role}}
groups: {engineer: , analyst: , care: , north: , board: }
credentials: {a: {role_arn: "${var.role}"}}
storage_configurations: {a: {bucket: b}}
metastores:
  eu: {region: eu-west-1, governed_from: one, warehouse: governance,
       contracts: [{product: shop, environment: prod}]}
  us: {region: us-east-1, governed_from: two, warehouse: governance,
       contracts: [{product: shop, environment: prod}]}
workspaces:
  one: {region: eu-west-1, credentials: a, storage_configuration: a, metastore: eu,
        warehouses: {governance: {cluster_size: 2X-Small}}}
  two: {region: us-east-1, credentials: a, storage_configuration: a, metastore: us,
        warehouses: {governance: {cluster_size: 2X-Small}}}
"""


@pytest.fixture
def regions(product, tmp_path, monkeypatch):
    """Unity Catalog of both regions, by metastore, as an account leads there; and the platform file."""
    sdk = pytest.importorskip("databricks.sdk", reason="databricks-sdk is not installed (extra `databricks`)")
    from tests.platform.account import ID, Account
    from tests.platform.account import served as served_account

    monkeypatch.setattr(workspace, "_FIRST_WAIT", 0.0)
    account, found = Account(), {}
    (tmp_path / "platform.yaml").write_text(FILE)
    with ExitStack() as stack:
        addresses = {}
        for metastore, seat, id_ in (("eu", "one", 1), ("us", "two", 2)):
            unity = Unity(principals=set(PRINCIPALS), metastore=metastore, warehouses={seat: "governance"})
            run_once(unity, wanted(product))
            found[metastore], addresses[id_] = unity, stack.enter_context(served(unity))
            account.of("workspaces")[str(id_)] = {
                "workspace_id": id_, "workspace_name": seat, "workspace_status": "RUNNING",
            }  # fmt: skip
        host = stack.enter_context(served_account(account))
        given = {"HOST": host, "ACCOUNT_ID": ID, "TOKEN": "token", "CONFIG_FILE": "/nowhere"}
        for name, value in given.items():
            monkeypatch.setenv(f"DATABRICKS_{name}", value)
        monkeypatch.setattr(
            sdk.AccountClient, "get_workspace_client",  # whose address would be one of Databricks
            lambda _, one: sdk.WorkspaceClient(host=addresses[one.workspace_id], token="token"),
        )  # fmt: skip
        yield found


@pytest.fixture
def run(tmp_path):
    def command(*arguments):
        for function in (screen.out, screen.err):
            function.cache_clear()
        file = str(tmp_path / "platform.yaml")
        return CliRunner().invoke(
            app, ["governance", arguments[0], "--platform", file, "--var", "role=r", *arguments[1:]]
        )

    return command


def changes(run):
    return {
        one["metastore"]: [change["said"] for change in one["changes"]]
        for one in json.loads(run("plan", "--json").stdout)["metastores"]
    }


def test_both_regions_become_what_the_same_contracts_say_and_the_second_plan_is_empty(regions, run):
    done = run("apply")

    assert done.exit_code == 0
    for unity in regions.values():
        assert unity.grants["table", PEOPLE]["analyst"] == ["SELECT"]
        assert len([one for one in unity.get("table", PEOPLE)["columns"] if "mask" in one]) == 2
    assert [line for line in done.stdout.splitlines() if line.startswith(("eu", "us"))] == [
        "eu: shop, prod", "us: shop, prod",
    ]  # fmt: skip
    assert changes(run) == {"eu": [], "us": []}


def test_a_region_shares_with_the_other_and_not_with_itself(regions, run, product):
    sales = product / "sales.odcs.yaml"
    sales.write_text(sales.read_text().replace(PARTNER, "aws:us:1"))

    assert run("apply").exit_code == 0

    assert [one["name"] for one in regions["eu"].get("share", "partner")["objects"]] == [SALES]
    assert "share" not in regions["us"].objects and "recipient" not in regions["us"].objects
    assert changes(run) == {"eu": [], "us": []}


def test_drift_is_told_and_set_right_where_it_is(regions, run):
    run("apply")
    regions["us"].grants["table", PEOPLE]["analyst"] = ["MODIFY", "SELECT"]

    assert changes(run) == {"eu": [], "us": [f"analyst may no longer MODIFY on table {PEOPLE}"]}
    regions["eu"].asked.clear()
    run("apply")
    assert changes(run) == {"eu": [], "us": []}
    assert {asked.split(" ")[0] for asked in regions["eu"].asked} == {"GET"}


def test_a_region_that_fails_does_not_keep_the_other_from_being_governed(regions, run):
    regions["eu"].fails = lambda asked: "/catalogs/" in asked

    done = run("apply", "--json")

    assert done.exit_code == 1
    eu, us = json.loads(done.stdout)["metastores"]
    assert "User does not have MANAGE on it." in eu["error"] and us["applied"] is True
    assert "eu: Unity Catalog does not tell what is there" in done.stderr
    regions["eu"].fails = lambda asked: False
    assert run("apply").exit_code == 0
    assert changes(run) == {"eu": [], "us": []}


def test_a_workspace_of_another_metastore_is_not_governed_by_mistake(regions, run):
    regions["us"].metastore = "automatic"

    done = run("apply")

    assert done.exit_code == 1
    assert "us is governed from the workspace `two`, which has the metastore automatic." in done.stderr
    assert ("table", PEOPLE) in regions["eu"].grants and ("table", PEOPLE) not in regions["us"].grants


def test_a_workspace_or_warehouse_that_is_not_there_is_named(regions, run):
    regions["eu"].warehouses = {}

    done = run("plan")

    assert done.exit_code == 1
    assert "The workspace `one` has no SQL warehouse `governance`. `medallion platform apply`" in done.stderr


def test_contracts_that_show_too_much_are_applied_nowhere(regions, run, product):
    people = product / "people.odcs.yaml"
    people.write_text(people.read_text().replace("classification: confidential", "classification: public"))

    done = run("apply")

    assert isinstance(done.exception, GovernanceError)
    assert "would show what they should not, so nothing was changed" in str(done.exception)
    assert regions["eu"].asked == regions["us"].asked == []


def test_the_catalog_of_the_contracts_is_one_as_the_metastore_spells_it(regions, tmp_path):
    from medallion_pipelines.platform import load_platform

    resources = load_platform(tmp_path / "platform.yaml", {"role": "r"}).resources

    catalogs = [(each.key.name, each.key.within) for each in resources if each.key.kind == "catalog"]
    assert catalogs == [("shop_prod", "eu"), ("shop_prod", "us")]


def test_a_platform_file_has_its_own_products_and_environments(run):
    assert "has products and environments of its own" in run("plan", "--target", "prod").stderr
    for function in (screen.out, screen.err):
        function.cache_clear()
    assert "Or --platform FILE." in CliRunner().invoke(app, ["governance", "plan"]).stderr
    given = ["governance", "plan", "--target", "prod", "--var", "a=b"]
    assert "is for a platform file" in CliRunner().invoke(app, given).stderr
