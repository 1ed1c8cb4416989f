"""Revisions of AWS Data Exchange come into the landing zone once each, and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.aws import Bucket
from tests.ingest.data_exchange import Exchange, served

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest import exchange as exchange_module
from medallion_pipelines.ingest.exchange import Asset, DataSet, Revision
from medallion_pipelines.ingest.places import Place, client
from medallion_pipelines.results import Arrival

FILES = {f"day {number}.csv": b"x" * number for number in range(1, 4)}


@pytest.fixture
def exchange(aws: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    with served(Exchange(s3)) as exchange:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DATAEXCHANGE", exchange.url)
        exchange.publish("r1", "2026-01-01T00:00:00Z", FILES)
        exchange.publish("r2", "2026-02-01T00:00:00Z", {"more/a.csv": b"y"})
        exchange.publish("draft", "2026-03-01T00:00:00Z", FILES, Finalized=False)
        exchange.publish("revoked", "2026-03-01T00:00:00Z", FILES, Revoked=True)
        yield exchange


@pytest.fixture
def data_set(exchange: Exchange, bucket: Bucket) -> DataSet:
    goal = Place(bucket.name, "landing/partner")
    return DataSet(client("dataexchange"), bucket.s3, exchange.id, goal, pause=lambda seconds: None)


def landed(bucket: Bucket) -> dict[str, bytes]:
    return {key.removeprefix("landing/partner/"): text for key, text in bucket.files().items()}


def test_new_revisions_are_exported_the_oldest_first_each_into_a_folder(
    data_set: DataSet, bucket: Bucket
) -> None:
    first, second = data_set.new()
    assert [(one.id, [asset.name for asset in one.assets]) for one in (first, second)] == [
        ("r1", list(FILES)),
        ("r2", ["more/a.csv"]),
    ]
    arn = "arn:aws:dataexchange:eu-west-1::data-sets/data-set-1/revisions/r2/assets/more/a.csv"
    data_set.export(first)
    assert data_set.export(second) == [
        Arrival("r2", f"s3://{bucket.name}/landing/partner/r2/more/a.csv", arn)
    ]
    assert landed(bucket) == {**{f"r1/{name}": text for name, text in FILES.items()}, "r2/more/a.csv": b"y"}


def test_a_revision_is_new_until_its_manifest_is_written(
    data_set: DataSet, exchange: Exchange, bucket: Bucket
) -> None:
    for revision in data_set.new():
        data_set.export(revision)
        data_set.settle(revision)
    assert data_set.new() == []
    manifest = json.loads(bucket.get("landing/partner/r2/_manifest.json"))
    assert (manifest["dataSetId"], manifest["id"]) == ("data-set-1", "r2")
    assert [(asset["name"], asset["size"]) for asset in manifest["assets"]] == [("more/a.csv", 1)]
    exchange.publish("r3", "2026-04-01T00:00:00Z", FILES)
    assert [revision.id for revision in data_set.new()] == ["r3"]


def test_what_is_there_already_is_not_exported_again(
    data_set: DataSet, exchange: Exchange, bucket: Bucket
) -> None:
    bucket.put("landing/partner/r1/day 2.csv", b"xx")
    written = bucket.written()
    arrivals = data_set.export(data_set.new()[0])
    assert len(arrivals) == 3
    (job,) = exchange.jobs.values()
    assert len(job["details"]["AssetDestinations"]) == 2
    assert bucket.written()["landing/partner/r1/day 2.csv"] == written["landing/partner/r1/day 2.csv"]
    data_set.export(data_set.new()[0])
    assert len(exchange.jobs) == 1


def test_a_revision_of_many_files_is_exported_by_several_jobs(
    data_set: DataSet, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "_ASSETS", 2)
    assert len(data_set.export(data_set.new()[0])) == 3
    assert [len(job["details"]["AssetDestinations"]) for job in exchange.jobs.values()] == [2, 1]


def test_a_job_that_fails_says_why_and_the_revision_stays_new(
    data_set: DataSet, exchange: Exchange, bucket: Bucket
) -> None:
    exchange.failing = True
    revision = data_set.new()[0]
    with pytest.raises(IngestError, match="ended ERROR: ACCESS_DENIED_EXCEPTION: The bucket"):
        data_set.export(revision)
    assert landed(bucket) == {}
    assert data_set.new()[0] == revision


def test_what_is_no_file_is_refused(data_set: DataSet, exchange: Exchange) -> None:
    exchange.revisions["r1"]["type"] = "REDSHIFT_DATA_SHARE"
    with pytest.raises(IngestError, match="of data set data-set-1 is a REDSHIFT_DATA_SHARE"):
        data_set.new()


@pytest.mark.parametrize("names", [["_manifest.json", "b.csv"], ["a.csv", "a.csv"]])
def test_a_file_that_would_take_the_place_of_another_or_of_the_manifest_is_refused(
    data_set: DataSet, bucket: Bucket, names: list[str]
) -> None:
    assets = tuple(Asset(f"id-{place}", name, f"arn-{place}", 1) for place, name in enumerate(names))
    with pytest.raises(IngestError, match=r"two assets of one name, or one that is called _manifest\.json"):
        data_set.export(Revision("r9", "2026-01-01T00:00:00+00:00", assets))
    assert landed(bucket) == {}


def test_a_data_set_that_does_not_exist_is_named(exchange: Exchange, bucket: Bucket) -> None:
    nowhere = DataSet(client("dataexchange"), bucket.s3, "nowhere", Place(bucket.name, "x"))
    with pytest.raises(IngestError, match="The revisions of data set nowhere cannot be listed: AWS answered"):
        nowhere.new()
