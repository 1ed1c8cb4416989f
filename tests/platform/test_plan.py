"""The plan: a pure comparison of what is declared with what is there."""

import pytest

from medallion_pipelines.platform.plan import (
    Change,
    Difference,
    Found,
    Key,
    Ref,
    Resource,
    Rules,
    as_values,
    described,
    plan,
)

NETWORK = Key("network", "eu")
WORKSPACE = Key("workspace", "ingest")
BINDING = Key("binding", "flights/ingest", "eu")
RULES = [
    Rules("network", {"vpc_id": "never"}, "Declare a new one."),
    Rules("workspace", {"network_id": "swap", "key_id": "once", "tier": "created"}),
    Rules("binding", whole=True),
]


def planned(*desired: Resource, found: tuple[Found, ...] = (), removed: tuple[Key, ...] = (), **more):
    return plan(desired, {each.key: each for each in found}, RULES, removed=removed, **more)


def test_objects_are_made_in_the_order_in_which_they_need_each_other():
    changes = planned(
        Resource(BINDING, {"mode": "rw"}),
        Resource(WORKSPACE, {"network_id": Ref(NETWORK)}),
        Resource(NETWORK, {"vpc_id": "vpc-1"}),
    )

    assert [(change.action, change.key) for change in changes] == [
        ("create", NETWORK), ("create", WORKSPACE), ("create", BINDING),
    ]  # fmt: skip


def test_an_object_that_is_as_declared_has_no_change():
    values = {"network_id": Ref(NETWORK), "tags": {"team": "a"}, "ids": ("b", "a"), "none": ""}
    there = {**values, "ids": ("a", "b"), "none": None, "unmanaged": 1}

    assert planned(Resource(WORKSPACE, values), found=(Found(WORKSPACE, "1", there),)) == []


def test_a_changed_value_is_an_update_that_says_from_what_to_what():
    found = Found(WORKSPACE, "1", {"tags": {"team": "a"}})

    assert planned(Resource(WORKSPACE, {"tags": {"team": "b"}}), found=(found,)) == [
        Change("update", WORKSPACE, (Difference("tags", {"team": "a"}, {"team": "b"}),))
    ]


def test_what_cannot_be_changed_is_refused_with_what_to_do_and_never_made_anew():
    (change,) = planned(
        Resource(NETWORK, {"vpc_id": "vpc-2"}), found=(Found(NETWORK, "1", {"vpc_id": "vpc-1"}),)
    )

    assert change.action == "refuse"
    assert described(change) == [
        "! refuse network `eu`",
        "    vpc_id: vpc-1 -> vpc-2",
        "    vpc_id cannot be changed. Declare a new one.",
    ]


@pytest.mark.parametrize(
    ("field", "before", "after", "action"),
    [
        ("network_id", "1", "2", "update"),
        ("network_id", None, "2", "refuse"),
        ("key_id", None, "2", "update"),
        ("key_id", "1", "2", "refuse"),
        ("tier", "PREMIUM", "STANDARD", None),
    ],
)
def test_some_values_may_only_be_set_and_some_only_be_replaced(field, before, after, action):
    found = Found(WORKSPACE, "1", {field: before})

    assert [c.action for c in planned(Resource(WORKSPACE, {field: after}), found=(found,))] == (
        [action] if action else []
    )


def test_what_has_to_go_goes_last_and_in_the_opposite_order():
    found = (Found(NETWORK, "1"), Found(WORKSPACE, "2"), Found(BINDING, "3"))

    changes = planned(Resource(Key("network", "us")), found=found, removed=(NETWORK, WORKSPACE))

    assert [(change.action, change.key) for change in changes] == [
        ("create", Key("network", "us")), ("delete", BINDING), ("delete", WORKSPACE), ("delete", NETWORK),
    ]  # fmt: skip


def test_what_is_to_go_and_is_not_there_is_no_change():
    assert planned(removed=(NETWORK,)) == []


def test_of_kinds_that_are_not_declared_as_a_whole_others_stay():
    assert planned(found=(Found(NETWORK, "1"),)) == []


def test_what_needs_something_from_outside_waits_and_so_does_what_needs_that():
    changes = planned(
        Resource(NETWORK),
        Resource(WORKSPACE, {"network_id": Ref(NETWORK)}),
        Resource(BINDING, after=(WORKSPACE,)),
        postponed={NETWORK: "The VPC is not there."},
    )

    assert [(change.action, change.reason) for change in changes] == [
        ("postpone", "The VPC is not there."),
        ("postpone", "It needs network `eu`."),
        ("postpone", "It needs workspace `ingest`."),
    ]


def test_an_object_in_the_making_is_awaited_and_a_failed_one_needs_other_values():
    pending = Found(WORKSPACE, "1", {"tags": None}, "pending", "It is PROVISIONING.")
    failed = Found(WORKSPACE, "1", {"tags": None}, "failed", "It is FAILED.")
    same, other = Resource(WORKSPACE), Resource(WORKSPACE, {"tags": {"team": "a"}})

    actions = [planned(one, found=(there,))[0].action for there in (pending, failed) for one in (same, other)]

    assert actions == ["await", "await", "refuse", "update"]


def test_two_objects_of_one_name_are_refused_whatever_they_are_like():
    found = Found(WORKSPACE, "1", {}, "ambiguous", "There are two.")

    assert planned(Resource(WORKSPACE, {"tags": {"a": "b"}}), found=(found,)) == [
        Change("refuse", WORKSPACE, reason="There are two.")
    ]


def test_a_plan_for_programs_names_what_references_mean():
    (change,) = planned(Resource(WORKSPACE, {"network_id": Ref(NETWORK), "ids": (Ref(NETWORK), "a")}))

    assert as_values(change) == {
        "action": "create",
        "kind": "workspace",
        "name": "ingest",
        "within": "",
        "differences": [
            {"field": "ids", "before": None, "after": ["a", "eu"]},
            {"field": "network_id", "before": None, "after": "eu"},
        ],
        "reason": "",
    }
