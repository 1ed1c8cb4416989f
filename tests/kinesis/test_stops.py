"""Where a batch stopped is written once, whoever comes first; on disks and in S3."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from medallion_pipelines.errors import SourceError
from medallion_pipelines.kinesis.positions import Position, Stop
from medallion_pipelines.kinesis.stops import LocalFolder, S3Folder, Stops, folder_at
from tests.aws import Bucket


def stop(number: int) -> Stop:
    return Stop(Position("AFTER_SEQUENCE_NUMBER", str(number), 5), records=number)


def test_the_first_to_write_decides(tmp_path: Path) -> None:
    stops = Stops(folder_at(f"file://{tmp_path}/a b"), "query")
    assert stops.get(1, "s/shardId-1") is None
    assert stops.put(1, "s/shardId-1", stop(1)) == stop(1)
    assert stops.put(1, "s/shardId-1", stop(2)) == stop(1)
    assert stops.get(1, "s/shardId-1") == stop(1)
    assert stops.put(2, "s/shardId-1", stop(2)) == stop(2)
    assert Stops(folder_at(f"{tmp_path}/a b"), "another").get(1, "s/shardId-1") is None
    stops.forget(1)
    assert stops.of(1, ["s/shardId-1"]) == {"s/shardId-1": None}


def test_of_many_at_once_one_is_first_and_all_hear_of_it(tmp_path: Path) -> None:
    heard: list[Stop] = []

    def put(number: int) -> None:
        heard.append(Stops(LocalFolder(tmp_path), "query").put(1, "s/a", stop(number)))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 16 and len(set(heard)) == 1
    assert [path.name for path in (tmp_path / "query" / "1").iterdir()] == ["a.s.json"]


def test_in_s3_the_first_to_write_decides(aws: None, bucket: Bucket) -> None:
    stops = Stops(folder_at(f"s3a://{bucket.name}/a b/"), "query")
    assert stops.get(1, "s/shardId-1") is None
    assert stops.put(1, "s/shardId-1", stop(1)) == stop(1)
    assert stops.put(1, "s/shardId-1", stop(2)) == stop(1)
    assert stops.put(2, "s/shardId-1", stop(2)) == stop(2)
    assert stops.put(11, "s/shardId-1", stop(3)) == stop(3)
    assert Stops(folder_at(f"s3://{bucket.name}/a b"), "query").get(1, "s/shardId-1") == stop(1)
    assert Stops(folder_at(f"s3://{bucket.name}/a b"), "another").get(1, "s/shardId-1") is None
    stops.forget(1)
    assert stops.of(1, ["s/shardId-1"]) == {"s/shardId-1": None}
    kept = ["a b/query/11/shardId-1.s.json", "a b/query/2/shardId-1.s.json"]
    assert sorted(bucket.files()) == kept


def test_what_s3_refuses_is_told_with_the_place(aws: None) -> None:
    stops = Stops(folder_at("s3://bucket-nowhere/a"), "query")
    with pytest.raises(SourceError, match=r"s3://bucket-nowhere/a/query/1/shardId-1.s.json: NoSuchBucket: "):
        stops.get(1, "s/shardId-1")
    with pytest.raises(SourceError, match=r"s3://bucket-nowhere/a/query/1/shardId-1.s.json: NoSuchBucket: "):
        stops.put(1, "s/shardId-1", stop(1))


def test_a_folder_that_cannot_be_written_or_has_no_hard_links_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match=r"/file/query/1/s.s.json cannot be written \(Not a directory\)\. "):
        Stops(LocalFolder(tmp_path / "file"), "query").put(1, "s/s", stop(1))

    def link(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(SourceError, match=r"Operation not supported\)\. .* with hard links, or s3://BUCKET"):
        Stops(LocalFolder(tmp_path), "query").put(1, "s/s", stop(1))
    assert list((tmp_path / "query" / "1").iterdir()) == []


def test_a_stop_that_was_damaged_is_named(tmp_path: Path) -> None:
    stops = Stops(LocalFolder(tmp_path), "query")
    stops.put(1, "s/shardId-1", stop(1))
    for content in ("", "{}", '{"position": {"kind": "LATEST", "when": 1}}', "[1]"):
        (tmp_path / "query" / "1" / "shardId-1.s.json").write_text(content)
        with pytest.raises(SourceError, match=r"query/1/shardId-1.s.json .* Start with a new checkpoint"):
            stops.get(1, "s/shardId-1")


def test_of_many_at_once_in_s3_one_is_first_and_all_hear_of_it(aws: None, bucket: Bucket) -> None:
    folder = folder_at(f"s3://{bucket.name}")
    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda number: Stops(folder, "query").put(1, "s/a", stop(number)), range(16)))
    assert len(set(heard)) == 1
    assert list(bucket.files()) == ["query/1/a.s.json"]


def test_another_that_is_just_writing_in_s3_is_waited_for() -> None:
    """No local server answers so."""
    client = boto3.client("s3", region_name="eu-west-1")
    write = {"Bucket": "bucket", "Key": "a/b", "Body": b"{}", "IfNoneMatch": "*"}
    with Stubber(client) as s3:
        s3.add_client_error("put_object", "ConditionalRequestConflict", expected_params=write)
        s3.add_client_error("put_object", "PreconditionFailed", expected_params=write)
        assert not S3Folder("s3://bucket/a", client).write_first("b", b"{}")
        s3.assert_no_pending_responses()
