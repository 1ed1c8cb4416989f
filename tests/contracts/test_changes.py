"""Contracts of tables that are made of changes."""

from __future__ import annotations

import re

import pytest

from medallion_pipelines.contracts.model import Changes

COLUMNS = """
- {name: id, logicalType: integer, primaryKey: true}
- {name: at, logicalType: timestamp}
- {name: city, logicalType: string}
- {name: upper, logicalType: string, transformLogic: upper(city)}
"""
ORDER = "- {property: sequenceBy, value: [at]}\n"


def changes(value: str, order: str = ORDER) -> str:
    return f"{order}- {{property: changes, value: {value}}}"


def test_what_changes_do_is_read(folder):
    folder.silver(
        COLUMNS,
        custom=changes(
            "{storedAsScdType: 2, applyAsDeletes: \"Op = 'D' AND city IS NULL\", ignoreNullUpdates: true, "
            "trackHistoryColumnList: [city]}"
        ),
    )
    assert folder.table().changes == Changes(
        2, "Op = 'D' AND city IS NULL", None, True, ("city",), None, ("Op",), flags=("Op", "city")
    )


def test_by_default_the_last_version_is_kept_and_nothing_deleted(folder):
    folder.silver(COLUMNS, custom=changes("{}"))
    assert folder.table().changes == Changes()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("yes", ": must be a mapping. Such as `{applyAsDeletes: \"op = 'D'\", storedAsScdType: 2}`."),
        ("{applyAsDelete: op}", ".applyAsDelete: `applyAsDelete` is not a key of `changes`. "
         "Did you mean `applyAsDeletes`?"),
        ("{storedAsScdType: 3}",
         ".storedAsScdType: must be 1 or 2. 1 keeps the last version of a key, 2 every one."),
        ("{storedAsScdType: 2, applyAsTruncates: \"op = 'T'\"}",
         ".applyAsTruncates: is for `storedAsScdType: 1`. A history is not emptied."),
        ("{applyAsDeletes: \"upper = 'D'\"}",
         ".applyAsDeletes: `upper` is computed. Name the source fields that it is made of."),
        ("{applyAsDeletes: _deleted}",
         ".applyAsDeletes: `_deleted` may be one of the pipeline's own. Rename the source field."),
        ("{storedAsScdType: 2, trackHistoryColumnList: [id]}",
         ".trackHistoryColumnList[0]: `id` is of the key, which never changes. Leave it out."),
        ("{applyAsDeletes: count(op) > 1}", ".applyAsDeletes: holds an aggregate, `COUNT(op)`. "
         "Use quality of `type: sql` for many rows."),
        ("{ignoreNullUpdates: often}", ".ignoreNullUpdates: must be true or false"),
        ("{trackHistoryColumnList: [city]}",
         ".trackHistoryColumnList: is for `storedAsScdType: 2`. Type 1 has no history."),
        ("{storedAsScdType: 2, trackHistoryColumnList: [town]}",
         ".trackHistoryColumnList[0]: there is no column `town`. Known: `id`, `at`, `city`, `upper`."),
        ("{storedAsScdType: 2, trackHistoryColumnList: [city], trackHistoryExceptColumnList: [at]}",
         ".trackHistoryExceptColumnList: stands beside `trackHistoryColumnList`. Use one of them."),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(folder, value, said):
    folder.silver(COLUMNS, custom=changes(value))
    assert folder.said() == [f"schema[0].customProperties[3].value{said}"]


def test_a_field_that_only_conditions_name_needs_a_header(folder):
    way = changes("{applyAsDeletes: \"Op = 'D'\"}")
    for header, said in (("false", 1), ("true", 0)):
        folder.silver(COLUMNS, custom=way)
        path = folder.path / "flights.odcs.yaml"
        source = f"{{path: x, format: csv, options: {{header: '{header}'}}}}"
        path.write_text(
            re.sub(r"(property: source, value: )\{.*?\}\}?", rf"\1{source}}}", path.read_text(), count=1)
        )
        assert [text.partition(": ")[2] for text in folder.said()] == [
            "names Op, and the files have no header that does. "
            "Declare it as a column, in its place, or set `header: true`."
        ][:said]


def test_changes_need_a_key_and_an_order_and_bear_no_look_at_rows(folder):
    folder.silver("- {name: id, logicalType: integer}", custom=changes("{}", order=""))
    assert folder.said() == [
        "schema[0].customProperties[2].value: needs a primary key. "
        "It says which row a change is of: add `primaryKey: true`."
    ]
    folder.silver(COLUMNS, custom=changes("{}", order=""))
    assert folder.said() == [
        "schema[0].customProperties[2].value: needs `sequenceBy`. "
        "It orders the changes of a key, whenever they come."
    ]
    folder.silver(COLUMNS.replace("city, logicalType: string", "city, logicalType: string, unique: true"),
                  custom=changes("{}"))  # fmt: skip
    assert folder.said() == [
        "schema[0].customProperties[3].value: does not go with `unique` (city). "
        "Put it on a mart over this table."
    ]


def test_snapshots_are_ordered_by_what_is_known_of_their_files(folder):
    version = "to_date(substring(_metadata.file_name, 1, 10))"
    folder.silver(COLUMNS, custom=changes(f'{{snapshotVersion: "{version}", storedAsScdType: 2}}', order=""))
    assert folder.table().changes == Changes(2, snapshot_version=version)


@pytest.mark.parametrize(
    ("value", "order", "said"),
    [
        ("{snapshotVersion: at}", "", ".snapshotVersion: names at. "
         "A snapshot is what has come under one version: "
         "compute it from `_metadata`, such as `to_date(substring(_metadata.file_name, 10, 10))`."),
        ("{snapshotVersion: _metadata.file_date}", "", ".snapshotVersion: `_metadata` has no `file_date`. "
         "Did you mean `file_path`?"),
        ("{snapshotVersion: current_date()}", "", ".snapshotVersion: does not depend on the file. "
         "Every snapshot would have the same version. "
         "Compute it from `_metadata`, such as `_metadata.file_modification_time`."),
        ("{snapshotVersion: _metadata.file_name}", ORDER, ".snapshotVersion: stands beside `sequenceBy`. "
         "The version orders snapshots: leave `sequenceBy` out."),
        ("{snapshotVersion: _metadata.file_name, applyAsDeletes: \"Op = 'D'\"}", "",
         ".applyAsDeletes: is for feeds of changes. A key that a snapshot lacks was deleted."),
    ],
)  # fmt: skip
def test_what_a_snapshot_cannot_have_is_refused(folder, value, order, said):
    folder.silver(COLUMNS, custom=changes(value, order))
    place = f"schema[0].customProperties[{3 if order else 2}].value"
    assert [f"{place}{said}"] == folder.said()
