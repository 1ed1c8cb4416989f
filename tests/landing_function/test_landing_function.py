"""The landing function puts each event where its contract says, once, and all else aside with its reason."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import Bucket
from tests.kinesis.local import packed
from tests.landing_function.invocations import (
    STREAM,
    event,
    kinesis,
    queued,
    text,
    told_by_eventbridge,
    told_by_s3,
)

from medallion_pipelines.landing_function.handler import Landing
from medallion_pipelines.landing_function.storage import LARGEST_FILE, Folder

ROUTES = {
    "com.example.flight.departed": {
        "table": "silver.flight_events",
        "folder": "flight_events",
        "version": [1, 2],
    },
    "com.example.bag.loaded": {"table": "silver.bags", "folder": "bags/loaded", "version": [2, 0]},
}
ALL_WELL: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def landing(bucket: Bucket) -> Landing:
    return Landing(bucket.s3, Folder(bucket.name, "landing/"), Folder(bucket.name, "errors/"), ROUTES)


class Refusing:
    """An S3 that takes no file with one content."""

    def __init__(self, s3: Any, refused: bytes) -> None:
        self.get_object = s3.get_object
        self._put, self._refused = s3.put_object, refused

    def put_object(self, **request: Any) -> Any:
        if request["Body"] == self._refused:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your rate."}}, "PutObject")
        return self._put(**request)


class Meeting:
    """An S3 that takes no file before a second one is on its way."""

    def __init__(self, s3: Any) -> None:
        self.get_object = s3.get_object
        self._put, self._second = s3.put_object, threading.Barrier(2)

    def put_object(self, **request: Any) -> Any:
        self._second.wait(5)
        return self._put(**request)


def errors(bucket: Bucket) -> list[dict[str, Any]]:
    return [json.loads(content) for content in bucket.files("errors/").values()]


def test_an_event_is_landed_byte_for_byte_in_the_folder_of_its_table(
    landing: Landing, bucket: Bucket
) -> None:
    spread = b'{\r\n "data": {"n": 1.10, "n2": 1e400, "t": "\\u00e9 \xc3\xa9"},' + text()[1:]
    bag = text(type="com.example.bag.loaded", dataschema="urn:bags:2.0")
    assert landing.handle(kinesis(spread, bag)) == ALL_WELL
    folders = {key.rsplit("/", 1)[0]: content for key, content in bucket.files().items()}
    assert folders == {"landing/flight_events": spread, "landing/bags/loaded": bag}


def test_the_same_input_again_changes_nothing(landing: Landing, bucket: Bucket) -> None:
    batch = kinesis(text(1), text(2), text(1), b"not json")
    landing.handle(batch)
    files, written = bucket.files(), bucket.written()
    assert len(files) == 3
    assert landing.handle(batch) == ALL_WELL
    assert (bucket.files(), bucket.written()) == (files, written)


def test_one_id_is_one_file_whatever_brings_it(landing: Landing, bucket: Bucket) -> None:
    bucket.put("drops/a.json", text(1) + text(2))
    for invocation in (kinesis(text(1)), told_by_s3(bucket.name, "drops/a.json"), queued(text(2).decode())):
        landing.handle(invocation)
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2)]
    assert errors(bucket) == []


def test_the_id_of_another_source_is_another_id(landing: Landing, bucket: Bucket) -> None:
    landing.handle(kinesis(text(1), text(1, source="/airports/LGA")))
    assert len(bucket.files("landing/")) == 2


def test_an_id_that_comes_again_with_other_content_is_put_aside(landing: Landing, bucket: Bucket) -> None:
    landing.handle(kinesis(text(1)))
    landing.handle(kinesis(text(1, data={"flight": 2})))
    assert list(bucket.files("landing/").values()) == [text(1)]
    (error,) = errors(bucket)
    assert error["errorCode"] == "id_taken"
    assert base64.b64decode(error["rawData"]) == text(1, data={"flight": 2})


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        (b"", "empty", "the record is empty"),
        (b" \n", "empty", "the record is empty"),
        (b"\xff{}", "not_utf8", "byte 0 is not UTF-8"),
        (b"hello", "not_json", "Expecting value at character 0"),
        (text()[:-1], "not_json", "Expecting ',' delimiter at character"),
        (text() + b"{}", "not_json", "Extra data"),
        (text(data=None)[:-1] + b', "data": {"x": NaN}}', "not_json", "NaN is no JSON number"),
        (b'{"a":' * 100_000, "not_json", "it is nested too deep"),
        (b"[1]", "not_an_event", "it is JSON, but no object"),
        (b"{}", "not_an_event", "the attribute `specversion` is missing or no text"),
        (text(id=None), "not_an_event", "the attribute `id` is missing or no text"),
        (text(id=" "), "not_an_event", "the attribute `id` is missing or no text"),
        (text(id=7), "not_an_event", "the attribute `id` is missing or no text"),
        (text(dataschema=None), "not_an_event", "the attribute `dataschema` is missing or no text"),
        (text(specversion="0.3"), "not_an_event", "specversion is '0.3', and not 1.0"),
        (text(data=[1]), "not_an_event", "`data` is missing or no object"),
        (text(time="noon"), "not_an_event", "time 'noon' is no timestamp"),
        (text(type="\ud800"), "unknown_type", "no contract takes events of type '\\ud800'"),
        (text(dataschema="urn:x"), "unknown_version", "dataschema 'urn:x' does not end in a version"),
        (
            text(dataschema="urn:x:1.3.0"),
            "unknown_version",
            "version 1.3.0 is not one of silver.flight_events: 1.0 to 1.2",
        ),
        (text(dataschema="urn:x:2.0"), "unknown_version", "version 2.0 is not one of"),
        (text(time="2026-01-01T00:06:00Z"), "from_the_future", "time 2026-01-01T00:06:00Z is after"),
        (
            packed([("a", text(8)), ("b", text(9))])[:-1],
            "aggregated",
            "a package of records (KPL) that cannot be",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_no_valid_event_is_put_aside_with_its_reason_and_harms_no_other(
    landing: Landing, bucket: Bucket, record: bytes, code: str, message: str
) -> None:
    assert landing.handle(kinesis(text(1), record, text(2))) == ALL_WELL
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2)]
    ((key, content),) = bucket.files("errors/").items()
    assert key.startswith(f"errors/{code}/2026/01/01/00/")
    error = json.loads(content)
    assert error["errorCode"] == code and error["errorMessage"].startswith(message)
    assert base64.b64decode(error["rawData"]) == record
    assert error["arrivalTimestamp"] == 1_767_225_600_000
    assert (error["stream"], error["shardId"]) == (STREAM, "shardId-000000000006")


@pytest.mark.parametrize(
    "changed",
    [
        {"time": None},
        {"time": "2026-01-01T00:04:59Z"},
        {"time": "2026-01-01T02:00:00.123456789+02:00"},
        {"time": "1999-12-31T00:00:00"},
        {"dataschema": "urn:flight:1.0.7"},
        {"data": {}},
        {"data": {"text": "x" * 1_000_000}},
        {"id": "../../\u6f22 {}?*"},
        {"airline": "an attribute of our own"},
    ],
    ids=str,
)
def test_what_cloudevents_and_the_contract_allow_is_landed(
    landing: Landing, bucket: Bucket, changed: dict[str, Any]
) -> None:
    landing.handle(kinesis(text(1, **changed)))
    ((key, content),) = bucket.files().items()
    assert content == text(1, **changed)
    assert key.removeprefix("landing/flight_events/").removesuffix(".json").isalnum()


def test_an_attribute_that_is_null_is_one_that_is_not_there(landing: Landing, bucket: Bucket) -> None:
    without = b'{"time": null, "subject": null, ' + text(time=None)[1:]
    landing.handle(kinesis(without, b'{"id": null, ' + text(id=None)[1:]))
    assert list(bucket.files("landing/").values()) == [without]
    assert [error["errorMessage"] for error in errors(bucket)] == ["the attribute `id` is missing or no text"]


def test_only_what_s3_did_not_take_is_delivered_again(landing: Landing, bucket: Bucket) -> None:
    batch = kinesis(text(1), text(2), text(3))
    refusing = Landing(Refusing(bucket.s3, text(2)), landing.landing, landing.errors, ROUTES)
    number = batch["Records"][1]["kinesis"]["sequenceNumber"]
    assert refusing.handle(batch) == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert sorted(bucket.files().values()) == [text(1), text(3)]
    assert landing.handle(batch) == ALL_WELL
    assert sorted(bucket.files().values()) == [text(1), text(2), text(3)]


def test_a_message_is_delivered_again_where_one_event_of_its_file_was_not_taken(
    landing: Landing, bucket: Bucket
) -> None:
    bucket.put("drops/a.json", text(1) + text(2))
    bucket.put("drops/b.json", text(3))
    refusing = Landing(Refusing(bucket.s3, text(2)), landing.landing, landing.errors, ROUTES)
    batch = queued(told_by_s3(bucket.name, "drops/a.json"), told_by_s3(bucket.name, "drops/b.json"))
    assert refusing.handle(batch) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    with pytest.raises(ClientError, match="SlowDown"):  # S3's own invocation has no items to name
        refusing.handle(told_by_s3(bucket.name, "drops/a.json"))
    assert landing.handle(batch) == ALL_WELL
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2), text(3)]


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_events_of_a_file_are_landed_one_by_one(
    landing: Landing, bucket: Bucket, between: bytes, packed: bool
) -> None:
    content = b"\xef\xbb\xbf" + between.join([text(1), b"not json", text(2), text(3)[:-1]])
    bucket.put("drops/\u00fc + 1.json", gzip.compress(content) if packed else content)
    assert landing.handle(told_by_s3(bucket.name, "drops/\u00fc + 1.json")) == ALL_WELL
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2)]
    found = {error["record"]: error for error in errors(bucket)}
    assert {place: base64.b64decode(e["rawData"]) for place, e in found.items()} == {
        "1": b"not json",
        "3": text(3)[:-1],
    }
    assert {error["key"] for error in found.values()} == {"drops/\u00fc + 1.json"}


def test_the_events_that_a_producer_packed_into_one_record_are_landed_one_by_one(
    landing: Landing, bucket: Bucket
) -> None:
    sent = [("a", text(1)), ("b", b"not json"), ("a", text(2))]
    batch = kinesis(packed(sent), text(3), packed([("c", packed([("d", text(4))]))]))
    assert landing.handle(batch) == ALL_WELL
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2), text(3)]
    found = {error["errorCode"]: error for error in errors(bucket)}
    numbers = [each["kinesis"]["sequenceNumber"] for each in batch["Records"]]
    assert base64.b64decode(found["not_json"]["rawData"]) == b"not json"
    assert found["not_json"]["sequenceNumber"] == f"{numbers[0]}:1"
    assert found["aggregated"]["sequenceNumber"] == f"{numbers[2]}:0"  # nobody packs packages
    files, written = bucket.files(), bucket.written()
    assert landing.handle(batch) == ALL_WELL
    assert (bucket.files(), bucket.written()) == (files, written)


def test_a_record_is_delivered_again_where_one_event_in_it_was_not_taken(
    landing: Landing, bucket: Bucket
) -> None:
    batch = kinesis(packed([("a", text(1)), ("b", text(2))]), text(3))
    refusing = Landing(Refusing(bucket.s3, text(2)), landing.landing, landing.errors, ROUTES)
    number = batch["Records"][0]["kinesis"]["sequenceNumber"]
    assert refusing.handle(batch) == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert landing.handle(batch) == ALL_WELL
    assert sorted(bucket.files().values()) == [text(1), text(2), text(3)]


@pytest.mark.parametrize("brought_by", ["a file", "a package"])
def test_what_comes_together_is_landed_side_by_side(
    landing: Landing, bucket: Bucket, brought_by: str
) -> None:
    bucket.put("drops/a.json", text(1) + text(2))
    told = told_by_s3(bucket.name, "drops/a.json")
    batch = told if brought_by == "a file" else kinesis(packed([("a", text(1)), ("b", text(2))]))
    Landing(Meeting(bucket.s3), landing.landing, landing.errors, ROUTES).handle(batch)
    assert sorted(bucket.files("landing/").values()) == [text(1), text(2)]


def test_files_are_told_of_by_s3_itself_a_queue_or_eventbridge(landing: Landing, bucket: Bucket) -> None:
    for number in range(4):
        bucket.put(f"drops/{number}.json", text(number))
    landing.handle(told_by_s3(bucket.name, "drops/0.json"))
    landing.handle(told_by_eventbridge(bucket.name, "drops/1.json"))
    landing.handle(
        queued(told_by_s3(bucket.name, "drops/2.json"), told_by_eventbridge(bucket.name, "drops/3.json"))
    )
    assert sorted(bucket.files("landing/").values()) == [text(number) for number in range(4)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(text(1) * 100)[:-9], "gzip"),
        (gzip.compress(text(1))[:12] + b"\xff" * 60, "gzip"),
        (b"", "empty"),
        (b" \n\n", "empty"),
        (gzip.compress(b" " * (LARGEST_FILE + 1), 1), "too_large"),
        (None, "gone"),
    ],
    ids=["gzip cut short", "broken gzip", "no bytes", "blank lines", "unpacks to too much", "deleted"],
)
def test_a_file_that_cannot_be_read_is_named_with_its_reason_and_harms_no_other(
    landing: Landing, bucket: Bucket, content: bytes | None, code: str
) -> None:
    if content is not None:
        bucket.put("drops/bad.gz", content)
    bucket.put("drops/good.json", text(1))
    assert landing.handle(told_by_s3(bucket.name, "drops/bad.gz", "drops/good.json")) == ALL_WELL
    assert list(bucket.files("landing/").values()) == [text(1)]
    (error,) = errors(bucket)
    assert (error["errorCode"], error["bucket"], error["key"]) == (code, bucket.name, "drops/bad.gz")
    assert "rawData" not in error


def test_the_version_of_a_file_that_s3_tells_of_is_read(landing: Landing, bucket: Bucket) -> None:
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    first = bucket.s3.put_object(Bucket=bucket.name, Key="drops/a.json", Body=text(1))["VersionId"]
    bucket.put("drops/a.json", text(2))
    told = told_by_s3(bucket.name, "drops/a.json")
    told["Records"][0]["s3"]["object"]["versionId"] = first
    landing.handle(told)
    assert list(bucket.files("landing/").values()) == [text(1)]


def test_the_function_does_not_land_its_own_files_again(landing: Landing, bucket: Bucket) -> None:
    landing.handle(kinesis(text(1), b"not json"))
    files = bucket.files()
    landing.handle(told_by_s3(bucket.name, *files))
    assert bucket.files() == files


def test_what_s3_deleted_and_what_it_sends_to_try_a_queue_is_no_file(
    landing: Landing, bucket: Bucket
) -> None:
    deleted = told_by_s3(bucket.name, "drops/a.json", name="ObjectRemoved:Delete")
    tried = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket.name}
    assert landing.handle(deleted) == ALL_WELL
    assert landing.handle(queued(deleted, tried)) == ALL_WELL
    assert bucket.files() == {}


def test_a_message_that_tells_of_no_file_is_put_aside(landing: Landing, bucket: Bucket) -> None:
    odd = [
        "",
        '{"Records": 1}',
        '{"Records": [1]}',
        '{"Records": [{"eventSource": "aws:s3"}]}',
        "[" * 9_999,
        "{",
    ]
    assert landing.handle(queued(*odd, event(1))) == ALL_WELL
    refused = [base64.b64decode(error["rawData"]).decode() for error in errors(bucket)]
    assert sorted(refused) == sorted(odd)
    assert list(bucket.files("landing/").values()) == [text(1)]


def test_an_invocation_by_a_service_that_is_not_known_is_an_error(landing: Landing) -> None:
    with pytest.raises(ValueError, match="only Kinesis, S3 and SQS are known here, not aws:dynamodb"):
        landing.handle({"Records": [{"eventSource": "aws:dynamodb"}]})


@pytest.mark.parametrize("uri", ["bucket/x", "s3://", "https://bucket/x"])
def test_a_place_that_is_not_in_s3_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is no place in S3: write s3://bucket/prefix"):
        Folder.of(uri)
