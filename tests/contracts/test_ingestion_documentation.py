"""docs/ingestion-s3.md says what is so: its contracts are sound, its table of reasons is complete."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from medallion_pipelines import landing_function
from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.events import routes
from medallion_pipelines.landing_function.events import route

TEXT = (Path(__file__).parents[2] / "docs" / "ingestion-s3.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n# on the schema object.*?\n(.*?)```", TEXT, re.S)
(EVENT,) = re.findall(r"```json\n(.*?)```", TEXT, re.S)


def write(folder, example: str) -> None:
    found = yaml.safe_load(example)
    found.setdefault("properties", [{"name": "id", "logicalType": "string"}])
    if not any(each["property"] == "layer" for each in found["customProperties"]):
        found["customProperties"].append({"property": "layer", "value": "silver"})
    contract = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "version": "1.2.0"}
    schema = [{"name": "things", **found}]
    folder.write("things.odcs.yaml", yaml.safe_dump({**contract, "status": "active", "schema": schema}))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_sound(folder, example):
    write(folder, example)
    assert folder.problems() == []


def test_the_event_of_the_example_is_one_of_its_contract(folder):
    write(folder, EXAMPLES[0])
    goal = route(EVENT.encode(), datetime.now(UTC), routes(load_product(folder.path)))
    assert (goal.table, goal.key.split("/")[0]) == ("silver.things", "flight_events")
    assert json.loads(EVENT)["data"] == {"carrier": "B6"}


def test_every_reason_to_refuse_is_listed():
    folder = Path(str(landing_function.__file__)).parent
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    listed = re.findall(r"^\| (`.*?) \|", TEXT.split("| refused as |")[1].split("\n\n")[0], re.M)
    assert set(re.findall(r"`(\w+)`", "".join(listed))) == set(re.findall(r'RefusedError\(\s*"(\w+)"', code))
