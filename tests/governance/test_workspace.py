"""`medallion governance plan` and `apply` against Unity Catalog over HTTP."""

from __future__ import annotations

import json

import pytest
from tests.governance.scene import PARTNER, contracts, governed, role, shop, wanted
from tests.support import column, silver
from typer.testing import CliRunner

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.errors import GovernanceError, SetupError
from medallion_pipelines.governance import workspace

PEOPLE, ORDERS, SALES = "shop_prod.silver.people", "shop_prod.silver.orders", "shop_prod.gold.sales"


@pytest.fixture
def run(product, monkeypatch):
    monkeypatch.setattr(workspace, "_FIRST_WAIT", 0.0)

    def command(*arguments, folder=product, fails=None):
        for function in (screen.out, screen.err):
            function.cache_clear()
        done = CliRunner().invoke(
            app, ["governance", arguments[0], str(folder), "--target", "prod", *arguments[1:]]
        )
        if fails is None and done.exception is not None:
            raise done.exception
        return done

    return command


def planned(run, **more):
    return json.loads(run("plan", "--json", **more).stdout)["changes"]


def test_apply_makes_all_that_the_contracts_say_and_the_second_plan_is_empty(unity, run):
    run("apply")

    assert unity.grants["table", PEOPLE] == {
        "analyst": ["SELECT"], "care": ["SELECT"], "engineer": ["MODIFY", "SELECT"],
    }  # fmt: skip
    assert unity.grants["table", "shop_prod.bronze.people"] == {"engineer": ["SELECT"]}
    assert unity.grants["table", "shop_prod.gold.board"] == {"board": ["SELECT"]}
    assert unity.grants["schema", "shop_prod.bronze"] == {"engineer": ["USE_SCHEMA"]}
    assert unity.grants["share", "partner"] == {"partner": ["SELECT"]}
    people, orders = unity.get("table", PEOPLE), unity.get("table", ORDERS)
    masks = {c["name"]: c["mask"]["function_name"] for c in people["columns"] if "mask" in c}
    assert masks == {
        "email": "shop_prod.governance.mask_silver__people__email",
        "address": "shop_prod.governance.mask_silver__people__address",
    }
    assert orders["row_filter"] == {
        "function_name": "shop_prod.governance.rows_silver__orders", "input_column_names": ["region"],
    }  # fmt: skip
    functions = {
        name.rpartition(".")[2]: f["routine_definition"] for name, f in unity.objects["function"].items()
    }
    assert functions == {
        "mask_silver__people__email": "CASE WHEN is_account_group_member('engineer') OR "
        "is_account_group_member('care') THEN value ELSE '***' END",
        "mask_silver__people__address": "CASE WHEN is_account_group_member('engineer') THEN value "
        "ELSE CAST(NULL AS STRUCT<`street`: STRING>) END",
        "rows_silver__orders": "is_account_group_member('engineer') OR is_account_group_member('analyst') OR "
        "(is_account_group_member('north') AND (region = 'north'))",
    }
    assert unity.tags["tables", PEOPLE] == {
        "product": "shop", "domain": "retail", "shop": "", "retention_days": "30",
        "classification": "confidential restricted",
    }  # fmt: skip
    assert unity.tags["columns", f"{PEOPLE}.email"] == {"pii": "email", "classification": "confidential"}
    assert (people["owner"], people["comment"]) == ("shop-data", "One person.")
    assert people["table_constraints"] == [
        {"primary_key_constraint": {"name": "medallion_pk_people", "child_columns": ["id"]}}
    ]
    assert orders["table_constraints"][1]["foreign_key_constraint"]["parent_table"] == PEOPLE
    assert [one["name"] for one in unity.get("share", "partner")["objects"]] == [SALES]
    assert unity.get("recipient", "partner")["data_recipient_global_metastore_id"] == PARTNER
    assert planned(run) == []


def test_a_dry_run_and_a_plan_change_nothing(unity, run):
    done = run("apply", "--dry-run")

    run("plan")
    assert "+ analyst may SELECT on table shop_prod.silver.people\n" in done.stdout
    assert "+ column shop_prod.silver.people.email is masked by" in done.stdout
    assert {asked.split(" ")[0] for asked in unity.asked} == {"GET"}


