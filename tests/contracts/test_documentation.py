"""docs/contracts.md and docs/ingestion.md say what is so: examples are sound, tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from medallion_pipelines.contracts.agreements import FRESHNESS, RETENTION
from medallion_pipelines.contracts.bounds import OPERATORS
from medallion_pipelines.contracts.custom import PLACES
from medallion_pipelines.contracts.options import OPTIONS
from medallion_pipelines.contracts.quality import OBJECT_METRICS, PROPERTY_METRICS
from medallion_pipelines.contracts.source import OPTIONS as SOURCE_OPTIONS
from medallion_pipelines.contracts.source import STREAM
from medallion_pipelines.contracts.spark_types import LOGICAL_TYPES

DOCS = Path(__file__).parents[2] / "docs"
TEXT, INGESTION = ((DOCS / name).read_text("utf-8") for name in ("contracts.md", "ingestion.md"))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT + INGESTION, re.S)
BASE = (
    "- {name: id, logicalType: integer, primaryKey: true}\n- {name: at, logicalType: timestamp}\n"
    "- {name: parent, logicalType: integer}\n"
)


def rows(header):
    """The first two cells of each row of the table that starts with `header`."""
    table = TEXT.split(f"| {header} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [(cells[1].strip(), cells[2].strip()) for cells in (line.split("|") for line in table)]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_sound(folder, example):
    kind, _, body = example.partition("\n")
    if kind.startswith("apiVersion"):
        folder.write("airlines.odcs.yaml", example)
    elif kind == "# a property":
        folder.silver(BASE + "- " + indent(body, "  ").lstrip())
    elif kind == "# properties":
        folder.silver(BASE.replace("primaryKey: true", "required: true") + body)
    elif kind == "# on the contract":
        folder.silver(BASE, root=body)
    elif "gold" in kind:
        folder.silver("- {name: carrier, logicalType: string}\n- {name: departed, logicalType: timestamp}")
        folder.silver("- {name: code, logicalType: string}", name="airlines")
        folder.gold(
            "- {name: carrier, logicalType: string, primaryKey: true}\n"
            "- {name: flight_date, logicalType: date, primaryKey: true}",
            custom=body.split("\n", 1)[1],
        )
    else:
        assert kind == "# on the schema object"
        custom = body.split("\n", 1)[1] if body.startswith("customProperties") else ""
        folder.silver(BASE, custom=custom, table="" if custom else body)
        if custom:  # it has a source of its own
            path = folder.path / "flights.odcs.yaml"
            path.write_text(re.sub(r"      - \{property: source.*\n", "", path.read_text()))
    assert folder.problems() == []


def test_every_type_and_its_options_are_listed():
    assert [name for name, _ in rows("`logicalType` | column")] == [f"`{name}`" for name in LOGICAL_TYPES]
    listed = {
        name.strip("`"): tuple(re.findall(r"`(\w+)`", options))
        for name, options in rows("`logicalType` | options")
    }
    assert listed == {name: options for name, options in OPTIONS.items() if options}


def test_every_operator_and_metric_is_listed():
    assert [name for name in OPERATORS if f"`{name}`" not in TEXT] == []
    metrics = {(name.strip("`"), where) for name, where in rows("`metric` | on")}
    assert metrics == {(name, "property") for name in PROPERTY_METRICS} | {
        (name, "table") for name in OBJECT_METRICS
    }


def test_every_custom_property_and_source_option_is_listed():
    listed = {name for _, names in rows("where | property") for name in re.findall(r"`(\w+)`", names)}
    assert listed == {name for names in PLACES.values() for name in names}
    for format_, options in rows("format | options"):
        assert set(re.findall(r"`(\w+)`", options)) - {"delimiter"} == set(SOURCE_OPTIONS[format_.strip("`")])


def test_every_option_of_a_stream_is_listed():
    listed = re.findall(r"^\| `(\w+)` \|", INGESTION, re.M)
    assert set(listed) == set(STREAM)


def test_the_promises_that_count_are_named():
    assert [name for name in (FRESHNESS[0], FRESHNESS[2], RETENTION[0]) if f"`{name}`" not in TEXT] == []
