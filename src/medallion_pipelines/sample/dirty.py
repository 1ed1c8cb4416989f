"""The landing zone as it is: what a clean one has, and on top of it what the real world adds.

Some dirt is in every day's own files. Other dirt comes in files of its own, one sort a day in turn,
so that any six days in a row show all of it (late configurations: if there were any to be late). What
a day gets depends on the day and the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from random import Random

from medallion_pipelines.sample import dirt, dirty_changes, published
from medallion_pipelines.sample.changes import LOADED, changes_file, full_load
from medallion_pipelines.sample.clean import at, delivered
from medallion_pipelines.sample.clean import at_first as clean_at_first
from medallion_pipelines.sample.files import File, csv_file, csv_line, json_line, json_lines_gz, json_record
from medallion_pipelines.sample.registers import AIRLINES, PLANES

Record = Mapping[str, object]

EXTRA_RECORDS = 20  # in each file that repeats flights
HELD_BACK_SHARE = 10  # one in so many
RENAMED_AIRPORTS = 25


def at_first() -> Iterator[File]:
    """The clean files, and dirty or empty ones beside them."""
    yield from clean_at_first()
    later = LOADED + timedelta(days=1)
    again = full_load(AIRLINES)
    content = b"\xef\xbb\xbf" + again.content.replace(b"\n", b"\r\n")
    counts = {dirt.SPREADSHEET: again.published}
    yield File("airlines/LOAD00000001-spreadsheet.csv", content, later, added=counts)
    airports = published.snapshot("airports")[:RENAMED_AIRPORTS]
    header = ["iata" if name == "faa" else name for name in airports[0]]
    content = csv_file(header, (csv_line(row.values()) for row in airports))
    yield File(f"airports/{later:%Y-%m-%d}.csv", content, later, added={dirt.RENAMED_KEY: len(airports)})
    yield changes_file(PLANES, [], later, 0, {dirt.HEADER_ONLY: 1})


def daily(day: date, seed: int) -> Iterator[File]:
    """A day's flights, weather and changes, dirt included."""
    random = Random(f"{seed}/{day}")  # noqa: S311 (dirt must be repeatable, not secret)
    yield from _flights(day, random)
    if published.day("weather", day):
        yield from _weather(day, random)
    yield from dirty_changes.daily(day, seed)


def _flights(day: date, random: Random) -> Iterator[File]:
    records: list[Record] = [json_record(row) for row in published.day("flights", day)]
    held_back = random.sample(records, len(records) // HELD_BACK_SHARE) if dirt.turn(day) == 2 else []
    on_time = [record for record in records if record not in held_back] if held_back else records
    lines = [json_line(record) for record in on_time]
    bad: dict[dirt.Kind, list[str]] = {
        dirt.TRUNCATED: [_cut(json_line(record), random) for record in random.sample(records, 2)],
        dirt.LATE_DELAY: [json_line({**random.choice(records), "dep_delay": "late"})],
        dirt.FAR_DISTANCE: [json_line({**random.choice(records), "distance": "far"})],
        dirt.UNKNOWN_CARRIER: [json_line({**random.choice(records), "carrier": "ZZ"})],
        dirt.REPEATED: random.sample(lines, 3),
    }
    for added in bad.values():
        for line in added:
            lines.insert(random.randrange(len(lines) + 1), line)
    counts = {kind: len(added) for kind, added in bad.items()}
    yield File(f"flights/{day}.json.gz", json_lines_gz(lines), delivered(day), len(on_time), counts)
    if held_back:
        content = json_lines_gz(json_line(record) for record in held_back)
        arrived = delivered(day) + timedelta(days=2)
        late = {dirt.HELD_BACK: len(held_back)}
        yield File(f"flights/{day}-late.json.gz", content, arrived, len(held_back), late)
    if dirt.turn(day) == 4:
        yield File(f"flights/{day}-empty.json.gz", b"", delivered(day), added={dirt.EMPTY_JSON: 1})
    if dirt.turn(day) in REPEATING:
        yield REPEATING[dirt.turn(day)](day, records, random)


def _preliminary(day: date, records: list[Record], random: Random) -> File:
    landed = [record for record in records if record["arr_delay"] is not None]
    unknown = {"arr_time": None, "arr_delay": None, "air_time": None}
    lines = [json_line({**record, **unknown}) for record in random.sample(landed, EXTRA_RECORDS)]
    name, kind = f"flights/{day}-preliminary.json.gz", dirt.PRELIMINARY
    return File(name, json_lines_gz(lines), at(day, 22), added={kind: len(lines)})


def _redelivered(day: date, records: list[Record], random: Random) -> File:
    lines = [json_line(record) for record in random.sample(records, EXTRA_RECORDS)]
    name, kind = f"flights/{day}-redelivered.json.gz", dirt.REDELIVERED
    return File(name, json_lines_gz(lines), delivered(day) + timedelta(hours=3), added={kind: len(lines)})


def _with_gate(day: date, records: list[Record], random: Random) -> File:
    chosen = random.sample(records, EXTRA_RECORDS)
    lines = [json_line({**record, "gate": f"C{random.randint(1, 60)}"}) for record in chosen]
    name, kind = f"flights/{day}-gates.json.gz", dirt.EXTRA_FIELD
    return File(name, json_lines_gz(lines), delivered(day) + timedelta(hours=4), added={kind: len(lines)})


REPEATING: dict[int, Callable[[date, list[Record], Random], File]] = {
    0: _preliminary,
    1: _redelivered,
    3: _with_gate,
}


def _weather(day: date, random: Random) -> Iterator[File]:
    rows = published.day("weather", day)
    header = list(rows[0])
    lines = [csv_line(row.values()) for row in rows]
    too_few = random.choice(lines).rsplit(",", 2)[0]
    fractional = random.choice([row for row in rows if "." in row["temp"]])
    too_many = csv_line({**fractional, "temp": fractional["temp"].replace(".", ",")}.values())
    dirty = list(lines)
    for line in (too_few, too_many):
        dirty.insert(random.randrange(len(dirty) + 1), line)
    counts = {dirt.TOO_FEW: 1, dirt.TOO_MANY: 1}
    yield File(f"weather/{day}.csv", csv_file(header, dirty), delivered(day), len(rows), counts)
    if dirt.turn(day) == 4:
        yield File(f"weather/{day}-empty.csv", b"", delivered(day), added={dirt.EMPTY_CSV: 1})
    if dirt.turn(day) == 5:
        renamed = ["temperature" if name == "temp" else name for name in header]
        counts = {dirt.RENAMED_VALUE: len(lines)}
        yield File(f"weather/{day}-station.csv", csv_file(renamed, lines), at(day, 22), added=counts)


def _cut(line: str, random: Random) -> str:
    return line[: random.randrange(1, len(line))]
