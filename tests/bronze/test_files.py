"""What a pattern finds in folders and in S3, without Spark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.aws import Bucket

from medallion_pipelines.bronze.files import in_bucket, in_folders, s3_client
from medallion_pipelines.errors import SourceError

KEYS = [
    "a/x.json",
    "a/y.csv",
    "a/_hidden.json",
    "a/.hidden.json",
    "a/_odd=1.json",
    "a/half.json._COPYING_",
    "a/b/x.json",
    "a/day=1/x.json",
    "a/day=1/hour=2/y.json",
    "ab/x.json",
    "top.json",
]
PATTERNS = [
    ("a/*.json", ["a/_odd=1.json", "a/x.json"]),
    ("a//./*.json", ["a/_odd=1.json", "a/x.json"]),
    ("a/?.{json,csv}", ["a/x.json", "a/y.csv"]),
    ("*/x.json", ["a/x.json", "ab/x.json"]),
    ("a/*/*", ["a/b/x.json", "a/day=1/hour=2/y.json", "a/day=1/x.json"]),
    # of a folder its own files, and those in partitions
    ("a", ["a/_odd=1.json", "a/day=1/hour=2/y.json", "a/day=1/x.json", "a/x.json", "a/y.csv"]),
    ("a/b/", ["a/b/x.json"]),
    ("a/x.json", ["a/x.json"]),
    ("*.json", ["top.json"]),
    (r"a/\*.json", []),
    ("nothing/*", []),
]


@pytest.mark.parametrize(("pattern", "found"), PATTERNS)
def test_a_pattern_finds_files_in_folders(tmp_path: Path, pattern: str, found: list[str]) -> None:
    for key in KEYS:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(key)
    (tmp_path / "nothing").mkdir()
    listed = list(in_folders(f"{tmp_path}/{pattern}"))
    prefix = f"file:{tmp_path}/"
    assert sorted(path.removeprefix(prefix) for path, _, _ in listed) == found
    assert [size for _, _, size in listed] == [len(path.removeprefix(prefix)) for path, _, _ in listed]


@pytest.fixture(scope="module")
def filled(s3: object) -> Bucket:
    from tests.aws import new_bucket

    bucket = new_bucket(s3)
    for key in [*KEYS, "a/folder/"]:
        bucket.put(f"landing/{key}", key.encode())
    return bucket


@pytest.mark.parametrize(("pattern", "found"), PATTERNS)
def test_a_pattern_finds_the_same_in_s3(filled: Bucket, pattern: str, found: list[str]) -> None:
    listed = list(in_bucket(filled.s3, "s3a", filled.name, f"landing/{pattern}"))
    prefix = f"s3a://{filled.name}/landing/"
    assert sorted(path.removeprefix(prefix) for path, _, _ in listed) == found
    assert [size for _, _, size in listed] == [len(path.removeprefix(prefix)) for path, _, _ in listed]


def test_more_objects_than_one_call_tells_are_all_found(
    filled: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    assert len(filled.s3.list_objects_v2(Bucket=filled.name)["Contents"]) == 2
    assert len(list(in_bucket(filled.s3, "s3a", filled.name, "landing/a/*"))) == 6


def test_times_are_told_as_java_and_s3_tell_them(tmp_path: Path, aws: None, bucket: Bucket) -> None:
    (tmp_path / "a").touch()
    os.utime(tmp_path / "a", ns=(0, 1_700_000_000_123_456_789))
    ((_, modified_at, size),) = in_folders(f"{tmp_path}/*")
    assert (modified_at, size) == (1_700_000_000_123_000, 0)
    bucket.put("a", b"")
    ((_, modified_at, _),) = in_bucket(s3_client(), "s3a", bucket.name, "*")
    assert list(in_bucket(bucket.s3, "s3a", bucket.name, "")) == [(f"s3a://{bucket.name}/a", modified_at, 0)]
    told = bucket.s3.head_object(Bucket=bucket.name, Key="a")["LastModified"]
    assert modified_at == told.timestamp() * 1_000_000


def test_what_goes_while_it_is_listed_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "gone")
    assert list(in_folders(f"{tmp_path}/*.json")) == []


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"/gone is not a folder, so no file of .*/gone/\*\.json can be read"
    ):
        list(in_folders(f"{tmp_path}/gone/*.json"))


def test_a_bucket_that_is_missing_is_named(bucket: Bucket) -> None:
    with pytest.raises(SourceError, match=r"s3://nowhere-17/a/ cannot be listed: AWS answered NoSuchBucket"):
        list(in_bucket(bucket.s3, "s3a", "nowhere-17", "a/*"))


def test_without_credentials_it_says_so(
    aws: None, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(SourceError, match=r"there are no AWS credentials\. Set AWS_PROFILE"):
        list(in_bucket(s3_client(), "s3a", bucket.name, "a/*"))
