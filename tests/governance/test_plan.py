"""A plan leads to what the contracts say from any start, never opens on the way, and touches nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.governance.scene import PARTNER, contracts, governed, role, shop, wanted
from tests.support import column, silver

from medallion_pipelines.errors import GovernanceError
from medallion_pipelines.governance.diff import comment, plan
from medallion_pipelines.governance.model import Key

with tempfile.TemporaryDirectory() as _folder:
    SHOP = wanted(shop(Path(_folder)))
CATALOG, SCHEMA = "shop_prod", "shop_prod.governance"
PEOPLE, ORDERS = f"{CATALOG}.silver.people", f"{CATALOG}.silver.orders"
EMAIL = f"{PEOPLE}.email"


def apply(changes, state):
    """The state after the changes."""
    after = dict(state)
    for change in changes:
        if change.after is None:
            after.pop(change.key, None)
        else:
            after[change.key] = change.after
    return after


def grant(principal, privilege, name=PEOPLE, on="table"):
    return Key("grant", on, name, (principal, privilege))


def record(field, product="shop"):
    return Key("record", "schema", SCHEMA, (product, field))


THERE = {Key("object", "catalog", CATALOG): ""}
THERE |= {Key("object", "table", table): "MANAGED" for table in SHOP.tables}
THERE |= {Key("object", "column", name): "string" for name in SHOP.columns}
WHOLE = THERE | dict(SHOP.state)
OLD = f"{SCHEMA}.mask_silver__people__phone"
# what may be there beside it; True where the contracts made it once
BESIDE = {
    grant("analyst", "MODIFY"): ("granted", True),
    grant("engineer", "ALL_PRIVILEGES", CATALOG, "catalog"): ("granted", True),
    grant("former", "SELECT", ORDERS): ("granted", True),
    grant("bob", "SELECT"): ("granted", False),
    grant("account users", "SELECT"): ("granted", False),
    grant("reporting", "USE_CATALOG", CATALOG, "catalog"): ("granted", False),
    Key("tag", "table", PEOPLE, ("retired",)): ("yes", True),
    Key("tag", "table", ORDERS, ("shop",)): ("", True),
    Key("tag", "table", PEOPLE, ("cost_center",)): ("7", False),
    Key("mask", "column", f"{PEOPLE}.country"): (OLD, True),
    Key("mask", "column", f"{ORDERS}.amount"): ("security.functions.blur", False),
    Key("function", "function", OLD): (("value", "'***'", comment("shop")), True),
    Key("function", "function", f"{SCHEMA}.mine"): (("x", "x", "by hand"), False),
    Key("foreign key", "table", ORDERS, ("medallion_fk_old",)): (("region", PEOPLE, "country"), True),
    Key("foreign key", "table", ORDERS, ("by_hand",)): (("region", PEOPLE, "country"), False),
    Key("shared", "share", "partner", (ORDERS,)): ("TABLE", True),
    Key("grant", "share", "partner", ("partner", "MODIFY")): ("granted", True),
    record("principals", "other"): (("reporting", "analyst"), False),
}
RECORDED = {
    record("principals"): ("former",),
    record("tags"): ("retired",),
    record("shares"): ("partner",),
}
ALTERED = [
    key
    for key in SHOP.state
    if key.kind not in ("object", "record", "grant", "not null", "shared", "function")
]


def needed(key):
    """The objects without which a fact cannot be."""
    value = SHOP.state[key] if key in SHOP.state else BESIDE.get(key, ("",))[0]
    tables, columns = [key.table] if key.table else [], [key.name] if key.on == "column" else []
    match key.kind:
        case "primary key":
            columns = [f"{key.name}.{column}" for column in value]
        case "row filter":
            columns = [f"{key.name}.{column}" for column in value[1:]]
        case "foreign key":
            tables.append(value[1])
            columns = [f"{key.name}.{value[0]}", f"{value[1]}.{value[2]}"]
        case "shared":
            tables.append(key.item[0])
    if tables:
        names = (("table", tables), ("column", columns))
        return [Key("object", on, name) for on, found in names for name in found]
    if key.kind == "record" or key.on == "function":
        return [Key("object", "schema", SCHEMA)]
    return [Key("object", key.on, key.name)]


@st.composite
def starts(draw):
    """A catalog in some state or other."""
    missing = draw(st.sets(st.sampled_from(sorted(WHOLE)), max_size=40))
    if draw(st.booleans()):
        missing |= {key for key in WHOLE if key.kind not in ("object",)}
    to_come = draw(st.sets(st.sampled_from(sorted(SHOP.uncleared)), max_size=2))
    missing |= {Key("object", "column", name) for name in to_come}
    state = {key: value for key, value in WHOLE.items() if key not in missing}
    for key in draw(st.sets(st.sampled_from(ALTERED), max_size=15)):
        if key in state:
            state[key] = ("other", *state[key][1:]) if isinstance(state[key], tuple) else "other"
    state |= {key: BESIDE[key][0] for key in draw(st.sets(st.sampled_from(sorted(BESIDE))))}
    state |= RECORDED
    for _ in range(2):  # objects go with what holds them
        state = {k: v for k, v in state.items() if k.kind == "object" or all(n in state for n in needed(k))}
    return {k: v for k, v in state.items() if k.on != "column" or Key("object", "table", k.table) in state}


def exposed(state):
    """Which principals read which guarded columns or rows as they are, though no contract lets them."""
    rows = Key("row filter", "table", ORDERS)
    unfiltered = state.get(rows) != SHOP.state[rows] and grant("north", "SELECT", ORDERS) in state
    found = {("north", ORDERS)} if unfiltered else set()
    for key, value in SHOP.state.items():
        if key.kind != "mask" or Key("object", "column", key.name) not in state or state.get(key) == value:
            continue
        for other in state:
            if other.kind == "grant" and other.name == key.table and other.item[1] == "SELECT":
                found.add((other.item[0], key.name))
    return found


@settings(max_examples=60, deadline=None)
@given(starts(), st.integers(0, 200))
def test_from_any_start_and_cut_off_anywhere_a_plan_leads_to_what_the_contracts_say(start, cut):
    first = plan(SHOP, start)
    after = apply(first.changes, start)

    withheld = {
        grant(role, "SELECT", column.rpartition(".")[0])
        for column, roles in SHOP.uncleared.items()
        if Key("object", "column", column) not in after
        for role in roles
    }
    assert not withheld & after.keys()
    for key, value in SHOP.state.items():
        if key not in withheld and all(need in after for need in needed(key)):
            assert key in after
            if key.kind != "object" or key.on == "recipient":
                assert after[key] == value
    for key, (value, ours) in BESIDE.items():
        if key in start and not ours:
            assert after[key] == value
        elif key in start and record("principals") in start:  # else nobody knows any more whose it was
            assert key not in after
    assert plan(SHOP, after).changes == ()
    middle = apply(first.changes[:cut], start)
    assert apply(plan(SHOP, middle).changes, middle) == after


@settings(max_examples=60, deadline=None)
@given(starts())
def test_on_the_way_nobody_sees_what_they_did_not_see_before(start):
    state, seen = start, exposed(start)
    for change in plan(SHOP, start).changes:
        state = apply([change], state)
        assert exposed(state) <= seen
        seen = exposed(state)
        for key, value in state.items():  # a mask without its function makes a table unreadable
            if key.kind == "mask" and key not in start and value.startswith(SCHEMA):
                assert Key("function", "function", value) in state
    assert not exposed(state)


def test_an_empty_catalog_gets_schemas_functions_and_what_needs_no_table():
    found = plan(SHOP, {})

    assert {change.key.kind for change in found.changes} == {"object", "record", "function", "grant"}
    assert PEOPLE in found.waiting and len(found.waiting) == len(SHOP.tables)
    assert plan(SHOP, apply(found.changes, {})).changes == ()


def test_what_is_set_by_hand_is_drift_and_what_others_were_granted_is_told():
    by_hand = {
        Key("tag", "column", EMAIL, ("classification",)): "public",
        Key("mask", "column", EMAIL): "shop_prod.governance.open",
        grant("analyst", "MODIFY"): "granted",
        grant("account users", "SELECT"): "granted",
    }
    start = {k: v for k, v in WHOLE.items() if k != grant("care", "SELECT")} | by_hand

    found = plan(SHOP, start)

    assert [(c.key.kind, c.before, c.after) for c in found.changes] == [
        ("grant", "granted", None),
        ("mask", "shop_prod.governance.open", f"{SCHEMA}.mask_silver__people__email"),
        ("tag", "public", "confidential"),
        ("grant", None, "granted"),
    ]
    assert found.foreign == ((grant("account users", "SELECT"), "granted"),)


def test_a_table_is_withheld_from_those_that_a_column_to_come_is_to_be_masked_for():
    start = {key: value for key, value in WHOLE.items() if key.name != EMAIL}

    found = plan(SHOP, start)

    assert [(change.key, change.after) for change in found.changes] == [(grant("analyst", "SELECT"), None)]
    assert found.waiting == (EMAIL,)
    assert plan(SHOP, apply(found.changes, start)).changes == ()
    come = apply(found.changes, start) | {Key("object", "column", EMAIL): "string"}
    assert [c.key.kind for c in plan(SHOP, come).changes] == ["mask", "tag", "tag", "grant"]


def test_a_table_is_withheld_from_those_whose_rows_a_column_to_come_picks():
    region = f"{ORDERS}.region"
    start = {
        k: v for k, v in WHOLE.items() if k.name != region and (k.kind, k.name) != ("row filter", ORDERS)
    }

    found = plan(SHOP, start)

    assert [(change.key, change.after) for change in found.changes] == [
        (grant("north", "SELECT", ORDERS), None)
    ]
    assert found.waiting == (region,)
    come = apply(found.changes, start) | {Key("object", "column", region): "string"}
    assert [c.key.kind for c in plan(SHOP, come).changes] == ["row filter", "grant"]


def test_a_row_filter_is_not_replaced_before_the_table_has_its_columns(tmp_path):
    other = contracts()
    other[1]["schema"][0]["properties"].append(column("zone"))
    other[1]["roles"][-1] = role("north", rows="region = 'north' AND zone = 'a'")
    changed = wanted(shop(tmp_path, *other))
    rows = Key("function", "function", f"{SCHEMA}.rows_silver__orders")

    waits = plan(changed, WHOLE)

    assert rows not in {change.key for change in waits.changes}
    assert (grant("north", "SELECT", ORDERS), None) in {(c.key, c.after) for c in waits.changes}
    come = apply(waits.changes, WHOLE) | {Key("object", "column", f"{ORDERS}.zone"): "string"}
    assert [(c.key.kind, c.key.item) for c in plan(changed, come).changes] == [
        ("function", ()), ("row filter", ()), ("grant", ("north", "SELECT")),
    ]  # fmt: skip


def test_a_row_filter_follows_the_type_of_its_column(tmp_path):
    other = contracts()
    other[1]["schema"][0]["properties"][2] = column("region", "integer")
    other[1]["roles"][-1] = role("north", rows="region = 'north'")

    kinds = [change.key.kind for change in plan(wanted(shop(tmp_path, *other)), WHOLE).changes]

    assert kinds == ["function"]


def test_products_of_one_catalog_with_schemas_of_their_own_have_functions_of_their_own(tmp_path):
    other = contracts()
    for contract in other:
        server = contract["servers"][0]
        server["schema"] = f"hr_{server['schema']}"
    second = wanted(shop(tmp_path, *other))

    assert not second.functions.keys() & SHOP.functions.keys()
    assert f"{SCHEMA}.mask_hr_silver__people__email" in second.functions


def test_what_a_role_was_granted_is_taken_back_once_no_contract_names_it(tmp_path):
    start = dict(WHOLE)
    rest = [one for one in contracts() if one["schema"][0]["name"] in ("people", "orders")]
    for each in rest:
        each["roles"] = [one for one in each["roles"] if one["role"] != "analyst"]

    found = plan(wanted(shop(tmp_path, *rest)), start)

    gone = {change.key for change in found.changes if change.after is None}
    assert gone >= {key for key in start if key.kind == "grant" and key.item[0] == "analyst"}
    assert gone >= {key for key in start if key.kind == "grant" and key.on == "share"}
    assert gone >= {key for key in start if key.kind == "shared"}
    assert not [
        key for key in gone if key.kind in ("mask", "row filter", "function") and "board" not in key.name
    ]
    after = apply(found.changes, start)
    assert plan(wanted(tmp_path / "shop"), after).changes == ()


def test_a_principal_that_another_product_needs_keeps_the_way_to_its_tables():
    start = WHOLE | {
        record("principals"): ("former", *WHOLE[record("principals")]),
        record("principals", "other"): ("former",),
        grant("former", "USE_CATALOG", CATALOG, "catalog"): "granted",
        grant("former", "SELECT"): "granted",
    }

    gone = [change.key for change in plan(SHOP, start).changes if change.after is None]

    assert gone == [grant("former", "SELECT")]


def test_what_another_product_shares_with_the_same_recipient_stays_shared(tmp_path):
    theirs = Key("shared", "share", "partner", (f"{CATALOG}.gold.costs",))
    start = WHOLE | {theirs: "TABLE", record("principals", "other"): ("partner",)}
    rest = [one for one in contracts() if one["schema"][0]["name"] != "sales"]
    rest[-1]["schema"][0]["customProperties"][1]["value"] = [{"table": "silver.orders"}]

    assert plan(SHOP, start).changes == ()
    assert (theirs, "TABLE") in plan(SHOP, start).foreign
    without = plan(wanted(shop(tmp_path, *rest)), start)
    on_share = [change.key for change in without.changes if change.key.on == "share"]
    assert on_share == [Key("shared", "share", "partner", (f"{CATALOG}.gold.sales",))]


def test_masks_of_a_table_that_left_the_contracts_stay():
    table = f"{CATALOG}.silver.former"
    function = f"{SCHEMA}.mask_silver__former__email"
    kept = {
        Key("object", "table", table): "MANAGED",
        Key("object", "column", f"{table}.email"): "string",
        Key("mask", "column", f"{table}.email"): function,
        Key("function", "function", function): ("value", "'***'", comment("shop")),
    }
    start = WHOLE | kept | {record("tables"): (table, *SHOP.state[record("tables")])}
    start[grant("analyst", "SELECT", table)] = "granted"

    found = plan(SHOP, start)

    assert [(change.key, change.after) for change in found.changes] == [
        (grant("analyst", "SELECT", table), None)
    ]
    after = apply(found.changes, start)
    assert kept.items() <= after.items()
    dropped = {key: value for key, value in after.items() if key.table != table}
    assert [(c.key.kind, c.after is None) for c in plan(SHOP, dropped).changes] == [
        ("function", True),
        ("record", False),
    ]


def test_a_replaced_primary_key_takes_its_foreign_keys_off_and_puts_them_back():
    start = WHOLE | {Key("primary key", "table", PEOPLE): ("country",)}

    changes = [(c.key.kind, c.after is not None) for c in plan(SHOP, start).changes]

    assert changes == [
        ("foreign key", False), ("primary key", False), ("primary key", True), ("foreign key", True),
    ]  # fmt: skip


def test_a_recipient_with_another_identifier_is_refused():
    start = WHOLE | {Key("object", "recipient", "partner"): "aws:us-east-1:other"}

    with pytest.raises(GovernanceError) as refused:
        plan(SHOP, start)

    assert str(refused.value) == (
        "The recipient partner is there with another sharing identifier (aws:us-east-1:other). It cannot be "
        "changed: remove it, or say in the contracts that it is aws:us-east-1:other."
    )


def test_two_identifiers_for_one_recipient_are_refused(tmp_path):
    one = governed(silver("a", [column("id")]), role("partner", recipient={"prod": PARTNER}))
    two = governed(silver("b", [column("id")]), role("partner", recipient={"prod": "aws:us-east-1:x"}))

    with pytest.raises(
        GovernanceError, match="the recipient partner is aws:us-east-1:x here, and aws:eu-west"
    ):
        wanted(shop(tmp_path, one, two))


def test_a_product_without_a_catalog_for_the_target_is_refused(tmp_path):
    local = [{"server": "prod", "type": "local", "path": "x", "format": "delta"}]

    with pytest.raises(GovernanceError, match="name no catalog for 'prod': add a server of type databricks"):
        wanted(shop(tmp_path, governed(silver("a", [column("id")]), servers=local)))
