"""An erasure finds what belongs to a person wherever it is, and harms nobody else's records."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.erasure.scene import SECRET, holding
from tests.support import column, land_json, land_text, rows, run_only, silver, write_product

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.silver.changed import rebuild_of
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.tables import Field, Shape, Tables


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_ERASURE_KEY", SECRET)


def pointing(folder: Path) -> Path:
    """People (by id or mail), bookings that point to them, tickets that point to those."""
    to_person = [{"type": "foreignKey", "to": "people.id"}]
    to_booking = [{"type": "foreignKey", "to": "bookings.booking_id"}]
    person = column("person", "integer", relationships=to_person)
    return write_product(
        folder,
        silver("people", [column("id", "integer"), column("mail", unique=True), column("age", "integer")],
               key=["id"]),
        silver("bookings", [column("booking_id"), person, column("said")], key=["booking_id"]),
        silver("tickets", [column("ticket_id"), column("booking_id", relationships=to_booking)],
               key=["ticket_id"]),
    )  # fmt: skip


def ids(lakehouse: Lakehouse, table: str) -> list[Any]:
    return [row[0] for row in rows(lakehouse, table, lakehouse.table(table).columns[0])]


@pytest.mark.slow
def test_what_points_to_a_person_is_found_wherever_it_is(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = pointing(tmp_path / "p")
    # her only row goes to quarantine, and nothing has been captured before
    people = [{"id": 7, "mail": "ada@example.org", "age": "old"}, {"id": 8, "mail": "bo@example.org"}]
    land_json(lakehouse, "people/a.json", people)
    bookings = [{"booking_id": "b1", "person": 7, "said": "hers"}, {"booking_id": "b2", "person": 8}]
    land_json(lakehouse, "bookings/a.json", bookings)
    tickets = [{"ticket_id": f"ticket-{n}", "booking_id": f"b{n}"} for n in (1, 2)]
    land_json(lakehouse, "tickets/a.json", tickets)

    assert lakehouse.erase("people.mail=ada@example.org", product).complete
    assert holding(lakehouse, "ada@", "hers", "ticket-1") == []
    assert ids(lakehouse, "silver.people") == [8]
    assert ids(lakehouse, "silver.bookings") == ["b2"]
    assert ids(lakehouse, "silver.tickets") == ["ticket-2"]


@pytest.mark.slow
def test_what_a_corrected_record_was_before_goes_with_it(lakehouse: Lakehouse, tmp_path: Path) -> None:
    people = [column("id", "integer"), column("name")]
    product = write_product(tmp_path / "p", silver("people", people, key=["id"]))
    land_json(lakehouse, "people/a.json", [{"id": "7O", "name": "Lovelace"}, {"id": 8, "name": "Bo"}])
    assert lakehouse.run(product).succeeded
    (wrong,) = [row.id for row in lakehouse.quarantined("silver.people", product).collect()]
    right = {wrong: '{"id": 70, "name": "Lovelace"}'}
    assert lakehouse.replay("silver.people", product, corrected=right).succeeded

    # as a rebuild of a table of changes leaves them, if it is killed
    left = [rebuild_of("silver.people"), memory_of(rebuild_of("silver.people"))]
    for key in left:
        lakehouse.tables.create(key, Shape([Field("name", "STRING")]))

    result = lakehouse.erase("people.id=70", product)
    assert result.complete
    assert not set(left) & set(lakehouse.tables.keys("ops"))
    assert result.found["bronze.people"] == 2 and result.found["landing of bronze.people"] == 1
    assert holding(lakehouse, "Lovelace") == []
    assert ids(lakehouse, "silver.people") == [8]
    assert lakehouse.table("ops.quarantine_log").count() == 0


@pytest.mark.slow
def test_what_points_to_records_that_were_kept_out_goes_with_them(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = pointing(tmp_path / "p")
    land_json(lakehouse, "people/a.json", [{"id": 7, "mail": "ada@example.org"}])
    for feed in ("bookings", "tickets"):
        land_json(lakehouse, f"{feed}/none.json", [])
    assert lakehouse.erase("people.id=7", product).complete
    land_json(lakehouse, "bookings/a.json", [{"booking_id": "b5", "person": 7}])
    tickets = [{"ticket_id": f"ticket-{n}", "booking_id": f"b{n}"} for n in (5, 6)]
    land_json(lakehouse, "tickets/a.json", tickets)
    assert lakehouse.run(product).succeeded
    assert ids(lakehouse, "silver.bookings") == [] and ids(lakehouse, "silver.tickets") == [
        "ticket-5",
        "ticket-6",
    ]

    assert lakehouse.erase(None, product).complete
    assert ids(lakehouse, "silver.tickets") == ["ticket-6"]
    assert holding(lakehouse, "ticket-5") == []


@pytest.mark.slow
def test_records_that_another_run_captures_meanwhile_are_not_lost(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write_product(tmp_path / "p", silver("people", [column("id", "integer")], key=["id"]))
    land_json(lakehouse, "people/a.json", [{"id": 7}, {"id": 8}])
    delete, others = Tables.delete, [{"id": 9}]

    def captured_meanwhile(*given: Any, **more: Any) -> None:
        if others:
            land_json(lakehouse, "people/b.json", [others.pop()])
            run_only(lakehouse, product, "bronze.people")
        delete(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "delete", captured_meanwhile)
        with pytest.raises(
            MedallionError, match=r"bronze.people got records while .* another run is at work"
        ):
            lakehouse.erase("people.id=7", product)
    assert lakehouse.erase("people.id=7", product).complete
    assert ids(lakehouse, "silver.people") == [8, 9]
    # and what came out of it can be restored
    at = lakehouse.tables.version("silver.people")
    assert lakehouse.restore("silver.people", at, product).succeeded


@pytest.mark.slow
def test_a_document_that_cannot_be_taken_apart_stays_until_it_is_corrected(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    people = [column("id", "integer"), column("name")]
    product = write_product(tmp_path / "p", silver("people", people, key=["id"], multi_line=True))
    whole = '[{"id": 7, "name": "Lovelace"}, {"id": 8, "name": "Bo"}]'
    cut_off = land_text(lakehouse, "people/a.json", whole + ', {"id": 9, "na')
    land_text(lakehouse, "people/b.json", '[{"id": 7, "name": "Ada"}, {"id": 10, "name": "Di"}]')
    assert lakehouse.run(product).succeeded

    result = lakehouse.erase("people.id=7", product)
    assert not result.complete
    assert [url.rsplit("/", 1)[-1] for url in result.files_left] == ["a.json"]
    there = {"landing of bronze.people": 1, "bronze.people": 1, "silver.people_quarantine": 1}
    assert result.remaining == result.may_hold == there
    assert cut_off.read_text() == whole + ', {"id": 9, "na'
    assert ids(lakehouse, "silver.people") == [10]
    assert holding(lakehouse, "Ada") == []

    (wrong,) = [row.id for row in lakehouse.quarantined("silver.people", product).collect()]
    assert lakehouse.replay("silver.people", product, corrected={wrong: whole}).succeeded
    assert lakehouse.run(product).succeeded
    assert ids(lakehouse, "silver.people") == [10, 8]
    assert lakehouse.erase("people.id=7", product).complete
    assert holding(lakehouse, "Lovelace") == []
    lakehouse.rebuild("silver.people", product)
    assert ids(lakehouse, "silver.people") == [10, 8]
    assert ids(lakehouse, "silver.people_quarantine") == []


@pytest.mark.slow
def test_files_that_cannot_be_read_are_named_and_hide_no_others(lakehouse: Lakehouse, tmp_path: Path) -> None:
    to_person = [{"type": "foreignKey", "to": "people.id"}]
    product = write_product(
        tmp_path / "p",
        silver("people", [column("id", "integer"), column("name")], key=["id"], kind="csv", multi_line=False),
        silver(
            "members",
            [column("id", "integer", relationships=to_person), column("since", "timestamp")],
            key=["id"],
            kind="parquet",
        ),
    )
    latin = land_text(lakehouse, "people/a.csv", b"id,name\n7,Zo\xeb Lovelace\n8,Zo\xe9\n")
    land_text(lakehouse, "people/b.csv.gz", "id,name\n7,Lovelace\n").write_bytes(
        gzip.compress(b"id,name\n" + b"7,Lovelace\n" * 99)[:-20]
    )
    since = "TIMESTAMP'2026-01-02 03:04:05.678901' AS since"
    members = lakehouse.spark.sql(f"SELECT 7L AS id, {since} UNION ALL SELECT 8L, {since}")
    members.coalesce(1).write.parquet(f"{lakehouse.settings.landing}/members")
    land_text(lakehouse, "members/broken.parquet", b"PAR1, or so it says")
    result = lakehouse.erase("people.id=7", product)
    left = [url.rsplit("/", 1)[-1] for url in result.files_left]
    assert {"b.csv.gz", "broken.parquet"} < set(left) and len(left) == 3
    assert result.remaining == {"landing of bronze.members": 1}
    assert latin.read_bytes() == b"id,name\n8,Zo\xe9\n"
    assert [row.record.id for row in lakehouse.table("bronze.members").collect()] == [8]
    assert ids(lakehouse, "silver.members") == [8]
