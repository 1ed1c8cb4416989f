"""JSON records put together without line ends are cut where each ends, whatever is in them."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_pipelines.jsontext import RECORD, records

TEXTS = st.text(st.sampled_from('{}[]",:\\ \n\u00e9\u6f22\U0001f6ebax1'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(TEXTS, VALUES, max_size=3) | st.lists(VALUES, max_size=3)
GOOD = ['{"id":1}', '{"a":"}{","b":"\\"}{\\""}', '{"x":{"y":[{}]},"t":"\u6f22"}', "{}"]


def cut(text: str | bytes) -> list[str]:
    return [piece.decode(errors="surrogateescape") for piece in records(encoded(text))]


def encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@given(
    st.lists(RECORDS, max_size=6),
    st.sampled_from(["", "\n", "\r\n", " ", "\n\n"]),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_what_was_put_together_comes_apart_again(
    values: list[Any], between: str, indent: int | None, ascii_only: bool
) -> None:
    texts = [json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in values]
    assert cut(between.join(texts)) == texts


@given(st.lists(RECORDS, max_size=3), RECORDS, st.data())
def test_a_record_cut_off_at_the_end_harms_none_before_it(
    values: list[Any], last: Any, data: st.DataObject
) -> None:
    texts, tail = [json.dumps(value) for value in values], json.dumps(last)
    tail = tail[: data.draw(st.integers(1, max(1, len(tail) - 1)))]
    assert cut("".join(texts) + tail) == [*texts, tail]


@given(st.lists(RECORDS, max_size=2), RECORDS, st.lists(RECORDS, max_size=3), st.data())
def test_a_record_cut_off_in_the_middle_harms_none_before_it_and_nothing_in_it_becomes_a_record(
    before: list[Any], broken: Any, after: list[Any], data: st.DataObject
) -> None:
    sent = [json.dumps(value) for value in (*before, *after)]
    whole = json.dumps(broken)
    cut_off = whole[: data.draw(st.integers(1, max(1, len(whole) - 1)))]
    found = cut("".join(sent[: len(before)]) + cut_off + "".join(sent[len(before) :]))
    assert found[: len(before)] == sent[: len(before)]
    assert [piece for piece in found if is_object(piece) and piece not in sent] == []


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@given(st.text(st.sampled_from('{}[]",:\\ \n\tax1\u00e9'), max_size=60))
def test_no_character_is_lost_whatever_the_text(text: str) -> None:
    assert "".join(re.findall(RECORD, text)) == text


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("not json", "no JSON"),
        ("null", "no object"),
        ('"te{xt"', "a string"),
        ("12.5", "a number"),
        ('[{"a":1},{"a":2}]', "an array"),
        ('{"a":"never closed}', "an open string"),
        ('{"a":"raw \n line end"}', "a line end in a string"),
        ('{"a" 1}', "no colon"),
        ('{"a":"x"y"}', "a quote too many"),
        ('{"a":1}}', "a bracket too many"),
    ],
)
def test_a_broken_record_harms_none_around_it(broken: str, why: str) -> None:
    found = cut(GOOD[1] + broken + "".join(GOOD))
    assert [piece for piece in found if piece in GOOD] == [GOOD[1], *GOOD]
    assert "".join(found) == GOOD[1] + broken + "".join(GOOD)


@pytest.mark.parametrize("cut_off", ['{"a":', '{"a":{"b":1},"c', '{"a":"text', '{"a":["x"'])
def test_a_record_cut_off_in_the_middle_takes_no_more_than_the_next_one_along(cut_off: str) -> None:
    found = cut(GOOD[0] + cut_off + '{"id":2}' + "".join(GOOD))
    assert found == [GOOD[0], cut_off + '{"id":2}', *GOOD]


@pytest.mark.parametrize(
    "broken",
    [
        '{"id":7,"home":{"id":1},"na',
        '{"text":"}{',
        '{"text":"}{"',
        '{"text":"a}{}b',
        '{"text":"got {"id":1} from x"}',
        '{"a" 1,"home":{"id":1}}',
        '{"a":{"id":1}',
    ],
)
def test_an_object_within_a_broken_record_is_never_taken_for_a_record(broken: str) -> None:
    assert cut(broken) == [broken]
    assert cut(GOOD[0] + broken) == [GOOD[0], broken]


def test_bytes_that_are_no_text_and_a_byte_order_mark_are_no_hindrance() -> None:
    assert records(b'\xef\xbb\xbf{"a":"\xff\xfe"}\xff{"b":1}') == [b'{"a":"\xff\xfe"}', b"\xff", b'{"b":1}']


@pytest.mark.parametrize(
    "hostile",
    [
        '{"a":',
        '{"',
        '{",a":"}',
        "[",
        '"',
        "\\",
        '}{"',
        '{"a":"}{"x',
        '{"a":1} ',
        "x{",
        '{"b":"{"',
        '\\"',
        '"\\',
    ],
)
def test_the_time_grows_with_the_length_alone(hostile: str) -> None:
    content = (hostile * (1_000_000 // len(hostile))).encode()
    started = time.perf_counter()
    assert b"".join(records(content)).strip() != b""
    assert time.perf_counter() - started < 5
