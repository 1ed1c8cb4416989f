"""Pages of a table: each row once, nothing that a caller may not see, and nothing for the hostile."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.apis.athena import LocalAthena
from tests.apis.scene import KEY

from medallion_pipelines.api_function.errors import RefusedError, UnansweredError
from medallion_pipelines.api_function.pages import Pages, _fitting

CARE = ["care"]
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def all_pages(
    pages: Pages, limit: int, filters: Sequence[tuple[str, str, str]] = (), roles: Any = CARE
) -> Iterator[Any]:
    after = None
    for _ in range(100):
        found = pages.page("sales", roles, filters, str(limit), after)
        assert 0 <= len(found["rows"]) <= limit
        yield from found["rows"]
        after = found["next"]
        if after is None:
            return
    raise AssertionError("the pages have no end")


def keys(rows: Any) -> list[tuple[str, str, str]]:
    return [(row["region"], str(row["day"]), str(row["number"])) for row in rows]


def in_order(sold: pa.Table) -> list[tuple[str, str, str]]:
    return sorted(keys(sold.to_pylist()), key=lambda key: (key[0], key[1], int(key[2])))


def refused(pages: Pages, *question: Any, roles: Any = CARE) -> RefusedError:
    with pytest.raises(RefusedError) as told:
        pages.page("sales", roles, *question)
    return told.value


def test_a_row_is_shown_as_its_contract_types_it(pages: Pages, sold: pa.Table) -> None:
    [wanted] = [row for row in sold.to_pylist() if row["number"] == 2**60 + 7]
    filters = [("number", "eq", str(2**60 + 7))]
    assert pages.page("sales", CARE, filters, None, None) == {
        "rows": [
            {
                "region": wanted["region"],
                "day": "2026-01-04",
                "number": "1152921504606846983",
                "at": "2026-02-01T05:59:59.123Z",
                "amount": "7.10",
                "amount_class": 3,
                "rating": None,  # JSON has no NaN
                "email": "person7@example.com",
                "paid": True,
                "spent": 1.75,
            }
        ],
        "next": None,
    }


@quick
@given(limit=st.integers(1, 30))
def test_every_row_is_on_one_page_whatever_its_size(pages: Pages, sold: pa.Table, limit: int) -> None:
    assert keys(all_pages(pages, limit)) == in_order(sold)


@quick
@given(
    limit=st.integers(1, 9),
    region=st.sampled_from([None, "north's", "südwärts", ""]),
    days=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_pages_with_filters_hold_what_fits_them(
    pages: Pages, sold: pa.Table, limit: int, region: str | None, days: tuple[int, int]
) -> None:
    first, last = (f"2026-01-0{day}" for day in days)
    filters = [
        ("day", "from", first),
        ("day", "to", last),
        *([] if region is None else [("region", "eq", region)]),
    ]
    fit = [key for key in in_order(sold) if first <= key[1] <= last and region in (None, key[0])]
    assert keys(all_pages(pages, limit, filters)) == fit


@pytest.mark.parametrize(
    "seen", [["analyst"], ["north"], ["analyst", "care"], ["engineer"], ["north", "care"]]
)
def test_a_role_sees_its_rows_and_its_columns(pages: Pages, sold: pa.Table, seen: list[str]) -> None:
    rows = list(all_pages(pages, 4, roles=[*seen, "of another table"]))
    whole, cleared = seen != ["north"], seen[-1] in ("care", "engineer")
    wanted = {
        str(row["number"]): row
        for row in sold.to_pylist()
        if whole or (row["region"] == "north's" and row["amount_class"] != 3)
    }
    assert {row["number"] for row in rows} == set(wanted)
    assert len(rows) == len(wanted)
    for row in rows:
        assert row["email"] == (wanted[row["number"]]["email"] if cleared else "***")
        assert row["spent"] == (wanted[row["number"]]["spent"] if cleared else None)


def test_what_is_masked_does_not_leave_athena(pages: Pages, athena: LocalAthena) -> None:
    pages.page("sales", ["analyst"], [], None, None)
    [asked] = athena.asked
    assert '"email"' not in asked["QueryString"].replace("'***' AS \"email\"", "")
    assert '"spent"' not in asked["QueryString"].replace('NULL AS "spent"', "")


@pytest.mark.parametrize("roles", [[], ["visitor"], ["Analyst"], [""]])
def test_who_has_no_role_of_the_table_is_refused_and_athena_is_not_asked(
    pages: Pages, athena: LocalAthena, roles: list[str]
) -> None:
    assert refused(pages, [], None, None, roles=roles).status == 403
    assert athena.asked == []


def test_another_table_is_not_there(pages: Pages) -> None:
    with pytest.raises(RefusedError, match="no such table"):
        pages.page('sales" --', CARE, [], None, None)


HOSTILE = [
    "' OR '1'='1",
    "x' OR true --",
    "'; DROP TABLE gold.sales; --",
    "\\' OR 1=1",
    "?",
    "north's'",
    "''",
]


@quick
@given(
    text=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)),
    comparison=st.sampled_from(["eq", "from", "to"]),
)
def test_a_text_is_compared_and_never_run(pages: Pages, sold: pa.Table, text: str, comparison: str) -> None:
    filters = [("region", comparison, text)]
    if "\0" in text:
        assert refused(pages, filters, None, None).status == 400
        return
    fits = {"eq": str.__eq__, "from": str.__ge__, "to": str.__le__}[comparison]
    wanted = [key for key in in_order(sold) if fits(key[0], text)]
    assert keys(pages.page("sales", CARE, filters, "500", None)["rows"]) == wanted


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("day", "2026-13-01"), ("day", "2026-1-1"), ("day", "today"), ("day", "' OR true --"),
        ("day", "20260101"), ("day", "\uff12026-01-01"), ("day", ""), ("number", "1.5"),
        ("number", "9223372036854775809"), ("number", "1 OR 1=1"),
        ("number", "٣"), ("number", "1_0"), ("number", ""), ("region", "x" * 1023), ("region", "'" * 512),
        ("region", "\ud800"),
    ],
)  # fmt: skip
def test_what_is_no_value_of_the_column_is_refused(
    pages: Pages, athena: LocalAthena, column: str, value: str
) -> None:
    told = refused(pages, [(column, "eq", value)], None, None)
    assert told.status == 400
    assert value not in str(told) or value == ""
    assert athena.asked == []


@pytest.mark.parametrize(
    ("column", "comparison"),
    [("email", "eq"), ("amount", "from"), ("region", "like"), ("no", "eq"), ('day" --', "eq")],
)
def test_only_the_key_is_filtered_by(pages: Pages, athena: LocalAthena, column: str, comparison: str) -> None:
    assert refused(pages, [(column, comparison, "x")], None, None, roles=["analyst"]).status == 400
    assert athena.asked == []


def test_a_column_is_compared_once_in_a_way(pages: Pages) -> None:
    assert refused(pages, [("day", "eq", "2026-01-01")] * 2, None, None).status == 400


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1e2", "", "all", "٣", "1" * 30])
def test_a_page_has_from_one_to_500_rows(pages: Pages, limit: str) -> None:
    assert refused(pages, [], limit, None).status == 400


def token_of(pages: Pages, filters: list[tuple[str, str, str]], roles: Any = CARE) -> str:
    return str(pages.page("sales", roles, filters, "2", None)["next"])


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def mark_of(token: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))[0])


def test_a_token_is_for_its_table_and_its_filters(pages: Pages, athena: LocalAthena) -> None:
    north = [("region", "eq", "north's")]
    token = token_of(pages, north)
    for filters in (
        [],
        [("region", "eq", "")],
        [*north, ("day", "to", "2026-12-31")],
        [("region", "from", "north's")],
    ):
        assert refused(pages, filters, None, token).status == 400
    other = Pages({**pages.tables, "other": pages.tables["sales"]}, pages.athena, "gold")
    asked = len(athena.asked)
    renamed = type(pages.tables["sales"])(
        "other", *(getattr(pages.tables["sales"], n) for n in ("columns", "key", "roles"))
    )
    other = Pages({"other": renamed}, pages.athena, "gold")
    with pytest.raises(RefusedError, match="no token"):
        other.page("other", CARE, north, None, token)
    assert len(athena.asked) == asked


@quick
@given(
    token=st.one_of(
        st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode())
    )
)
def test_what_is_no_token_is_refused(pages: Pages, token: str) -> None:
    assert refused(pages, [], None, token).status == 400


@pytest.mark.parametrize(
    "values",
    [
        [], ["a"], ["a", "2026-01-01"], ["a", "2026-01-01", "1", "2"], ["a", "x", "1"],
        ["a", "2026-01-01", "1 OR 1=1"],
        ["a", "2026-01-01", 1], [["a"], "2026-01-01", "1"], ["\0", "2026-01-01", "1"], ["a", None, "1"],
    ],
)  # fmt: skip
def test_a_token_with_another_key_is_refused(pages: Pages, athena: LocalAthena, values: list[Any]) -> None:
    mark = mark_of(token_of(pages, []))
    asked = len(athena.asked)
    assert refused(pages, [], None, forged(mark, *values)).status == 400
    assert refused(pages, [], None, forged(*values)).status == 400
    assert refused(pages, [], None, "W" * 30_000).status == 400
    assert refused(pages, [], None, forged({"a": 1})).status == 400
    assert refused(pages, [], None, base64.b64encode(b"[" * 9000).decode()).status == 400
    assert len(athena.asked) == asked


@quick
@given(
    region=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), number=st.integers(-(2**63), 2**63 - 1)
)
def test_a_made_up_token_shows_nothing_more(pages: Pages, sold: pa.Table, region: str, number: int) -> None:
    """Who makes one gets what is behind that key, of the rows that the role and the filters let through."""
    filters = [("day", "eq", "2026-01-01")]
    token = forged(mark_of(token_of(pages, filters)), region, "2026-01-01", str(number))
    if "\0" in region:
        assert refused(pages, filters, None, token, roles=["north"]).status == 400
        return
    rows = pages.page("sales", ["north"], filters, "500", token)["rows"]
    assert all(row["region"] == "north's" and row["day"] == "2026-01-01" for row in rows)
    assert all(row["amount_class"] != 3 and row["email"] == "***" for row in rows)
    assert all((row["region"], int(row["number"])) > (region, number) for row in rows)


def test_a_page_is_cut_where_an_answer_would_be_too_large_and_the_next_goes_on(
    pages: Pages, sold: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medallion_pipelines.api_function.pages.LARGEST_ANSWER", 700)
    first = pages.page("sales", CARE, [], "20", None)
    assert 1 < len(first["rows"]) < 5
    assert keys(all_pages(pages, 20)) == in_order(sold)
    monkeypatch.setattr("medallion_pipelines.api_function.pages.LARGEST_ANSWER", 1)
    assert keys(all_pages(pages, 20)) == in_order(sold), "one row is always shown"


def test_a_key_that_is_there_twice_at_the_end_of_a_page_is_told_and_no_row_is_lost(
    pages: Pages, athena: LocalAthena, sold: pa.Table, tmp_path: Path
) -> None:
    write_deltalake(tmp_path / "sales", pa.concat_tables([sold, sold.slice(0, 1)]))
    athena.holds("gold", sales=tmp_path / "sales")
    assert len(list(all_pages(pages, 500))) == 24
    with pytest.raises(UnansweredError, match="not unique"):
        list(all_pages(pages, 1))


@pytest.mark.parametrize(("column", "limit"), [("region", "1"), ("number", "2"), ("day", "500")])
def test_a_key_without_a_value_is_told_and_no_row_is_lost(
    pages: Pages, athena: LocalAthena, sold: pa.Table, tmp_path: Path, column: str, limit: str
) -> None:
    row = sold.slice(0, 1)
    place = row.column_names.index(column)
    none = row.set_column(place, row.field(place), pa.nulls(1, row.field(place).type))
    write_deltalake(tmp_path / "sales", pa.concat_tables([sold, none]))
    athena.holds("gold", sales=tmp_path / "sales")
    with pytest.raises(UnansweredError, match="has no value"):
        list(all_pages(pages, int(limit)))


def test_an_answer_is_no_larger_than_lambda_takes_however_it_is_written() -> None:
    rows = [{"a": '"\\' * 1000}] * 2500
    answer = {"statusCode": 200, "body": json.dumps({"rows": _fitting(rows), "next": None})}
    assert 4 * 2**20 < len(json.dumps(answer)) < 5 * 10**6


def test_a_query_that_takes_too_long_is_stopped(pages: Pages, athena: LocalAthena) -> None:
    athena.states = ("QUEUED", "RUNNING")
    assert refused(pages, [], None, None).status == 504
    assert len(athena.stopped) == 1


def test_a_query_that_takes_a_while_is_waited_for(pages: Pages, athena: LocalAthena) -> None:
    athena.states = ("QUEUED", "RUNNING", "SUCCEEDED")
    assert len(pages.page("sales", CARE, [], None, None)["rows"]) == 23
    assert athena.stopped == []


def test_results_that_come_in_parts_are_whole(pages: Pages, athena: LocalAthena, sold: pa.Table) -> None:
    athena.at_once = 7
    assert keys(pages.page("sales", CARE, [], None, None)["rows"]) == in_order(sold)


def test_where_athena_has_no_room_callers_are_told_to_come_back(pages: Pages, athena: LocalAthena) -> None:
    athena.busy = True
    assert refused(pages, [], None, None).status == 503


def test_the_key_columns_are_those_of_the_contract(pages: Pages) -> None:
    assert list(pages.tables["sales"].key) == KEY
