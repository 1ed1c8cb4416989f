"""Scales, ticks, lines and numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_pipelines.report.curves import LEFT, RIGHT, WIDTH, round_steps, trace
from medallion_pipelines.report.model import LinePlot, Measure
from medallion_pipelines.report.words import axis, moment, number, plural, share, span, visible

START = datetime(2025, 1, 1)


def plot(values, unit="day", every=timedelta(days=1)):
    points = tuple((START + n * every, (value,)) for n, value in enumerate(values))
    return trace(LinePlot("gold.mart", unit, (Measure("m", "sum"),), points))


def test_a_line_is_broken_where_a_value_is_missing_and_marks_a_lonely_one():
    (panel,) = plot([1.0, 2.0, None, 3.0, None]).panels
    assert panel.line.count("M") == 2
    assert panel.line.endswith("h0")
    assert panel.area is None


def test_points_stay_within_the_field():
    drawn = plot([5.0, -3.0, 12.0])
    assert drawn.xs[0] == LEFT and drawn.xs[-1] == WIDTH - RIGHT
    (panel,) = drawn.panels
    assert min(panel.ys) >= panel.top and max(panel.ys) <= drawn.height


@pytest.mark.parametrize("values", [[0.0, 0.0], [7.0, 7.0], [-7.0, -7.0], [None, None], [1e300, 2e300]])
def test_values_that_span_nothing_or_much_can_be_drawn(values):
    (panel,) = plot(values).panels
    assert len(panel.ticks) >= 2
    assert not {"nan", "inf"} & set(panel.line.split())


@pytest.mark.parametrize(
    ("unit", "every", "count", "labels"),
    [
        ("day", timedelta(days=1), 365, ["2025", "Mar", "May", "Jul", "Sep", "Nov"]),
        ("month", timedelta(days=365.25 / 12), 60, ["2025", "2026", "2027", "2028", "2029"]),
        ("day", timedelta(days=1), 10, ["1 Jan", "3 Jan", "5 Jan", "7 Jan", "9 Jan"]),
        ("hour", timedelta(hours=1), 13, ["00:00", "02:00", "04:00", "06:00", "08:00", "10:00", "12:00"]),
    ],
)
def test_time_has_round_ticks(unit, every, count, labels):
    assert [tick.label for tick in plot([1.0] * count, unit, every).ticks] == labels


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_steps_are_a_few_round_numbers_within(low, width):
    high = low + width
    if high - low < 1e-9 * max(abs(low), 1e-3):
        return
    steps = round_steps(low, high)
    assert 2 <= len(steps) <= 6
    assert all(low - width / 50 <= step <= high + width / 50 for step in steps)
    assert len(axis(steps)) == len(steps)


@pytest.mark.parametrize(
    ("steps", "labels"),
    [
        ([0.0, 250.0, 1000.0], ["0", "250", "1,000"]),
        ([26_000.0, 28_000.0], ["26k", "28k"]),
        ([1.21, 1.22, 1.23], ["1.21", "1.22", "1.23"]),
        ([0.0, 2.5e6, 5e6], ["0", "2.5M", "5.0M"]),
        ([-5.0, 0.0, 5.0], ["-5", "0", "5"]),
    ],
)
def test_labels_tell_steps_apart(steps, labels):
    assert axis(steps) == labels


def test_numbers_and_spans_are_short():
    assert [number(value) for value in (0, 1234567, 0.7463, 12.3456, 123.456, 12345.6)] == [
        "0", "1,234,567", "0.746", "12.35", "123.5", "12,346",
    ]  # fmt: skip
    assert number(None) == span(None) == moment(None) == "\N{EN DASH}"
    assert [share(*pair) for pair in ((0, 0), (0, 5), (1, 3), (1, 10**6), (10**6 - 1, 10**6), (5, 5))] == [
        "\N{EN DASH}", "0 %", "33.3 %", "< 0.1 %", "> 99.9 %", "100 %",
    ]  # fmt: skip
    assert [span(value) for value in (0, 1.25, 59.7, 3_600, 5_322, 180_000, 86_400)] == [
        "0.0 s", "1.2 s", "1 min", "1 h", "1 h 28 min", "2 d 2 h", "1 d",
    ]  # fmt: skip
    assert moment(datetime(2025, 3, 1, 9, 5, tzinfo=UTC)) == "1 Mar 2025, 09:05 UTC"
    assert plural(1, "file") == "1 file" and plural(2_000, "file") == "2,000 files"


@given(st.text())
def test_every_character_of_a_text_shows(text):
    shown = visible(text)
    assert all(c.isprintable() or c in "\n\t\u200c\u200d" or c.isspace() for c in shown)
    assert not set(shown) & set("\x00\x1b\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")
    assert len(shown) >= len(text)