def test_what_was_changed_by_hand_is_told_and_set_right(unity, run):
    run("apply")
    unity.grants["table", PEOPLE] |= {"analyst": ["MODIFY", "SELECT"], "account users": ["SELECT"]}
    unity.get("table", PEOPLE)["columns"] = [
        {key: value for key, value in c.items() if key != "mask"}
        for c in unity.get("table", PEOPLE)["columns"]
    ]
    unity.tags["columns", f"{PEOPLE}.email"]["classification"] = "public"
    unity.objects["function"]["shop_prod.governance.rows_silver__orders"]["routine_definition"] = "TRUE"

    told = run("plan").stdout.splitlines()

    assert told == [
        "Somebody may see more, or less",
        "  ~ function shop_prod.governance.rows_silver__orders: is_account_group_member('engineer') OR "
        "is_account_group_member('analyst') OR (is_account_group_member('north') AND (region = 'north')) "
        "(was TRUE)",
        "Somebody may see less",
        "  - analyst may no longer MODIFY on table shop_prod.silver.people",
        "  + column shop_prod.silver.people.address is masked by "
        "shop_prod.governance.mask_silver__people__address",
        "  + column shop_prod.silver.people.email is masked by "
        "shop_prod.governance.mask_silver__people__email",
        "Described",
        "  ~ column shop_prod.silver.people.email: tag classification = confidential (was public)",
        "Granted or set by others, and left alone",
        "  ! account users may SELECT on table shop_prod.silver.people: EVERYBODY in the account",
    ]
    run("apply")
    assert planned(run) == []
    assert unity.grants["table", PEOPLE]["account users"] == ["SELECT"]


def test_cut_off_anywhere_the_same_command_goes_on(unity, run):
    everything = len(planned(run))
    made = 0
    while True:
        writes = iter(range(25))
        unity.fails = lambda asked, writes=writes: not asked.startswith("GET ") and next(writes, None) is None
        done = run("apply", fails=True)
        if done.exception is None:
            break
        assert "User does not have MANAGE on it." in str(done.exception)
        assert f"\n25 of {everything - made} changes were made." in str(done.exception)
        made += 25
    unity.fails = lambda asked: False
    assert made > 0 and planned(run) == []


def test_a_group_that_is_not_there_is_named_and_nothing_is_opened_after_it(unity, run):
    unity.principals.remove("care")

    done = run("apply", fails=True)

    assert isinstance(done.exception, GovernanceError)
    assert "care may USE CATALOG on catalog shop_prod: Could not find principal with name care" in str(
        done.exception
    )
    assert len([column for column in unity.get("table", PEOPLE)["columns"] if "mask" in column]) == 2
    assert ("table", PEOPLE) not in unity.grants


def test_what_is_granted_to_a_group_that_is_gone_does_not_stop_the_rest(unity, run, product):
    run("apply")
    unity.principals.remove("north")
    rest = contracts()
    del rest[1]["roles"][-1]
    shop(product.parent, *rest)

    run("apply")

    assert "row_filter" not in unity.get("table", ORDERS)
    told = json.loads(run("plan", "--json").stdout)
    assert told["changes"] == []
    assert {one["item"][0] for one in told["foreign"]} == {"north"}


def test_users_and_columns_are_the_same_in_any_case_and_groups_are_not(unity, run, tmp_path):
    contract = governed(
        silver("odd", [column("Id", "integer"), column("eMail", classification="restricted")], key=["Id"]),
        role("Anna@Example.com"), role("engineer", "write"), team={"name": "Owner@Example.com"},
    )  # fmt: skip
    folder = shop(tmp_path / "other", contract)
    unity.principals |= {"anna@example.com", "owner@example.com"}
    unity.table("shop_prod.silver.odd", {"id": "bigint", "EMAIL": "string"})

    run("apply", folder=folder)

    assert unity.grants["table", "shop_prod.silver.odd"]["anna@example.com"] == ["SELECT"]
    assert "mask" in unity.get("table", "shop_prod.silver.odd")["columns"][1]
    told = json.loads(run("plan", "--json", folder=folder).stdout)
    assert told["changes"] == []
    assert told["waiting"] == ["shop_prod.bronze.odd", "shop_prod.silver.odd_quarantine"]
    unity.principals.remove("engineer")
    unity.principals.add("Engineer")
    unity.grants["table", "shop_prod.silver.odd"] = {}
    done = run("apply", folder=folder, fails=True)
    assert "Could not find principal with name engineer" in str(done.exception)


@pytest.mark.parametrize(
    ("server", "partner"),
    [
        ({"catalog": "a/../b"}, "partner"), ({"catalog": "a.b"}, "partner"), ({"schema": "x#y"}, "partner"),
        ({}, "par?t"), ({}, "a/permissions"),
    ],
)  # fmt: skip
def test_names_that_would_lead_a_request_elsewhere_are_refused(unity, run, tmp_path, server, partner):
    contract = governed(silver("a", [column("id")]), role(partner, recipient={"prod": PARTNER}))
    contract["servers"][0] |= server

    done = run("plan", folder=shop(tmp_path / "other", contract), fails=True)

    assert "cannot be governed, as a catalog, schema or recipient of shop: use letters" in str(done.exception)
    assert unity.asked == []


