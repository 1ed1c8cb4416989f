"""`apply`, at the level of HTTP: an account becomes what a file declares, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.platform.account import Account, RefusedError, clients, served
from tests.platform.conftest import Edit, complete, deploy

from medallion_pipelines.errors import PlatformError
from medallion_pipelines.platform import Clients, Platform, apply, changes
from medallion_pipelines.platform.plan import Key, described

Edited = Callable[[Edit], Platform]


def words(clients: Clients, platform: Platform) -> list[str]:
    return [line for change in changes(clients, platform) for line in described(change)]


def test_an_empty_account_becomes_what_is_declared(account, speaking, small):
    apply(speaking, small)
    deploy(account)
    apply(speaking, small)

    eu, one = account.id("metastores", "eu"), account.id("workspaces", "one")
    workspace = account.of("workspaces")[one]
    assert workspace == {
        "workspace_id": int(one),
        "workspace_name": "one",
        "workspace_status": "RUNNING",
        "deployment_name": "dbc-one",
        "aws_region": "eu-west-1",
        "credentials_id": account.id("credentials", "one"),
        "storage_configuration_id": account.id("storage-configurations", "one-root"),
        "network_id": account.id("networks", "one"),
        "private_access_settings_id": account.id("private-access-settings", "eu"),
        "network_connectivity_config_id": account.id("network-connectivity-configs", "eu"),
        "managed_services_customer_managed_key_id": next(iter(account.of("customer-managed-keys"))),
        "custom_tags": {"team": "flights"},
    }
    assert next(iter(account.of("networks").values()))["vpc_endpoints"] == {
        "rest_api": [account.id("vpc-endpoints", "rest")],
        "dataplane_relay": [account.id("vpc-endpoints", "relay")],
    }
    assert account.of("assignments")[one]["metastore_id"] == eu
    assert account.of("metastores")[eu]["owner"] == "admins_of_data"
    assert [
        each["isolation_mode"] for each in account.of(f"{eu}/catalogs").values() if each["name"] == "flights"
    ] == ["ISOLATED"]
    (bound,) = account.of(f"{eu}/flights/bindings").values()
    assert (bound["workspace_id"], bound["binding_type"]) == (int(one), "BINDING_TYPE_READ_WRITE")
    (connection,) = account.of(f"{eu}/connections").values()
    assert (connection["options"], connection["secrets"]) == (
        {"host": "db.example.com", "port": "5432"},
        {"password": "flights.secrets.rds"},
    )
    acl = {each["label"].split()[0]: each["acl"] for each in account.of(f"{one}/permissions").values()}
    owner = {"user_name": "deployer@example.com", "permission_level": "IS_OWNER"}
    assert acl == {
        "jobs": [owner, {"group_name": "engineers", "permission_level": "CAN_MANAGE_RUN"}],
        "warehouses": [owner, {"group_name": "engineers", "permission_level": "CAN_USE"}],
        "cluster-policies": [{"group_name": "engineers", "permission_level": "CAN_USE"}],
        "directories": [{"group_name": "engineers", "permission_level": "CAN_MANAGE"}],
    }
    (budget,) = account.of("budgets").values()
    assert budget["filter"] == {
        "tags": [{"key": "team", "value": {"operator": "IN", "values": ["flights"]}}],
        "workspace_id": {"operator": "IN", "values": [int(one)]},
    }


def test_the_second_time_there_is_nothing_to_do(whole, speaking, small):
    assert changes(speaking, small) == []
    assert apply(speaking, small) == []
    assert whole.log == []


def test_a_plan_changes_nothing(account, speaking, small):
    planned = changes(speaking, small)

    assert {change.action for change in planned} == {"create"}
    assert {change.key for change in planned} == {resource.key for resource in small.resources}
    assert account.log == []


def test_the_example_takes_one_apply_and_then_what_others_bring(account, speaking, example):
    done = apply(speaking, example)

    assert [change.key.name for change in done if change.action == "postpone"] == [
        "reservations", "reservations_rds", "directories /Shared/flights", "jobs flights refine",
    ]  # fmt: skip
    account.job("ingest", "flights refine")
    account.directory("ingest", "/Shared/flights")
    for secret in ("rds_user", "rds_password"):
        account.secret("flights-eu", f"platform.secrets.{secret}")
    apply(speaking, example)
    assert changes(speaking, example) == []
    assert {each["workspace_status"] for each in account.of("workspaces").values()} == {"RUNNING"}
    regions = {each["name"]: each["region"] for each in account.of("metastores").values()}
    assert regions == {"flights-eu": "eu-west-1", "flights-us": "us-east-1"}


class KilledError(Exception):
    """The process ends here."""


def killed_at(moment: int, platform: Platform, *, answered: bool) -> Account:
    """An account after an apply that was killed at a change, before or after it took effect, and a second."""
    account = Account()

    def kill(number: int) -> None:
        if number == moment:
            raise ConnectionError

    def die(seconds: float) -> None:
        raise KilledError

    with served(account) as address:
        if answered:
            account.before = kill
        else:
            account.after = kill
        with suppress(KilledError):
            apply(clients(address, die), platform)
        account.before = account.after = lambda number: None
        complete(address, account, platform)
        assert changes(clients(address), platform) == []
    return account


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(moment=st.integers(1, 36), answered=st.booleans())
def test_killed_anywhere_the_next_apply_completes_and_doubles_nothing(small, uninterrupted, moment, answered):
    assert killed_at(moment, small, answered=answered).content() == uninterrupted.content()


@pytest.mark.slow
@pytest.mark.parametrize("answered", [True, False])
def test_killed_at_every_single_change_the_next_apply_completes(small, uninterrupted, answered):
    for moment in range(1, len(uninterrupted.log) + 1):
        assert killed_at(moment, small, answered=answered).content() == uninterrupted.content()


def test_lost_answers_double_nothing_and_are_got_over_in_one_apply(
    account, speaking, small, uninterrupted, pauses
):
    lost = set(range(1, 40, 3))

    def lose(number: int) -> None:
        if number in lost:
            lost.remove(number)
            raise ConnectionError

    account.after = lose
    apply(speaking, small)
    deploy(account)
    apply(speaking, small)

    assert account.content() == uninterrupted.content()
    assert pauses.count(2.0) > 5


def test_throttling_that_does_not_end_is_told_with_the_object(account, speaking, small):
    def throttle(number: int) -> None:
        if number == 5:
            raise RefusedError(429, "RESOURCE_EXHAUSTED", "too many requests")

    account.before = throttle

    with pytest.raises(
        PlatformError, match="group member `service_principal:loader` of `engineers` cannot be made: too many"
    ):
        apply(speaking, small)
    assert len(account.log) == 4


def test_a_refusal_names_the_object_and_stops_there(account, speaking, small):
    account.of("networks")["1"] = {
        "network_id": "1", "network_name": "another", "subnet_ids": ["subnet-1"],
        "security_group_ids": ["sg-9"],
    }  # fmt: skip

    with pytest.raises(PlatformError) as refused:
        apply(speaking, small)

    assert str(refused.value) == (
        "network `one` cannot be made: ['subnet-1'] are in the network another already. "
        "What was done before stays; mend this, and the same command goes on from here."
    )
    assert account.of("workspaces") == {}


def test_a_workspace_is_waited_for_and_nothing_is_made_in_it_before(account, speaking, small, pauses):
    account.looks = 4

    apply(speaking, small)

    assert pauses == [10.0, 10.0, 10.0]
    assert account.of("workspaces")[account.id("workspaces", "one")]["workspace_status"] == "RUNNING"


def test_a_workspace_that_fails_is_told_and_can_be_mended_by_what_it_is_made_of(
    account, speaking, small, edited
):
    account.failing = "the role cannot be assumed"

    with pytest.raises(PlatformError, match=r"workspace `one`\n.*FAILED: the role cannot be assumed"):
        apply(speaking, small)

    def other_role(content):
        content["credentials"]["two"] = {"role_arn": "arn:aws:iam::111111111111:role/two"}
        content["workspaces"]["one"]["credentials"] = "two"

    mended = edited(other_role)
    apply(speaking, mended)
    deploy(account)
    apply(speaking, mended)
    assert changes(speaking, mended) == []


def test_a_changed_network_is_refused_before_anything_is_done(whole, speaking, edited):
    def change(content):
        content["networks"]["one"]["subnet_ids"] = ["subnet-1", "subnet-3"]
        content["workspaces"]["one"]["tags"] = {"team": "other"}

    with pytest.raises(PlatformError) as refused:
        apply(speaking, edited(change))

    assert str(refused.value).splitlines() == [
        "! refuse network `one`",
        "    subnet_ids: [subnet-1, subnet-2] -> [subnet-1, subnet-3]",
        "    subnet_ids cannot be changed. Declare a new one under another name, let what uses this one use "
        "that, and put this one under `removed`.",
    ]
    assert whole.log == []


def test_a_network_is_replaced_by_a_new_one_and_the_old_one_goes_last(whole, speaking, edited):
    def replace(content):
        old = content["networks"].pop("one")
        content["networks"]["wider"] = {
            **old,
            "subnet_ids": ["subnet-3", "subnet-4"],
            "security_group_ids": ["sg-2"],
        }
        content["workspaces"]["one"]["network"] = "wider"
        content["removed"] = {"networks": ["one"]}

    wider = edited(replace)
    assert words(speaking, wider) == [
        "+ create network `wider`",
        "    security_group_ids: [sg-2]",
        "    subnet_ids: [subnet-3, subnet-4]",
        "    vpc_endpoints.dataplane_relay: [relay]",
        "    vpc_endpoints.rest_api: [rest]",
        "    vpc_id: vpc-1",
        "~ update workspace `one`",
        "    network_id: one -> wider",
        "- delete network `one`",
    ]

    do, whole.looks, states = whole.do, 3, []

    def watched(method, *more):
        if method == "DELETE":
            states.append(whole.of("workspaces")[whole.id("workspaces", "one")]["workspace_status"])
        return do(method, *more)

    whole.do = watched
    apply(speaking, wider)

    assert whole.names()["networks"] == ["wider"]
    assert states == ["RUNNING"]
    assert changes(speaking, wider) == []


def test_what_is_in_use_is_not_deleted(whole, speaking, edited):
    whole.of("workspaces")["7"] = {
        "workspace_id": 7, "workspace_name": "by hand", "workspace_status": "RUNNING", "network_id": "8",
    }  # fmt: skip
    whole.of("networks")["8"] = {
        "network_id": "8", "network_name": "old", "subnet_ids": [], "security_group_ids": [],
    }  # fmt: skip

    with pytest.raises(PlatformError, match=r"network `old` cannot be deleted: .*being used by by hand"):
        apply(speaking, edited(lambda content: content.update(removed={"networks": ["old"]})))

    assert whole.names()["networks"] == ["old", "one"]


def test_two_objects_of_one_name_are_refused(whole, speaking, small):
    whole.of("ServicePrincipals")["9"] = {"id": "9", "displayName": "loader", "active": True}

    with pytest.raises(PlatformError, match=r"service principal `loader`\n.*two of that name, .* and 9"):
        apply(speaking, small)


def test_a_group_that_the_account_spells_otherwise_is_refused_before_anything_is_done(
    account, speaking, small
):
    account._add("Groups", {"displayName": "Engineers"}, "id")

    with pytest.raises(PlatformError) as refused:
        apply(speaking, small)

    assert str(refused.value).splitlines() == [
        "! refuse group `engineers`", "    The account has it as `Engineers`: spell it so.",
    ]  # fmt: skip
    assert account.log == []


def test_a_job_whose_name_differs_in_case_is_another(whole, speaking, small):
    whole.job("one", "Refine")

    assert changes(speaking, small) == []


def test_a_group_that_leaves_the_permissions_of_a_workspace_may_not_enter_any_more(whole, speaking, edited):
    def other(content):
        one = content["workspaces"]["one"]
        one["permissions"] = {"engineers": "USER", "admins_of_data": "ADMIN"}

    apply(speaking, edited(other))
    before = edited(lambda content: None)

    assert words(speaking, before) == ["- delete workspace assignment `admins_of_data` of `one`"]
    apply(speaking, before)
    assert changes(speaking, before) == []
    entered = whole.of(f"{whole.id('workspaces', 'one')}/permissionassignments").values()
    assert [each["label"] for each in entered] == ["engineers"]


def test_what_people_changed_by_hand_is_in_the_plan_and_is_put_right(whole, speaking, small):
    eu, one = whole.id("metastores", "eu"), whole.id("workspaces", "one")
    whole.of(f"{eu}/flights/bindings")["77"] = {
        "workspace_id": 77, "binding_type": "BINDING_TYPE_READ_WRITE", "label": "77",
    }  # fmt: skip
    (catalog,) = (each for each in whole.of(f"{eu}/catalogs").values() if each["name"] == "flights")
    catalog["isolation_mode"] = "OPEN"
    next(iter(whole.of(f"{eu}/external-locations").values()))["comment"] = "by hand"
    next(iter(whole.of(f"{one}/warehouses").values())).update(auto_stop_mins=0, max_num_clusters=9)
    permissions = whole.of(f"{one}/permissions")
    (job,) = (each for key, each in permissions.items() if key.startswith("jobs/"))
    job["acl"] += [
        {"group_name": "users", "permission_level": "CAN_MANAGE"},
        {"user_name": "ann@example.com", "permission_level": "CAN_VIEW"},
    ]
    members = whole.of("Groups")[whole.id("Groups", "engineers")]["members"]
    members.append({"value": "a person"})

    assert words(speaking, small) == [
        "~ update external location `raw` of `eu`",
        "    comment: by hand -> as it came",
        "~ update isolation `flights` of `eu`",
        "    isolation_mode: OPEN -> ISOLATED",
        "~ update warehouse `bi` of `one`",
        "    auto_stop_mins: 0 -> 10",
        "~ update permission `jobs refine` of `one`",
        "    access: [engineers: CAN_MANAGE_RUN, users: CAN_MANAGE] -> [engineers: CAN_MANAGE_RUN]",
        "- delete binding `flights/77` of `eu`",
    ]
    apply(speaking, small)

    assert changes(speaking, small) == []
    (warehouse,) = whole.of(f"{one}/warehouses").values()
    assert (warehouse["auto_stop_mins"], warehouse["max_num_clusters"]) == (10, 9)
    (job,) = (each for key, each in permissions.items() if key.startswith("jobs/"))
    assert [each.get("group_name", each.get("user_name")) for each in job["acl"]] == [
        "deployer@example.com", "ann@example.com", "engineers",
    ]  # fmt: skip
    assert {"value": "a person"} in members


def test_changes_of_every_kind_that_can_change_are_made_in_place(whole, speaking, edited):
    def change(content):
        content["private_access_settings"]["eu"].update(
            public_access_enabled=True, private_access_level="ACCOUNT"
        )
        rules = content["network_connectivity_configs"]["eu"]["private_endpoint_rules"]
        rules["com.amazonaws.eu-west-1.s3"]["resource_names"] = ["raw", "trusted"]
        eu, one = content["metastores"]["eu"], content["workspaces"]["one"]
        eu["delta_sharing_scope"] = "INTERNAL"
        eu["storage_credentials"]["zones"]["comment"] = "of all zones"
        eu["catalogs"]["flights"]["comment"] = "Flights"
        eu["catalogs"]["flights"]["workspaces"] = {"one": "READ_ONLY"}
        eu["connections"]["rds"]["options"]["host"] = "db2.example.com"
        one["tags"] = {"team": "flights", "stage": "prod"}
        one["permissions"] = {"engineers": "ADMIN"}
        one["cluster_policies"]["jobs"]["definition"] = {
            "autoscale.max_workers": {"type": "fixed", "value": 2}
        }
        content["log_delivery"]["audit"]["status"] = "DISABLED"
        content["budgets"]["flights"]["alerts"].append({"usd_a_month": 2500.5, "notify": ["a@example.com"]})

    ids = {name: set(objects) for name, objects in whole.all.items()}
    (alert,) = next(iter(whole.of("budgets").values()))["alert_configurations"]
    changed = edited(change)

    assert {change.action for change in apply(speaking, changed)} == {"update"}

    assert changes(speaking, changed) == []
    assert {name: set(objects) for name, objects in whole.all.items()} == ids
    alerts = next(iter(whole.of("budgets").values()))["alert_configurations"]
    assert [each["quantity_threshold"] for each in alerts] == ["1000.00", "2500.50"]
    assert alerts[0] == alert
    (connection,) = whole.of(f"{whole.id('metastores', 'eu')}/connections").values()
    assert connection["secrets"] == {"password": "flights.secrets.rds"}
    assert connection["options"] == {"host": "db2.example.com", "port": "5432"}


def test_a_metastore_that_a_workspace_was_given_by_another_hand_is_not_taken_away(account, speaking, small):
    account.of("metastores")["9"] = {"metastore_id": "9", "name": "automatic", "region": "us-east-1"}
    assigned = count()

    def assign(number: int) -> None:
        if "one" in account.names().get("workspaces", []) and not next(assigned):
            one = account.id("workspaces", "one")
            account.of("assignments")[one] = {
                "workspace_id": int(one),
                "metastore_id": "9",
                "label": "assigned",
            }

    account.after = assign

    with pytest.raises(
        PlatformError, match=r"metastore assignment `metastore` of `one`\n.*metastore_id: 9 -> eu"
    ):
        apply(speaking, small)
    assert account.of("assignments")[account.id("workspaces", "one")]["metastore_id"] == "9"


def test_no_value_of_a_secret_is_ever_asked_for_or_told(whole, speaking, small, address):
    asked = []
    do = whole.do
    whole.do = lambda method, path, query, *more: (
        asked.append((path, query)),
        do(method, path, query, *more),
    )[1]
    (connection,) = whole.of(f"{whole.id('metastores', 'eu')}/connections")
    del whole.of(f"{whole.id('metastores', 'eu')}/connections")[connection]

    planned = changes(speaking, small)

    secrets = [query for path, query in asked if "/secrets/" in path]
    assert secrets == [{}]
    assert [change.key for change in planned] == [Key("connection", "rds", "eu")]
    assert json.dumps(words(speaking, small)).count("flights.secrets.rds") == 1


def test_what_shows_only_after_a_while_is_not_done_twice(account, speaking, small, pauses):
    do, hidden = account.do, {"Groups": 4, "networks": 3}

    def late(method, path, *more):
        answer = do(method, path, *more)
        for collection in hidden:
            if (
                method == "GET"
                and path.endswith(collection)
                and account.of(collection)
                and hidden[collection]
            ):
                hidden[collection] -= 1
                return {"Resources": []} if collection == "Groups" else []
        return answer

    account.do = late
    apply(speaking, small)

    assert account.names()["Groups"] == ["admins_of_data", "engineers"]
    assert account.names()["networks"] == ["one"]
    assert 2.0 in pauses


def test_what_does_not_take_effect_is_told_and_not_tried_for_ever(whole, speaking, edited):
    def heedless(number: int) -> None:
        next(iter(whole.of("workspaces").values()))["custom_tags"] = {"team": "flights"}

    whole.after = heedless

    with pytest.raises(PlatformError) as told:
        apply(speaking, edited(lambda content: content["workspaces"]["one"].update(tags={"team": "b"})))

    assert str(told.value).splitlines() == [
        "workspace `one` cannot be changed: it was done, and is not seen to be so.",
        "~ update workspace `one`",
        "    custom_tags: {team: flights} -> {team: b}",
    ]
    assert len(whole.log) == 1
