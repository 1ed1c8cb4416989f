"""Options are those of the built-in source, and what cannot be is told."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from medallion_pipelines.errors import SourceError
from medallion_pipelines.kinesis.options import InitialPosition, Options, read_options

NEEDED = {"streamName": "a", "metadataPath": "/stops"}


def test_options_have_the_names_and_defaults_of_the_built_in_source() -> None:
    assert read_options(NEEDED) == Options(("a",), "/stops")
    assert read_options(
        {
            "STREAMNAME": "a, b", "metadatapath": "s3://bucket/stops", "Region": "eu-west-1",
            "endpointurl": "http://localhost:1", "initialPosition": "earliest", "maxRecordsPerBatch": "5",
            "maxRecordsPerFetch": "10", "maxFetchRate": "1.5", "maxFetchDuration": "2m",
            "failOnDataLoss": "False",
        }
    ) == Options(
        ("a", "b"), "s3://bucket/stops", "eu-west-1", "http://localhost:1", InitialPosition("trim_horizon"),
        5, 10, 1.5, 120.0, False,
    )  # fmt: skip


def test_times_without_a_zone_are_utc() -> None:
    options = read_options({**NEEDED, "initialPosition": '{"at_timestamp": "2026-01-31T12:00:00"}'})
    assert options.initial_position.at == datetime(2026, 1, 31, 12, tzinfo=UTC)


WRONG = {
    "streamname": "x", "streamName": "no name", "metadataPath": "relative", "initialPosition": "oldest",
    "maxRecordsPerFetch": "10001", "maxRecordsPerBatch": "0", "maxFetchRate": "3", "maxFetchDuration": "10",
    "failOnDataLoss": "maybe", "shardsPerTask": "5", "maxRecordPerBatch": "5",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in WRONG if name != "streamname"])
def test_what_an_option_cannot_be_is_told(name: str) -> None:
    with pytest.raises(SourceError, match=rf"option `{name}`"):
        read_options({**NEEDED, name: WRONG[name]})


@pytest.mark.parametrize("shard", ["shardId-000000000000", "a/0", "a/b/shardId-000000000000", ""])
def test_sequence_numbers_that_are_of_no_shard_are_told(shard: str) -> None:
    position = json.dumps({"after_sequence_number": {shard: "5"}})
    with pytest.raises(SourceError, match=r'option `initialPosition`.* \{"STREAM/SHARD": "NUMBER"\}'):
        read_options({**NEEDED, "initialPosition": position})


@pytest.mark.parametrize("missing", NEEDED)
def test_what_is_missing_is_told(missing: str) -> None:
    with pytest.raises(SourceError, match=rf"needs the option `{missing}`"):
        read_options({name: value for name, value in NEEDED.items() if name != missing})


def test_secrets_are_refused_and_not_repeated() -> None:
    with pytest.raises(SourceError, match=r"`awsSecretKey` is not supported") as told:
        read_options({**NEEDED, "awsSecretKey": "hush"})
    assert "hush" not in str(told.value)


def test_the_package_works_without_boto3() -> None:
    code = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "import medallion_pipelines.lakehouse, medallion_pipelines.kinesis.reading\n"
        "from medallion_pipelines.kinesis import client, options\n"
        "from medallion_pipelines.errors import SetupError\n"
        "try: client.connect(options.Options(('a',), '/a'))\n"
        "except SetupError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'medallion-pipelines[aws]'" in told