def test_what_people_wrote_cannot_pass_for_a_line_of_the_plan(unity, run, tmp_path):
    hostile = "Orders.\n  - analyst may no longer SELECT on table shop_prod.silver.a\x1b[2J"
    folder = shop(tmp_path / "other", governed(silver("a", [column("id")], description=hostile)))
    unity.table("shop_prod.silver.a", {"id": "string"})
    unity.grants["table", "shop_prod.silver.a"] = {"bob\n  + x": ["SELECT"]}

    told = run("plan", folder=folder).stdout

    assert "Orders.\\n  - analyst may no longer SELECT on table shop_prod.silver.a\\x1b[2J\n" in told
    assert "\n    bob\\n  + x may SELECT on table shop_prod.silver.a\n" in told


def test_a_workspace_that_does_not_answer_is_told_as_such(unity, run, monkeypatch, tmp_path):
    profile = tmp_path / "profile"
    profile.write_text("[DEFAULT]\nhost = http://127.0.0.1:9\ntoken = token\nretry_timeout_seconds = 1\n")
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profile))

    done = run("plan", fails=True)

    assert isinstance(done.exception, GovernanceError)
    assert "Unity Catalog does not tell what is there: " in str(done.exception)
    assert "Connection refused" in str(done.exception)


def test_contracts_that_would_show_what_they_should_not_are_not_applied(unity, run, product):
    open_to_all = governed(silver("open", [column("id")]), role("account users"))
    shop(product.parent, *contracts(), open_to_all)

    done = run("apply", "--json", fails=True)

    assert "would show what they should not, so nothing was changed:\n" in str(done.exception)
    assert "`account users` is everybody in the account" in str(done.exception)
    assert done.stdout == ""
    assert unity.asked == []


def test_without_a_warehouse_nothing_is_begun(unity, run, monkeypatch):
    monkeypatch.delenv("DATABRICKS_WAREHOUSE_ID")

    done = run("apply", fails=True)

    assert isinstance(done.exception, SetupError)
    assert "--warehouse-id ID, or DATABRICKS_WAREHOUSE_ID" in str(done.exception)
    assert {asked.split(" ")[0] for asked in unity.asked} == {"GET"}


def test_without_a_workspace_it_says_so(product, run, monkeypatch, tmp_path):
    pytest.importorskip("databricks.sdk")
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "HOME"):
        monkeypatch.setenv(name, "" if name != "HOME" else str(tmp_path))
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")

    done = run("plan", fails=True)

    assert isinstance(done.exception, SetupError)
    assert str(done.exception).startswith("No workspace to govern: ")


def test_volumes_and_external_locations_are_made_and_kept(unity, run, product):
    unity.put("storage_credential", "landing")
    unity.put("volume", "shop_prod.ops.checkpoints", volume_type="MANAGED")
    (product / "governance.yaml").write_text(
        "targets:\n  prod:\n    volumes:\n      - {name: bronze.landing, url: 's3://landing/shop'}\n"
        "      - {name: ops.checkpoints}\n    external_locations:\n"
        "      - {name: landing, url: s3://landing/shop/, credential: landing, read_only: true}\n"
    )

    run("apply")

    assert unity.get("volume", "shop_prod.bronze.landing")["storage_location"] == "s3://landing/shop"
    location = unity.get("external_location", "landing")
    assert (location["url"], location["read_only"]) == ("s3://landing/shop", True)
    assert planned(run) == []
    location["read_only"] = False
    assert [change["said"] for change in planned(run)] == [
        "external location landing: s3://landing/shop, landing, read only "
        "(was s3://landing/shop, landing, read and write)"
    ]
    run("apply")
    assert location["read_only"] is True


