"""A small product that has one of everything that is governed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import column, gold, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.governance.desired import desired
from medallion_pipelines.governance.model import Desired
from medallion_pipelines.governance.places import Places, read_places
from medallion_pipelines.settings import Settings

PARTNER = "aws:eu-west-1:11111111-2222-3333-4444-555555555555"
ENGINEER = {"role": "engineer", "access": "write"}
ANALYST = {"role": "analyst", "access": "read"}


def role(name: str, access: str | None = "read", **custom: Any) -> dict[str, Any]:
    """A role with its custom properties."""
    found: dict[str, Any] = {"role": name} | ({"access": access} if access else {})
    if custom:
        found["customProperties"] = [{"property": key, "value": value} for key, value in custom.items()]
    return found


def governed(contract: dict[str, Any], *roles: dict[str, Any], **root: Any) -> dict[str, Any]:
    """A contract with roles, an owner and a catalog in prod."""
    layer = next(p["value"] for p in contract["schema"][0]["customProperties"] if p["property"] == "layer")
    server = {"server": "prod", "type": "databricks", "catalog": "Shop_Prod", "schema": layer}
    return contract | {
        "team": {"name": "shop-data"}, "roles": list(roles or (ENGINEER, ANALYST)), "servers": [server],
        **root,
    }  # fmt: skip


def contracts() -> list[dict[str, Any]]:
    people = silver(
        "people",
        [
            column("id", "integer", description="Number of the person."),
            column("email", classification="confidential", tags=["pii:email"]),
            column("address", "object", properties=[column("street", classification="restricted")]),
            column("country", classification="public"),
        ],
        key=["id"],
        description="One person.",
        tags=["shop"],
    )
    orders = silver(
        "orders",
        [
            column("id", "integer"),
            column("person", "integer", relationships=[{"type": "foreignKey", "to": "people.id"}]),
            column("region"),
            column("amount", "number"),
        ],
        key=["id"],
    )
    sales = gold(
        "sales", [column("region"), column("total", "number")],
        [{"table": "silver.orders", "grain": {"region": "region"}}], key=["region"],
    )  # fmt: skip
    board = gold("board", [column("total", "number")], [{"table": "gold.sales"}], kind="view")
    return [
        governed(
            people, ENGINEER, ANALYST, role("care", clearance=["confidential"]), domain="retail",
            slaProperties=[{"property": "retention", "value": 30, "unit": "d"}],
        ),
        governed(orders, ENGINEER, ANALYST, role("north", rows="region = 'north'")),
        governed(sales, ENGINEER, ANALYST, role("Partner", recipient={"prod": PARTNER})),
        governed(board, role("board")),
    ]  # fmt: skip


def shop(folder: Path, *given: dict[str, Any]) -> Path:
    """The product's folder."""
    return write_product(
        folder / "shop",
        *(given or contracts()),
        sales="SELECT region, sum(amount) AS total FROM {orders} GROUP BY region",
        board="SELECT sum(total) AS total FROM {sales}",
    )


def wanted(folder: Path, places: Places | None = None) -> Desired:
    """What the product in a folder wants in prod."""
    product = load_product(folder)
    settings = Settings(environment="prod", warehouse=None)
    return desired(product, settings, places or read_places(folder, "prod"))
