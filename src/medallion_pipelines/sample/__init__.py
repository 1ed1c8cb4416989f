"""Sample data: the flights that left New York City in 2013, laid out as a landing zone receives them,
and invented bookings of theirs."""

from medallion_pipelines.sample.dirt import KINDS, Kind
from medallion_pipelines.sample.landing import Landing, land

__all__ = ["KINDS", "Kind", "Landing", "land"]
