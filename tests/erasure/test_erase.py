"""Erasing a person: nothing of theirs is left in any file, others' rows are as they were, they stay out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.erasure.scene import ADA, SECRET, holding, land, write
from tests.support import counts, land_json, land_text, rows, step, versions

from medallion_pipelines.lakehouse import Lakehouse

SUBJECT = "passengers.passenger_id=7"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_ERASURE_KEY", SECRET)


def test_nothing_of_an_erased_person_is_left_and_they_stay_out(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write(tmp_path / "p")
    land(lakehouse)
    assert lakehouse.run(product).succeeded
    land_json(lakehouse, "bookings/c.json", [{"booking_id": "b5", "passenger_id": 8, "price": 2}])
    assert lakehouse.run(product).succeeded
    assert len(holding(lakehouse, *ADA)) > 10
    before = versions(lakehouse, ("bronze", "silver", "gold", "ops"))

    planned = lakehouse.erase(SUBJECT, product, dry_run=True)
    assert versions(lakehouse, ("bronze", "silver", "gold", "ops")) == before
    expected = {
        "landing of bronze.passengers": 3,
        "bronze.passengers": 3,
        "silver.passengers_quarantine": 1,
        "silver.passengers": 2,
        "silver.__apply_changes_storage_passengers": 0,
        "landing of bronze.bookings": 3,
        "bronze.bookings": 3,
        "silver.bookings_quarantine": 1,
        "silver.bookings": 1,
        "landing of bronze.tickets": 1,
        "bronze.tickets": 1,
        "silver.tickets": 1,
    }
    assert planned.found == expected

    result = lakehouse.erase(SUBJECT, product)
    assert result.found == expected
    assert result.complete and not any(result.remaining.values())
    assert holding(lakehouse, *ADA) == []
    assert rows(lakehouse, "silver.passengers", "passenger_id", "name") == [(8, "Bo"), (9, "Cy")]
    assert rows(lakehouse, "silver.bookings", "booking_id", "passenger_id") == [
        ("b2", 8),
        ("b4", 8),
        ("b5", 8),
    ]
    assert rows(lakehouse, "silver.tickets", "ticket_id") == [("t2",), ("t3",)]
    assert rows(lakehouse, "gold.spending") == [(8, "bo@example.org", 8)]
    audit = lakehouse.table("ops.erasures").orderBy("recorded_at").collect()
    assert [(row.status, row.subject) for row in audit] == [
        ("begun", "silver.passengers.passenger_id"),
        ("done", "silver.passengers.passenger_id"),
    ]
    assert audit[1].rows == expected and audit[1].keyed_hash != audit[1].token

    # the files are neither read again nor reported; who was erased is kept out, who was not comes in
    again = lakehouse.run(product)
    assert again.succeeded and not again.changed
    assert [note for one in again.steps for note in one.notes] == []
    land_text(lakehouse, "passengers/c.csv", "passenger_id,seq,name,email,op\n7,9,Lovelace,,U\n10,1,Di,,U\n")
    land_json(lakehouse, "bookings/d.json", [{"booking_id": "b9", "passenger_id": 7, "price": "Lovelace"}])
    back = lakehouse.run(product)
    assert counts(back, "silver.passengers") == (1, 1, 0, 0)
    assert counts(back, "silver.bookings") == (0, 0, 0, 0)
    assert "1 records of erased keys were kept out" in step(back, "silver.passengers").notes[-1]
    assert [row[0] for row in rows(lakehouse, "silver.passengers", "passenger_id")] == [10, 8, 9]
    assert lakehouse.erase(None, product).complete
    assert holding(lakehouse, *ADA) == []
