"""The ledger of a copy knows files by addresses of the other region's landing zone.

Before anything runs there, they become those of the landing zone that it has: else every file in it would be
new, and doubled.
"""

from __future__ import annotations

import re
from pathlib import Path

from pyspark.sql import functions as F

from medallion_pipelines.bronze.files import spelt
from medallion_pipelines.bronze.ledger import captured_files, note
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.sql import string
from medallion_pipelines.tables import Tables

LEDGER = "ops.files"


def move_files(tables: Tables, before: str, *, certain: bool = False) -> int:
    """Give the files of a landing zone the addresses that they have in the settings' one; how many. A second
    time there are none.

    Raises MedallionError where one is in the other; and, unless that is `certain`, where the ledger knows
    files of neither: under a wrong name for the old one, all would be taken in again.
    """
    landing = tables.settings.landing
    old, new = address(before), address(landing)
    if not tables.exists(LEDGER):
        return 0
    of_old, of_new = (f"startswith(path, {string(place)})" for place in (old, new))
    known = tables.read(LEDGER).agg(
        F.expr(f"count_if({of_old})").alias("old"),
        F.expr(f"count_if({of_new})").alias("new"),
        F.min("path").alias("one"),
    )
    found = known.first()
    assert found is not None
    if found.one and not found.old and not found.new and not certain:
        raise MedallionError(
            f"The ledger knows no file of the landing zone {before}, but {found.one}, say: in {landing} all "
            "would be taken in again. Nothing was changed. Name the landing zone that was lost with "
            "--landing-from (the same as --landing, if no feed's address is below it)."
        )
    if old == new:
        return 0
    if new.startswith(old) or old.startswith(new):
        raise MedallionError(
            f"The landing zones {before} and {landing} are one in the other: files of the one could not "
            "be told from those of the other."
        )
    log = RunLog(tables, "failover")
    ledger = tables.read(LEDGER)
    # batches that bronze has, by their addresses there, and of which the ledger does not know yet
    finished = ledger.where("status <> 'found' AND token IS NOT NULL").select("token").distinct()
    begun = ledger.where("status = 'found'").join(finished, "token", "left_anti")
    for row in begun.select("feed", "token").distinct().collect():
        captured = captured_files(tables, row.feed, row.token) if tables.exists(row.feed) else []
        if captured:
            note(log, row.feed, row.token, captured)
    moved = tables.read(LEDGER).where(F.expr(of_old)).count()
    if moved:
        path = f"concat({string(new)}, substring(path, {len(old) + 1}))"
        tables.update(LEDGER, {"path": path}, where=of_old)
    return moved


def address(landing: str) -> str:
    """How the addresses begin of a landing zone's files, as the ledger has them."""
    place = landing.rstrip("/")
    if place.startswith("/Volumes/"):
        return f"dbfs:{place}/"
    if re.match(r"[a-z][a-z0-9]*:", place):
        return f"{place}/"
    return f"file:{spelt(str(Path(place).absolute()))}/"
