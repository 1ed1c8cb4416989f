"""A product's gold table as Delta, Athena over it, and the pages of both."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from tests.apis.athena import LocalAthena
from tests.apis.scene import product, sales

from medallion_pipelines.api_function.athena import Athena
from medallion_pipelines.api_function.pages import Pages
from medallion_pipelines.apis.published import Published, published
from medallion_pipelines.contracts import load_product


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return published(load_product(product(tmp_path_factory.mktemp("shop"))))


@pytest.fixture(scope="session")
def sold() -> pa.Table:
    return sales()


@pytest.fixture(scope="session")
def delta(sold: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table as runs leave it: in several commits, one of which took rows away."""
    folder = tmp_path_factory.mktemp("gold") / "sales"
    write_deltalake(folder, sold.slice(0, 10))
    write_deltalake(folder, sold, mode="overwrite")
    return folder


@pytest.fixture
def athena(delta: Path) -> LocalAthena:
    made = LocalAthena()
    made.holds("gold", sales=delta)
    return made


@pytest.fixture
def pages(shop: Published, athena: LocalAthena) -> Pages:
    tables = {shown.table.name: shown.table for shown in shop.tables}
    return Pages(tables, Athena(athena, "apis", seconds=1), "gold")
