"""Roles: what they may do, what they see, and what of that is refused."""

from __future__ import annotations

import re

import pytest

from medallion_pipelines.contracts.model import Role

COLUMNS = "- {name: id, logicalType: integer, primaryKey: true}\n- {name: Region, logicalType: string}"


def roles(folder, text):
    folder.silver(COLUMNS, root=f"roles:\n{text}")


def custom(name, value, access="read"):
    return f"  - {{role: a, access: {access}, customProperties: [{{property: {name}, value: {value}}}]}}"


def test_clearance_rows_and_recipients_are_read(folder):
    roles(
        folder,
        "\n".join(
            [
                custom("clearance", "[confidential, pii]"),
                custom("rows", "\"region = 'north' OR id > 1\"").replace("role: a", "role: b"),
                custom("recipient", '{prod: "aws:eu-west-1:1-2"}').replace("role: a", "role: c"),
                "  - {role: d}",
            ]
        ),
    )

    assert folder.table().roles == (
        Role("a", "read", clearance=("confidential", "pii")),
        Role("b", "read", rows="region = 'north' OR id > 1", rows_of=("region", "id")),
        Role("c", "read", recipients={"prod": "aws:eu-west-1:1-2"}),
        Role("d"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  - {role: a, access: admin}", "access: `admin` is not supported. Write `read` or `write`."),
        ("  - {role: a}\n  - {role: a}", "role: the role `a` is here twice. Keep one of them."),
        (custom("clearence", "[x]"),
         "customProperties[0].property: `clearence` means nothing here. Did you mean `clearance`?"),
        (custom("owner", "me"),
         "customProperties[0].property: `owner` does not belong here. It is a property of the contract."),
    ],
)  # fmt: skip
def test_what_a_role_does_not_know_is_refused(folder, text, said):
    roles(folder, text)

    (found,) = folder.said()
    assert re.sub(r"^roles\[\d\]\.", "", found) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (custom("clearance", "restricted"),
         ": must be a list of classifications. Such as `value: [confidential]`."),
        (custom("rows", "nope = 1"), ": there is no column `nope`. Known: `id`, `Region`."),
        (custom("rows", "(SELECT 1)"),
         ": holds a subquery. An expression sees one row; compare tables with `relationships`."),
        (custom("rows", "1 = 1"),
         ": names no column. Say which rows the role sees, such as `region = 'north'`."),
        (custom("rows", "id > 1", "write"),
         ": is for a role that reads. Who writes a table has to see all of it."),
        (custom("recipient", "somebody"),
         ": must be a mapping of environments to sharing identifiers. "
         'Such as `value: {prod: "aws:eu-west-1:<id of the metastore>"}`.'),
        (custom("recipient", "{prod: somebody}"),
         ".prod: is no sharing identifier. "
         "It is `cloud:region:id`; SELECT CURRENT_METASTORE() tells it there."),
    ],
)  # fmt: skip
def test_what_a_role_cannot_be_is_refused(folder, text, said):
    roles(folder, text)

    assert folder.said() == [f"roles[0].customProperties[0].value{said}"]


def test_rows_of_a_view_are_refused(folder):
    folder.silver(COLUMNS)
    folder.gold(
        "- {name: id, logicalType: integer}",
        table="physicalType: view",
        custom="- {property: inputs, value: [{table: silver.flights}]}",
        root=f"roles:\n{custom('rows', 'id > 1')}",
    )

    assert folder.said() == [
        "roles[0].customProperties[0].value: is not honoured on a view. "
        "Put it on the tables it reads, or make it a table."
    ]


def test_declassified_says_why(folder):
    folder.silver(
        "- {name: id, logicalType: integer, customProperties: [{property: declassified, value: true}]}"
    )

    assert folder.said() == [
        "schema[0].properties[0].customProperties[0].value: must say why. "
        "Such as `value: the country alone tells of nobody`."
    ]
