"""Which feed takes a file: what Spark would find by the contract's pattern."""

from __future__ import annotations

import pytest
from tests.support import column, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.feeds import feed_of


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        (
            "a/*.json",
            ["a/x.json", "a/ü x.json"],
            ["a/x.csv", "a/b/x.json", "b/x.json", "a/_x.json"],
        ),
        ("a/*/*", ["a/1/x", "a/1/2/x"], ["a/x"]),
        ("a", ["a/x", "a/1/x"], ["ab", "b/a/x"]),
        ("a/{x,y}*.c[sv]v", ["a/x.csv", "a/y1.cvv"], ["a/z.csv", "a/x.cxv"]),
        ("a/?[^0-9].json", ["a/1a.json"], ["a/11.json", "a/a.json"]),
        (r"a/\*.json", ["a/*.json"], ["a/x.json"]),
        ("s3a://other/*.json", [], ["a/x.json"]),
    ],
)
def test_a_file_is_taken_by_the_feed_whose_pattern_finds_it(tmp_path, pattern, taken, left):
    product = load_product(write_product(tmp_path, silver("things", [column("id")], path=pattern)))
    find = feed_of(product, "s3a://bucket/landing/")
    assert [find(f"s3://bucket/landing/{path}") for path in taken] == ["bronze.things"] * len(taken)
    assert [find(f"s3://bucket/landing/{path}") for path in left] == [None] * len(left)
    assert find("s3://other/x.json") == ("bronze.things" if pattern.startswith("s3a:") else None)
