"""A product with one of everything that the APIs tell apart, and a gold table of it as Delta."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.governance.scene import ANALYST, ENGINEER, governed, role
from tests.support import column, gold, silver, write_product

CARE = role("care", clearance=["confidential"])
NORTH = role("north", rows="region = 'north\\'s' AND amount_class <> 3")

SALES = [
    column("region", description="Where it was sold."),
    column("day", "date"),
    column("number", "integer"),
    column("at", "timestamp", required=True),
    column("amount", "number", physicalType="DECIMAL(10,2)"),
    column("amount_class", "integer", physicalType="INT"),
    column("rating", "number"),
    column("email", classification="confidential"),
    column("paid", "boolean", required=True, classification="public"),
    column("spent", "number", classification="confidential", required=True),
    column("items", "array", items={"logicalType": "string"}),
]
INPUT = [{"table": "silver.raw"}]
KEY = ["region", "day", "number"]


def contracts(*more: dict[str, Any]) -> list[dict[str, Any]]:
    raw = governed(silver("raw", SALES, key=KEY))
    sales = governed(
        gold("sales", SALES, INPUT, key=KEY, description="One sale."), ENGINEER, ANALYST, CARE, NORTH
    )
    return [raw, sales, *more]


def product(folder: Path, *more: dict[str, Any], **sql: str) -> Path:
    texts = {each["name"]: selecting(each) for each in contracts(*more)[1:]}
    return write_product(folder, *contracts(*more), **(texts | sql))


def selecting(contract: dict[str, Any]) -> str:
    names = ", ".join(f"`{each['name']}`" for each in contract["schema"][0]["properties"])
    return f"SELECT {names} FROM {{raw}}"


def sales(count: int = 23) -> pa.Table:
    """Rows in no order; days and regions are of several rows each."""
    start = datetime(2026, 1, 31, 22, 59, 59, 123456, tzinfo=UTC)
    regions = ["north's", "südwärts", ""]
    rows = [
        {
            "region": regions[n % 3],
            "day": date(2026, 1, 1) + timedelta(days=n % 4),
            "number": 2**60 + n,
            "at": start + timedelta(hours=n),
            "amount": Decimal(f"{n}.10") if n % 5 else None,
            "amount_class": n % 4,
            "rating": [1.5, float("nan"), None][n % 3],
            "email": f"person{n}@example.com",
            "paid": bool(n % 2),
            "spent": n / 4,
            "items": ["a"],
        }
        for n in range(count)
    ]
    shape = pa.schema(
        [
            ("region", pa.string()), ("day", pa.date32()), ("number", pa.int64()),
            ("at", pa.timestamp("us", tz="UTC")), ("amount", pa.decimal128(10, 2)),
            ("amount_class", pa.int32()), ("rating", pa.float64()), ("email", pa.string()),
            ("paid", pa.bool_()), ("spent", pa.float64()), ("items", pa.list_(pa.string())),
        ]
    )  # fmt: skip
    rows.sort(key=lambda row: str(row["amount"]))
    return pa.Table.from_pylist(rows, schema=shape)
