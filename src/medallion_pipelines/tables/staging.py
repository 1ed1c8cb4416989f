"""Staging: a batch that is computed once, then written to more than one table.

Its table, `ops.staging_<layer>_<table>__<token>`, is the batch's write-ahead log, too: what is needed
to finish it after a crash is in the table property `medallion.batch`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from medallion_pipelines.tables.store import Tables

_STATE, _AT = "medallion.batch", "medallion.staged_at"


@dataclass(frozen=True)
class Staged:
    """What was found: the rows, and the state they were written with."""

    rows: DataFrame
    state: dict[str, Any]


class Staging:
    """The staged batch of one table, if there is one."""

    def __init__(self, tables: Tables, key: str) -> None:
        self._tables = tables
        self.key = key
        self._prefix = f"ops.staging_{key.replace('.', '_')}__"

    def write(self, frame: DataFrame, token: str, state: Mapping[str, Any]) -> DataFrame:
        """Compute a batch into a table of its own and read it from there. What was staged before goes once
        that is done."""
        key = self._prefix + token
        # it is read whole: statistics of its files would be gathered for nothing
        properties = {
            _STATE: json.dumps(state),
            _AT: datetime.now(UTC).isoformat(),
            "delta.dataSkippingNumIndexedCols": "0",
        }
        self._tables.create_as(frame, key, properties)
        for other in self._keys():
            if other != key:
                self._tables.drop(other)
        return self._tables.read(key)

    def left(self) -> Staged | None:
        """The batch left by a run that was cut off."""
        keys = [key for key in self._keys() if self._tables.exists(key)]
        if not keys:
            return None
        # cut off before the one before it was dropped, the later one is in its place
        last = max(keys, key=lambda key: self._tables.property(key, _AT)) if len(keys) > 1 else keys[0]
        return Staged(self._tables.read(last), json.loads(self._tables.property(last, _STATE)))

    def mark(self, token: str, state: Mapping[str, Any]) -> None:
        """Put another state in the place of the one a batch was written with."""
        self._tables.set_property(self._prefix + token, _STATE, json.dumps(state))

    def drop(self) -> None:
        """Drop what is staged, finished or not."""
        for key in self._keys():
            self._tables.drop(key)

    def _keys(self) -> list[str]:
        pattern = re.compile(re.escape(self._prefix) + r"[0-9a-f]{32}", re.IGNORECASE)
        return [key for key in self._tables.keys("ops") if pattern.fullmatch(key)]