def test_texts_and_names_that_anybody_may_have_written_stay_texts_and_names(unity, run, tmp_path):
    hostile = "It's `x`; DROP TABLE y -- \\' ${env:HOME} \n'"
    contract = governed(
        silver(
            "odd",
            [
                column("id", "integer", description=hostile),
                column("odd", physicalName="a#b?c%2Fd", classification="restricted", tags=["p=i/i:x-y"]),
            ],
            key=["id"], description=hostile, tags=[hostile],
        ),
        role("o'brien', TRUE) OR ('", rows="id > 0"), role("engineer", "write"),
    )  # fmt: skip
    folder = shop(tmp_path / "other", contract)
    unity.principals.add("o'brien', TRUE) OR ('")
    unity.table("shop_prod.silver.odd", {"id": "bigint", "a#b?c%2Fd": "string"})

    run("apply", folder=folder)

    table = unity.get("table", "shop_prod.silver.odd")
    assert table["comment"] == table["columns"][0]["comment"] == hostile
    assert unity.tags["columns", "shop_prod.silver.odd.a#b?c%2Fd"] == {
        "p": "i_i_x_y", "classification": "restricted",
    }  # fmt: skip
    (rows,) = [f for name, f in unity.objects["function"].items() if "rows_" in name]
    assert rows["routine_definition"] == (
        "is_account_group_member('engineer') OR "
        "(is_account_group_member('o\\'brien\\', TRUE) OR (\\'') AND (id > 0))"
    )
    assert planned(run, folder=folder) == []
    odd = unity.tags["columns", "shop_prod.silver.odd.a#b?c%2Fd"]
    odd |= {"classification": "public"}
    run("apply", folder=folder)
    assert odd["classification"] == "restricted" and planned(run, folder=folder) == []


def test_a_primary_key_and_tags_that_were_changed_by_hand_are_set_right(unity, run):
    run("apply")
    key = unity.get("table", PEOPLE)["table_constraints"][0]["primary_key_constraint"]
    key["child_columns"] = ["country"]
    unity.tags["tables", PEOPLE] |= {"domain": "wholesale", "note": "by hand"}
    unity.tags["columns", f"{PEOPLE}.country"]["shop"] = ""

    assert [change["said"] for change in planned(run)] == [
        f"table {ORDERS}: person points to {PEOPLE}",
        f"table {PEOPLE}: primary key country",
        f"table {PEOPLE}: primary key id",
        f"table {ORDERS}: person points to {PEOPLE}",
        f"column {PEOPLE}.country: tag shop",
        f"table {PEOPLE}: tag domain = retail (was wholesale)",
    ]
    run("apply")
    assert planned(run) == []
    assert unity.tags["tables", PEOPLE]["note"] == "by hand"


def test_a_table_that_left_the_contracts_stays_closed(unity, run, product):
    run("apply")
    (product / "people.odcs.yaml").unlink()
    orders = product / "orders.odcs.yaml"
    orders.write_text(orders.read_text().replace("to: people.id", "to: orders.id"))

    run("apply")

    assert planned(run) == []
    assert unity.grants["table", PEOPLE] == unity.grants["table", "shop_prod.bronze.people"] == {}
    functions = [name for name in unity.objects["function"] if "people" in name]
    masks = [
        column["mask"]["function_name"]
        for column in unity.get("table", PEOPLE)["columns"]
        if "mask" in column
    ]
    assert sorted(masks) == sorted(functions) and len(masks) == 2
    unity.grants["table", PEOPLE]["analyst"] = ["SELECT"]
    assert [change["said"] for change in planned(run)] == [f"analyst may no longer SELECT on table {PEOPLE}"]


@pytest.mark.parametrize("text", ["{", '"people"', '{"people": 1}'])
def test_a_record_that_was_broken_by_hand_stops_the_plan(unity, run, text):
    run("apply")
    unity.get("schema", "shop_prod.governance")["properties"]["medallion.shop.tables"] = text

    done = run("plan", fails=True)

    assert "The property medallion.shop.tables of the schema shop_prod.governance was changed by hand" in str(
        done.exception
    )


def test_other_properties_of_the_schema_stay(unity, run):
    unity.put("schema", "shop_prod.governance", properties={"team": "data"})

    run("apply")

    assert unity.get("schema", "shop_prod.governance")["properties"]["team"] == "data"


def test_what_is_not_there_yet_is_named_and_governed_once_it_is(unity, run, product):
    for table in (PEOPLE, "shop_prod.gold.board"):
        del unity.objects["table"][table]

    run("apply")

    assert json.loads(run("plan", "--json").stdout)["waiting"] == ["shop_prod.gold.board", PEOPLE]
    desired = wanted(product)
    names = sorted(name.rpartition(".")[2] for name in desired.columns if name.startswith(f"{PEOPLE}."))
    unity.table(PEOPLE, dict.fromkeys(names, "string"))
    run("apply")
    assert unity.grants["table", PEOPLE]["analyst"] == ["SELECT"]
    assert (
        unity.get("table", ORDERS)["table_constraints"][1]["foreign_key_constraint"]["parent_table"] == PEOPLE
    )
