"""A landing file loses the records that go, and not a byte of the rest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from medallion_pipelines.contracts.model import Source
from medallion_pipelines.erasure.files import copy, without

CASES = {
    "line ends are kept": (
        Source("a/*", "json", False),
        b'{"a":1}\r\n{"a":2}\n\n{"a":3}\r{"a":2}',
        {b'{"a":2}'},
        b'{"a":1}\r\n\n{"a":3}\r',
    ),
    "so are bytes that are no text": (Source("a/*", "json", False), b"\xff\xfe\nx\n", {b"x"}, b"\xff\xfe\n"),
    "and such a record goes, no other that looks like it": (
        Source("a/*", "csv", False),
        b"7,Zo\xeb\n7,Zo\xe9\n",
        {b"7,Zo\xeb"},
        b"7,Zo\xe9\n",
    ),
    "where Spark has cut by a pattern, it has decoded": (
        Source("a/*", "csv", True),
        b'id,n\n7,"Zo\xeb\n"\n8,\xeb\n',
        {'7,"Zo\ufffd\n"'.encode()},
        b"id,n\n8,\xeb\n",
    ),
    "a byte order mark belongs to the file": (
        Source("a/*", "json", False),
        b"\xef\xbb\xbfx\ny\n",
        {b"x"},
        b"y\n",
    ),
    "a record may have line ends in quotes": (
        Source("a/*", "csv", True),
        b'id,n\n1,"a\nb"\n2,"a\n""b"\n3,"c\n4,d',
        {b'2,"a\n""b"', b'3,"c'},
        b'id,n\n1,"a\nb"\n4,d',
    ),
    "records may follow each other without line ends": (
        Source("a/*", "json", False, concatenated=True),
        b'\xef\xbb\xbf{"a":1}{"a":2}\n{"a":"\xff}{"} {"a":2}{"a":2,\n',
        {b'{"a":2}'},
        b'\xef\xbb\xbf{"a":1}\n{"a":"\xff}{"} {"a":2,\n',
    ),
    "and no header is one": (Source("a/*", "csv", False), b"id\n1\n2\n", {b"1"}, b"id\n2\n"),
}


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_rest_of_a_file_is_kept(
    tmp_path: Path, case: tuple[Source, bytes, set[bytes], bytes], name: str
) -> None:
    source, before, records, after = case
    packed = name.endswith(".gz")
    (tmp_path / name).write_bytes(gzip.compress(before) if packed else before)
    copy(tmp_path / name, tmp_path / "beside", without(records, source))
    written = (tmp_path / "beside").read_bytes()
    assert (gzip.decompress(written) if packed else written) == after
