"""Contracts that no longer have a key of the erased are refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support import column, silver, versions, write_product

from medallion_pipelines.erased import ERASED_KEYS, FIELDS
from medallion_pipelines.erasure.audit import create
from medallion_pipelines.errors import ChangeRefusedError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.runlog import now
from medallion_pipelines.tables import local_frame


@pytest.mark.slow
def test_contracts_without_a_listed_key_are_refused(lakehouse: Lakehouse, tmp_path: Path) -> None:
    create(lakehouse.tables)
    rows = [
        ("t", "silver.people(id)", "00", "s", now(), "BIGINT"),
        ("t", "silver.people(mail)", "01", "s", now(), None),  # listed by an earlier release
        ("t", "silver.others(id)", "02", "s", now(), "BIGINT"),  # of another product
    ]
    lakehouse.tables.append(local_frame(lakehouse.spark, FIELDS, rows), ERASED_KEYS)
    before = versions(lakehouse, ("bronze", "silver", "ops"))

    def people(name: str, *columns: dict[str, Any], key: str) -> Path:
        return write_product(tmp_path / name, silver("people", columns, key=[key]))

    mail = column("mail", unique=True)
    renamed = people("renamed", column("person_id", "integer"), mail, key="person_id")
    retyped = people("retyped", column("id"), mail, key="id")
    beside = people("beside", column("id", "integer", unique=True), column("mail"), key="mail")
    with pytest.raises(ChangeRefusedError, match=r"silver\.people\(id\) is no key of theirs.*DELETE FROM"):
        lakehouse.run(renamed)
    with pytest.raises(ChangeRefusedError, match=r"silver\.people\(id\) was BIGINT and is STRING"):
        lakehouse.rebuild("silver", retyped)
    assert versions(lakehouse, ("bronze", "silver", "ops")) == before
    assert "silver.people" in {one.table for one in lakehouse.run(beside).steps}
