"""Erasing a person: nothing of theirs is left in any file, others' rows are as they were, they stay out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.erasure.scene import ADA, SECRET, holding, land, write
from tests.support import column, counts, land_json, land_text, rows, silver, step, versions, write_product

from medallion_pipelines.errors import MedallionError, SetupError, UnknownNameError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Tables

SUBJECT = "passengers.passenger_id=7"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_ERASURE_KEY", SECRET)


@pytest.mark.slow
def test_nothing_of_an_erased_person_is_left_in_any_file(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write(tmp_path / "p")
    land(lakehouse)
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
    assert {url.rsplit("/", 2)[-2] + "/" + url.rsplit("/", 1)[-1]: n for url, n in planned.files.items()} == {
        "passengers/a.csv.gz": 1,
        "passengers/b.csv": 2,
        "bookings/a.json": 2,
        "bookings/b.json": 1,
        "tickets/a.json": 1,
    }

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


@pytest.mark.slow
def test_who_was_erased_stays_out_and_who_was_not_comes_in(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write(tmp_path / "p")
    land(lakehouse)
    assert lakehouse.run(product).succeeded
    assert lakehouse.erase(SUBJECT, product).complete
    # the files are neither read again nor reported
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
    lakehouse.rebuild("silver.bookings", product)
    assert len(rows(lakehouse, "silver.bookings")) == 2
    assert len(rows(lakehouse, "silver.bookings_quarantine")) == 0

    assert any("bronze" in path for path in holding(lakehouse, *ADA))
    result = lakehouse.erase(None, product)
    assert result.complete and result.found["bronze.passengers"] == result.found["bronze.bookings"] == 1
    assert holding(lakehouse, *ADA) == []
    assert not lakehouse.run(product).changed


@pytest.mark.slow
def test_killed_anywhere_it_is_completed_by_the_same_command(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write(tmp_path / "p")
    land(lakehouse)
    assert lakehouse.run(product).succeeded

    def cut_off(after: int) -> None:
        """The write of that number happens, and then nothing more."""
        done = 0

        def counted(original: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal done
                done += 1
                if done > after:
                    raise KeyError("the machine went away")
                return original(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("append", "delete", "update", "drop_versions", "drop_log"):
                patch.setattr(Tables, name, counted(getattr(Tables, name)))
            with pytest.raises((KeyError, MedallionError)):
                lakehouse.erase(SUBJECT, product)

    for after in (5, 13, 40):  # in the first files, between versions and log, in what comes last
        cut_off(after)
    assert lakehouse.erase(SUBJECT, product).complete
    assert holding(lakehouse, *ADA) == []
    assert rows(lakehouse, "silver.passengers", "passenger_id") == [(8,), (9,)]
    assert rows(lakehouse, "silver.bookings", "booking_id") == [("b2",), ("b4",)]
    assert rows(lakehouse, "gold.spending") == [(8, "bo@example.org", 6)]
    assert sorted(row.status for row in lakehouse.table("ops.erasures").collect()) == ["begun", "done"]
    assert not lakehouse.run(product).changed
    assert lakehouse.tables.property("bronze.passengers", "delta.appendOnly") == "true"


@pytest.mark.slow
def test_documents_are_rewritten_and_parquet_files_are_named(lakehouse: Lakehouse, tmp_path: Path) -> None:
    people = [column("id", "integer"), column("mail", unique=True)]
    product = write_product(
        tmp_path / "p",
        silver("people", people, key=["id"], multi_line=True),
        silver("members", people, key=["id"], kind="parquet"),
    )
    land_text(
        lakehouse,
        "people/a.json",
        '[{"id": 1, "mail": "ada@example.org"},\n {"id": 2, "mail": "bo@example.org", "tags": ["a, b"]}]',
    )
    land_text(lakehouse, "people/b.json", '{"id": 1, "mail": "lovelace@example.org"}')
    frame = lakehouse.spark.sql("SELECT 1L AS id, 'ada@example.org' AS mail UNION ALL SELECT 2L, 'bo'")
    frame.coalesce(1).write.parquet(f"{lakehouse.settings.landing}/members")
    assert lakehouse.run(product).succeeded

    # a unique column names the person; what the same key was called before goes, too
    assert lakehouse.erase("people.mail=lovelace@example.org", product).complete
    landing = Path(lakehouse.settings.landing)
    assert (landing / "people/a.json").read_text() == ('[{"id":2,"mail":"bo@example.org","tags":["a, b"]}]')
    assert (landing / "people/b.json").read_text() == ""
    assert rows(lakehouse, "silver.people") == [(2, "bo@example.org")]
    assert not lakehouse.run(product).changed

    left = lakehouse.erase("members.id=1", product)
    assert not left.complete and len(left.files_left) == 1
    assert left.remaining == {"landing of bronze.members": 1}
    assert rows(lakehouse, "silver.members") == [(2, "bo")]
    assert all("landing" in path for path in holding(lakehouse, "ada@example.org"))


def test_without_the_secret_nothing_is_looked_for(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write(tmp_path / "p")
    with pytest.raises(UnknownNameError, match="email does not tell persons apart"):
        lakehouse.erase("passengers.email=x", product)
    with pytest.raises(MedallionError, match="is no BIGINT") as refused:
        lakehouse.erase("passengers.passenger_id=seven", product)
    assert "seven" not in str(refused.value)
    monkeypatch.delenv("MEDALLION_ERASURE_KEY")
    with pytest.raises(SetupError, match="MEDALLION_ERASURE_KEY is not set"):
        lakehouse.erase(SUBJECT, product)
