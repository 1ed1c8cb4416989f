"""S3 Batch Operations copy an archive into the landing zone: each file once, and none that is not told of."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from tests.aws import Bucket, new_bucket
from tests.ingest.control import ACCOUNT, ROLE, Control

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest.batch import Batch, Copy, Job
from medallion_pipelines.ingest.places import Place, client
from medallion_pipelines.results import Arrival

KEYS = ["2019/a.json", "2019/b c.json", '2019/\u00fc,\u6f22+"x".json', "2020/d.json"]


@pytest.fixture
def archive(s3: Any) -> Bucket:
    archive = new_bucket(s3)
    for key in KEYS:
        archive.put(key, key.encode())
    archive.put("lists/all.csv", listed(archive, *KEYS))
    return archive


def listed(archive: Bucket, *keys: str) -> bytes:
    return "".join(f"{archive.name},{quote(key)}\n" for key in keys).encode()


@pytest.fixture
def batch(control: Control, archive: Bucket, bucket: Bucket) -> Batch:
    return made(archive, bucket)


def made(archive: Bucket, bucket: Bucket, **changed: Any) -> Batch:
    asked: dict[str, Any] = {
        "account": ACCOUNT,
        "role": ROLE,
        "manifest": Place(archive.name, "lists/all.csv"),
        "target": Place(bucket.name, "landing/flights/"),
        "reports": Place(archive.name, "reports/"),
    }
    return Batch(archive.s3, client("s3control"), Copy(**{**asked, **changed}), pause=lambda seconds: None)


def landed(bucket: Bucket) -> dict[str, bytes]:
    return {key.removeprefix("landing/flights/"): text for key, text in bucket.files("landing/").items()}


def test_the_files_of_a_list_are_copied_and_told_of(batch: Batch, archive: Bucket, bucket: Bucket) -> None:
    seen: list[Job] = []
    (job,) = batch.run(attempts=3, on_progress=seen.append)
    assert landed(bucket) == {key: key.encode() for key in KEYS}
    assert [one.status for one in seen] == ["Preparing", "Ready", "Active", "Complete"]
    assert (job.total, job.succeeded, job.failed, job.untried) == (4, 4, 0, 0)
    assert list(batch.arrivals(job)) == [
        Arrival(job.id, f"s3://{bucket.name}/landing/flights/{key}", f"s3://{archive.name}/{key}")
        for key in KEYS
    ]
    assert list(batch.failures(job)) == []


def test_the_files_of_an_inventory_are_copied_in_the_versions_it_names(
    control: Control, archive: Bucket, bucket: Bucket
) -> None:
    archive.s3.put_bucket_versioning(Bucket=archive.name, VersioningConfiguration={"Status": "Enabled"})
    old = archive.s3.put_object(Bucket=archive.name, Key="a b.json", Body=b"old")["VersionId"]
    archive.put("a b.json", b"new")
    rows = f'"{archive.name}","a+b.json","{old}","3"\n'.encode()
    archive.put("inventory/data/1.csv.gz", gzip.compress(rows))
    overview = {
        "sourceBucket": archive.name,
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, Size",
        "files": [
            {"key": "inventory/data/1.csv.gz", "size": 1, "MD5checksum": hashlib.md5(rows).hexdigest()}
        ],
    }
    archive.put("inventory/manifest.json", json.dumps(overview).encode())
    control.refused["a b.json"] = 1
    batch = made(archive, bucket, manifest=Place(archive.name, "inventory/manifest.json"))
    first, second = batch.run(attempts=2)
    assert (first.failed, second.succeeded) == (1, 1)
    assert landed(bucket) == {"a b.json": b"old"}
    assert [(one.origin, one.version) for one in batch.arrivals(second)] == [
        (f"s3://{archive.name}/a b.json", old)
    ]


def test_only_what_failed_is_copied_again(batch: Batch, control: Control, bucket: Bucket) -> None:
    control.refused.update({KEYS[1]: 1, KEYS[2]: 2})
    jobs = batch.run(attempts=3)
    assert [(job.total, job.failed) for job in jobs] == [(4, 2), (2, 1), (1, 0)]
    assert landed(bucket) == {key: key.encode() for key in KEYS}
    arrived = [
        one.path.removeprefix(f"s3://{bucket.name}/landing/flights/")
        for job in jobs
        for one in batch.arrivals(job)
    ]
    assert sorted(arrived) == sorted(KEYS)


def test_what_cannot_be_copied_is_named_with_its_reason(
    batch: Batch, archive: Bucket, bucket: Bucket
) -> None:
    archive.put("lists/all.csv", listed(archive, KEYS[0], "gone.json"))
    _, second = batch.run(attempts=2)
    assert list(landed(bucket)) == [KEYS[0]]
    (task,) = batch.failures(second)
    assert (task.name, task.error, task.http_status) == ("gone.json", "NoSuchKey", "404")


def test_whole_buckets_can_be_named(control: Control, archive: Bucket, bucket: Bucket) -> None:
    batch = made(archive, bucket, target=Place(bucket.name, ""), reports=Place(archive.name, ""))
    (job,) = batch.run(attempts=1)
    assert bucket.files() == {key: key.encode() for key in KEYS}
    assert [one.path for one in batch.arrivals(job)] == [f"s3://{bucket.name}/{key}" for key in KEYS]


def test_tags_and_checksums_come_with_the_copies(control: Control, archive: Bucket, bucket: Bucket) -> None:
    made(archive, bucket, tags={"origin": "archive", "year": "2019"}, checksum="SHA256").run(attempts=1)
    place = {"Bucket": bucket.name, "Key": f"landing/flights/{KEYS[0]}"}
    tags = bucket.s3.get_object_tagging(**place)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"origin": "archive", "year": "2019"}
    (request,) = [job["request"] for job in control.jobs.values()]
    assert "SHA256" in [element.text for element in request.iter()]


def test_who_is_cut_off_and_comes_again_follows_the_same_jobs(
    batch: Batch, control: Control, archive: Bucket, bucket: Bucket
) -> None:
    control.refused[KEYS[0]] = 1

    def cut_off(job: Job) -> None:
        if job.status == "Ready" and job.total == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.run(attempts=2, on_progress=cut_off)
    first, second = made(archive, bucket).run(attempts=2)
    assert set(control.jobs) == {first.id, second.id}
    assert landed(bucket) == {key: key.encode() for key in KEYS}
    written = bucket.written()
    assert made(archive, bucket).run(attempts=2) == [first, second]  # and once more
    assert (len(control.jobs), bucket.written()) == (2, written)
    (anew,) = made(archive, bucket, description="once more").run(attempts=1)
    assert anew.id not in (first.id, second.id)


def test_a_job_that_fails_says_why_and_what_it_did_not_come_to(
    batch: Batch, control: Control, archive: Bucket, bucket: Bucket
) -> None:
    control.threshold = 4
    control.refused.update({KEYS[0]: 9, KEYS[1]: 9})
    (job,) = batch.run(attempts=3)
    assert (job.status, job.succeeded, job.failed, job.untried) == ("Failed", 0, 2, 2)
    assert job.reasons == ("JobFailureThreshold: Too many tasks failed.",)
    assert landed(bucket) == {}
    assert [task.name for task in batch.failures(job)] == KEYS[:2]


def test_a_manifest_that_is_changed_after_it_was_looked_at_is_not_copied(
    batch: Batch, archive: Bucket, bucket: Bucket
) -> None:
    def change(job: Job) -> None:
        archive.put("lists/all.csv", listed(archive, KEYS[0]))

    (job,) = batch.run(attempts=1, on_progress=change)
    assert (job.status, job.reasons) == ("Failed", ("403: The ETag of the manifest differs.",))
    assert landed(bucket) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "begins with '', and not with bucket,key or bucket,key,version"),
        (b"a.json\n", "begins with 'a.json', and not with"),
        (b"a,b,c,d\n", "begins with 'a,b,c,d', and not with"),
        (b"Bucket,Key\narchive,a.json\n", "has a header line: take it out"),
        (b"\xef\xbb\xbfarchive,a.json\n", "begins with a byte order mark: take it out"),
    ],
)
def test_a_list_that_could_not_be_read_makes_no_job(
    batch: Batch, control: Control, archive: Bucket, content: bytes, said: str
) -> None:
    archive.put("lists/all.csv", content)
    with pytest.raises(IngestError, match=said):
        batch.run(attempts=1)
    assert control.jobs == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "is not the manifest.json of an S3 Inventory"),
        (
            b'{"fileFormat": "Parquet", "fileSchema": "x"}',
            "is in Parquet: S3 Batch Operations reads CSV",
        ),
        (b'{"fileFormat": "CSV", "fileSchema": "Bucket, Size"}', "lists no keys"),
    ],
)
def test_an_inventory_that_could_not_be_read_makes_no_job(
    control: Control, archive: Bucket, bucket: Bucket, content: bytes, said: str
) -> None:
    archive.put("inventory/manifest.json", content)
    batch = made(archive, bucket, manifest=Place(archive.name, "inventory/manifest.json"))
    with pytest.raises(IngestError, match=said):
        batch.run(attempts=1)
    assert control.jobs == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"manifest": Place("bucket-nowhere", "a.csv")},
            "s3://bucket-nowhere/a.csv cannot be read: AWS",
        ),
        (
            {"role": "arn:aws:iam::123456789012:role/other"},
            "AWS answered InvalidRequest: Role cannot be assumed",
        ),
        ({"account": "210987654321"}, "AWS answered AccessDenied: Access Denied"),
    ],
)
def test_what_aws_refuses_is_an_error_that_says_what_was_tried(
    control: Control, archive: Bucket, bucket: Bucket, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(IngestError, match=said):
        made(archive, bucket, **changed).run(attempts=1)
    assert control.jobs == {}


@pytest.mark.parametrize("damage", ["changed", "shortened", "missing", "other columns", "odd row"])
def test_a_report_that_does_not_tell_of_each_file_is_an_error(
    batch: Batch, control: Control, archive: Bucket, damage: str
) -> None:
    (job,) = batch.run(attempts=1)
    overview = f"reports/job-{job.id}/manifest.json"
    (results,) = archive.files(f"reports/job-{job.id}/results/").items()
    if damage == "changed":
        archive.put(results[0], results[1].replace(b"succeeded", b"failed!!!", 1))
    elif damage == "missing":
        archive.s3.delete_object(Bucket=archive.name, Key=overview)
    else:
        found = json.loads(archive.get(overview))
        if damage in ("shortened", "odd row"):
            short = results[1].split(b"\n", 1)[1] if damage == "shortened" else results[1] + b"a,b\n"
            archive.put(results[0], short)
            found["Results"][0]["MD5Checksum"] = hashlib.md5(short).hexdigest()
        else:
            found["ReportSchema"] = "Bucket, Key"
        archive.put(overview, json.dumps(found).encode())
    said = {
        "changed": "was changed: its MD5 differs",
        "shortened": "has 4 objects that succeeded, and its completion report 3",
        "missing": "manifest.json cannot be read: AWS answered NoSuchKey",
        "other columns": "has columns that are not known here",
        "odd row": "has columns that are not known here",
    }
    with pytest.raises(IngestError, match=said[damage]):
        list(batch.arrivals(job))
