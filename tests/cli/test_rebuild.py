"""What `rebuild --from` and `--to` name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from medallion_pipelines.cli.rebuild import moment_of
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.period import Period


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T12:00", *[datetime(2026, 1, 31, 12, tzinfo=UTC)] * 2),
        ("2026-01-31T12:00+02:00", *[datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))] * 2),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC), None),
        (None, None, None),
    ],
)
def test_a_day_is_whole_and_a_time_is_itself(
    text: str | None, begins: datetime | None, ends: datetime | None
) -> None:
    assert moment_of(text, "--from") == begins
    assert moment_of(text, "--to", day_ends=True) == ends


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "", "12"])
def test_what_is_neither_is_refused_by_name(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"'{text}' is neither a day"):
        moment_of(text, "--from")


def test_a_period_begins_before_it_ends() -> None:
    day = datetime(2026, 1, 31)  # without a zone it is UTC
    with pytest.raises(MedallionError, match="No time is since 2026-01-31T00:00:00Z and before 2026-01-31"):
        Period(day, day.replace(tzinfo=UTC))
