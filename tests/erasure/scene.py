"""A small product with persons in it, and a look at every byte that a lakehouse keeps."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tests.support import column, gold, land_json, land_text, silver, write_product

from medallion_pipelines.lakehouse import Lakehouse

ADA = ("ada@example.org", "Lovelace", "+44 1")  # what identifies passenger 7
SECRET = "0123456789abcdef0123456789abcdef"
CHANGES = {"changes": {"storedAsScdType": 2, "applyAsDeletes": "op = 'D'"}, "sequenceBy": ["seq"]}


def write(folder: Path) -> Path:
    """Passengers (a history, from CSV), bookings that point to them, tickets that point to those (JSON)."""
    to_passenger = [{"type": "foreignKey", "to": "passengers.passenger_id"}]
    to_booking = [{"type": "foreignKey", "to": "bookings.booking_id"}]
    return write_product(
        folder,
        silver(
            "passengers",
            [column("passenger_id", "integer"), column("seq", "integer"), column("name"), column("email")],
            key=["passenger_id"],
            kind="csv",
            custom=CHANGES,
        ),
        silver(
            "bookings",
            [
                column("booking_id"),
                column("passenger_id", "integer", relationships=to_passenger),
                column("price", "integer"),
            ],
            key=["booking_id"],
        ),
        silver(
            "tickets",
            [column("ticket_id"), column("booking_id", relationships=to_booking), column("phone")],
            key=["ticket_id"],
        ),
        gold(
            "spending",
            [column("passenger_id", "integer"), column("email"), column("total", "integer")],
            [
                {"table": "silver.bookings", "grain": {"passenger_id": "passenger_id"}},
                {"table": "silver.passengers", "grain": {"passenger_id": "passenger_id"}},
            ],
            key=["passenger_id"],
        ),
        spending="SELECT b.passenger_id, max(p.email) AS email, sum(b.price) AS total FROM {bookings} b "
        "LEFT JOIN {passengers} p ON p.passenger_id = b.passenger_id AND p.__END_AT IS NULL "
        "GROUP BY b.passenger_id",
    )


def land(lakehouse: Lakehouse) -> None:
    """Ada (7) with two versions and a broken record, Bo (8); gzipped and plain."""
    land_text(
        lakehouse,
        "passengers/a.csv.gz",
        "passenger_id,seq,name,email,op\r\n007,1,Lovelace,ada@example.org,U\r\n8,1,Bo,bo@example.org,U\r\n",
    )
    land_text(
        lakehouse,
        "passengers/b.csv",
        'passenger_id,seq,name,email,op\n7,2,"Lovelace,\nAda",ada@example.org,U\n'
        '7,"3,Lovelace,+44 1,U\n9,1,Cy,,U\n',
    )
    bookings: list[Any] = [
        {"booking_id": "b1", "passenger_id": 7, "price": 10},
        {"booking_id": "b2", "passenger_id": 8, "price": 5},
        {"booking_id": "b3", "passenger_id": "7", "price": "Lovelace"},  # quarantined
        {"booking_id": "b4", "passenger_id": 8, "price": 1, "note": "of 7"},
    ]
    land_json(lakehouse, "bookings/a.json", bookings)
    # the booking of Ada's that Bo took over
    land_json(lakehouse, "bookings/b.json", [{"booking_id": "b5", "passenger_id": 7, "price": 1}])
    tickets = [
        {"ticket_id": "t1", "booking_id": "b1", "phone": "+44 1"},
        {"ticket_id": "t2", "booking_id": "b2", "phone": "+45 2"},
        {"ticket_id": "t3", "booking_id": "b5", "phone": "+45 2"},
    ]
    land_json(lakehouse, "tickets/a.json", tickets)


def holding(lakehouse: Lakehouse, *words: str) -> list[str]:
    """The files below warehouse and landing zone that hold one of the words."""
    found = []
    for top in (lakehouse.settings.warehouse, lakehouse.settings.landing):
        assert top is not None
        for path in sorted(Path(top).rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                texts = [content.decode("utf-8", "replace")]
                if path.suffix == ".gz":
                    texts.append(gzip.decompress(content).decode())
                elif path.suffix == ".parquet":
                    texts.append(str(pq.ParquetFile(path).read().to_pylist()))
                if any(word in text for word in words for text in texts):
                    found.append(str(path.relative_to(Path(top).parent)))
    return found
