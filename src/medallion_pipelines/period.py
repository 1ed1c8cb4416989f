"""A stretch of time that somebody names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from medallion_pipelines.errors import MedallionError


@dataclass(frozen=True)
class Period:
    """From a moment on, until before another; None: without that end. Without a zone they are UTC.

    Raises MedallionError for one that ends before it begins.
    """

    since: datetime | None
    until: datetime | None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                object.__setattr__(self, name, moment.replace(tzinfo=UTC))
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise MedallionError(f"No time is {self}: it has to begin before it ends. Nothing was changed.")

    def has(self, moment: Column) -> Column:
        """Whether a TIMESTAMP is within."""
        after = F.lit(True) if self.since is None else moment >= F.lit(self.since)
        return after if self.until is None else after & (moment < F.lit(self.until))

    def __str__(self) -> str:
        since = "" if self.since is None else f"since {_text(self.since)}"
        until = "" if self.until is None else f"before {_text(self.until)}"
        return " and ".join(part for part in (since, until) if part)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
