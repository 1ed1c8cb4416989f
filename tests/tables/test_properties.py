"""What a table says of itself is read as it was written."""

from __future__ import annotations

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Field, Shape


@pytest.mark.parametrize("value", ["id", "token", "api.password,url", "", "it's `quoted`"])
def test_a_property_is_read_back_also_where_spark_takes_it_for_a_secret(
    lakehouse: Lakehouse, value: str
) -> None:
    shape = Shape([Field("id", "INT")], properties={"medallion.primary_key": value})
    lakehouse.tables.create("silver.things", shape)
    assert lakehouse.tables.property("silver.things", "medallion.primary_key") == value
    assert lakehouse.tables.property("silver.things", "medallion.other") == ""
