"""What was brought into the landing zone: `ops.arrivals`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby, islice

from medallion_pipelines.contracts.feeds import feed_of
from medallion_pipelines.contracts.model import Product
from medallion_pipelines.results import Arrival
from medallion_pipelines.runlog import now
from medallion_pipelines.tables import Field, Shape, Tables, local_frame

ARRIVALS = (
    Field("job", "STRING", required=True, comment="what brought it"),
    Field("path", "STRING", required=True, comment="where it is"),
    Field("origin", "STRING", comment="where it came from"),
    Field("version", "STRING", comment="of the origin"),
    Field("feed", "STRING", comment="the bronze table that captures it; NULL: no contract's feed takes it"),
    Field("recorded_at", "TIMESTAMP"),
)
_AT_ONCE = 10_000


def register(tables: Tables, product: Product, arrivals: Iterable[Arrival]) -> Mapping[str | None, int]:
    """Note files as arrived; how many for each feed. Those of a job come together, and in the same order each
    time: then they are noted once, however often they come."""
    find = feed_of(product, tables.settings.landing)
    counted: Counter[str | None] = Counter()
    tables.create("ops.arrivals", Shape(ARRIVALS))
    for job, files in groupby(arrivals, key=lambda arrival: arrival.job):
        part = 0
        while chunk := list(islice(files, _AT_ONCE)):
            moment = now()
            rows = [(job, one.path, one.origin, one.version, find(one.path), moment) for one in chunk]
            tables.append(local_frame(tables.spark, ARRIVALS, rows), "ops.arrivals", token=f"{job}-{part}")
            counted.update(row[4] for row in rows)
            part += 1
    return dict(counted)
