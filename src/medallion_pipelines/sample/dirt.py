"""The kinds of dirt that a landing zone meets in the real world, and what becomes of each record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """One kind of dirt in one feed.

    `outcome`: "quarantined" and "duplicate" records come on top of the published ones and never
    reach silver's values; "late" records are published ones that arrive in a later file; "repeated"
    ones are changes that come again, which silver takes to no effect; "nothing" counts files that
    hold no record. `drift` names the field that no contract knows.
    """

    name: str
    feed: str
    outcome: Literal["quarantined", "duplicate", "late", "repeated", "nothing"]
    meaning: str
    drift: str | None = None


def turn(day: date) -> int:
    """Which of the sorts of dirt that come by turns a day has: 0 to 5."""
    return (day - date(2013, 1, 1)).days % 6


TRUNCATED = Kind("truncated_line", "flights", "quarantined", "a record cut off in the middle")
LATE_DELAY = Kind("dep_delay_late", "flights", "quarantined", 'a dep_delay of "late" in place of minutes')
FAR_DISTANCE = Kind("distance_far", "flights", "quarantined", 'a distance of "far" in place of miles')
UNKNOWN_CARRIER = Kind("unknown_carrier", "flights", "quarantined", "a carrier ZZ, not in airlines")
REPEATED = Kind("repeated_line", "flights", "duplicate", "the same line again, in the same file")
REDELIVERED = Kind("redelivered", "flights", "duplicate", "the same lines again, in a later file")
PRELIMINARY = Kind("preliminary", "flights", "duplicate", "an earlier file lacks the arrival")
EXTRA_FIELD = Kind("extra_field", "flights", "duplicate", "a later file repeats records with a gate", "gate")
HELD_BACK = Kind("held_back", "flights", "late", "records that come two days after their day's file")
EMPTY_JSON = Kind("empty_json_file", "flights", "nothing", "a file of no bytes")
TOO_FEW = Kind("too_few_fields", "weather", "quarantined", "a row without its last two fields")
TOO_MANY = Kind("too_many_fields", "weather", "quarantined", "a decimal comma splits the temperature in two")
RENAMED_VALUE = Kind(
    "renamed_value_header", "weather", "duplicate", "an earlier file calls temp temperature", "temperature"
)
EMPTY_CSV = Kind("empty_csv_file", "weather", "nothing", "a file of no bytes")
RENAMED_KEY = Kind(
    "renamed_key_header", "airports", "quarantined", "a snapshot calls the key faa iata", "iata"
)
SPREADSHEET = Kind("bom_and_crlf", "airlines", "repeated", "the full load again, as a spreadsheet saves it")
HEADER_ONLY = Kind("header_only_file", "planes", "nothing", "a file of a header and no rows")
NEGATIVE_FARE = Kind("negative_fare", "bookings", "quarantined", "a fare below zero")
NO_COMMIT_TIME = Kind("no_commit_time", "bookings", "quarantined", "a change that does not say when it was")
LATE_CHANGES = Kind("late_changes", "bookings", "late", "changes that come two days after their day's file")
REPEATED_CHANGES = Kind("repeated_changes", "bookings", "repeated", "the same changes again, in a later file")
NO_AT_SIGN = Kind(
    "email_without_at", "passengers", "quarantined", 'an e-mail address with " at " in place of @'
)
NO_SEATS = Kind("no_seats", "aircraft_configurations", "quarantined", "a cabin of no seats")
LATE_CONFIGURATIONS = Kind(
    "late_configurations", "aircraft_configurations", "late", "changes that come two days later"
)

KINDS = (
    TRUNCATED,
    LATE_DELAY,
    FAR_DISTANCE,
    UNKNOWN_CARRIER,
    REPEATED,
    REDELIVERED,
    PRELIMINARY,
    EXTRA_FIELD,
    HELD_BACK,
    EMPTY_JSON,
    TOO_FEW,
    TOO_MANY,
    RENAMED_VALUE,
    EMPTY_CSV,
    RENAMED_KEY,
    SPREADSHEET,
    HEADER_ONLY,
    NEGATIVE_FARE,
    NO_COMMIT_TIME,
    LATE_CHANGES,
    REPEATED_CHANGES,
    NO_AT_SIGN,
    NO_SEATS,
    LATE_CONFIGURATIONS,
)
