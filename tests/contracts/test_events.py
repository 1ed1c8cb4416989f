"""What a contract may say of events, and of records that follow each other without line ends."""

from __future__ import annotations

import pytest
import yaml

SOURCE = "{path: trips/*.json, format: json, multiLine: true, events: [com.example.trip]}"


def write(folder, source: str, *, name: str = "trips", version: str = "1.2.0") -> None:
    folder.silver("- {name: id, logicalType: string}", name=name)
    path = folder.path / f"{name}.odcs.yaml"
    contract = yaml.safe_load(path.read_text())
    contract["version"] = version
    contract["schema"][0]["customProperties"][1]["value"] = yaml.safe_load(source)
    path.write_text(yaml.safe_dump(contract))


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        "{path: a/b/*, format: json, concatenated: true, events: [x, y]}",
        "{path: a/*/*.gz, format: json, concatenated: true}",
        "{path: a/*, format: json, concatenated: false, multiLine: true}",
    ],
)
def test_these_are_sound(folder, source):
    write(folder, source)
    assert folder.problems() == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{path: a/*, format: csv, concatenated: true}", ".value.concatenated: is for json only"),
        ("{path: a/*, format: json, concatenated: maybe}", "must be true or false"),
        ("{path: a/*, format: json, concatenated: true, multiLine: true}", "is implied by `concatenated`"),
        (SOURCE.replace("[com.example.trip]", "[]"), "must be a list of event types"),
        (SOURCE.replace("[com.example.trip]", "com.example.trip"), "must be a list of event types"),
        (SOURCE.replace("[com.example.trip]", "[1]"), "must be a list of event types"),
        (SOURCE.replace("multiLine: true", "multiLine: false"), "needs `format: json` and `multiLine: true`"),
        (SOURCE.replace("trips/*.json", "trips/*/*.json"), "cannot be written to `trips/*/*.json`"),
        (SOURCE.replace("trips/*.json", "trips/*.gz"), "cannot be written to"),
        (SOURCE.replace("trips/*.json", "s3://bucket/trips/*.json"), "cannot be written to"),
        (SOURCE.replace("trips/*.json", "/trips/*.json"), "cannot be written to"),
        (SOURCE.replace("trips/*.json", "../trips/*.json"), "cannot be written to"),
        (SOURCE.replace("trips/*.json", "'*.json'"), "cannot be written to"),
    ],
)
def test_these_are_refused(folder, source, said):
    write(folder, source)
    (problem,) = folder.problems()
    assert said in str(problem)


def test_a_version_that_events_cannot_be_compared_with_is_refused(folder):
    write(folder, SOURCE, version="spring")
    (problem,) = folder.problems()
    assert "version: `spring` cannot be compared with the versions of events. Such as `1.2.0`." in str(
        problem
    )


def test_events_of_one_type_cannot_go_to_two_tables(folder):
    write(folder, SOURCE)
    write(folder, SOURCE.replace("trips", "rides"), name="rides")
    (problem,) = folder.problems()
    assert "events `com.example.trip` go to `silver.rides` already" in str(problem)
