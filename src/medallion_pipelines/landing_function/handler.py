"""The Lambda handler: routes what arrives, and says what has to be delivered again."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from medallion_pipelines.jsontext import records
from medallion_pipelines.landing_function.arrivals import Arrival, Item, items
from medallion_pipelines.landing_function.events import RefusedError, Routes, route
from medallion_pipelines.landing_function.storage import S3, Folder, read, refusal, write_once

_AT_ONCE = 16  # items, and writes
_IN_MEMORY = 1000
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


@dataclass(frozen=True)
class Landing:
    """Where things go; `handle` does not know of Lambda's environment."""

    s3: S3
    landing: Folder
    errors: Folder
    routes: Routes

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Land all that an invocation brings; the answer names the items to deliver again.

        Raises what S3 said where the invocation itself is all there is to deliver again.
        """
        counted: Counter[str] = Counter()
        failed: list[dict[str, str]] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool, ThreadPoolExecutor(_AT_ONCE) as writers:
            batch = list(items(event))
            for item, outcome in zip(batch, pool.map(partial(self._item, writers), batch), strict=True):
                if isinstance(outcome, Counter):
                    counted += outcome
                    continue
                _log.error("%s: %s", item.identifier or "the invocation", outcome)
                if item.identifier is None:
                    raise outcome
                failed.append({"itemIdentifier": item.identifier})
        _log.info(json.dumps({**counted, "failed": len(failed)}))
        return {"batchItemFailures": failed}

    def _item(self, writers: Executor, item: Item) -> Counter[str] | BotoCoreError | ClientError:
        counted: Counter[str] = Counter()
        work = (each for arrival in item.arrivals for each in self._arrival(arrival))
        try:
            while some := list(islice(work, _IN_MEMORY)):  # a file may hold more than is good to plan at once
                counted.update(writers.map(lambda each: each(), some))
        except (BotoCoreError, ClientError) as error:  # S3 did not take it: it is for another time
            return error
        return counted

    def _arrival(self, arrival: Arrival) -> Iterator[Callable[[], str]]:
        """What is to be done with it, in steps that need no order."""
        if arrival.data is not None:
            yield partial(self._record, arrival.data, arrival, arrival.origin)
        elif self._is_own(arrival.origin):
            yield lambda: "own"  # a file that this function wrote is not to be landed again
        else:
            try:
                found = records(read(self.s3, arrival.origin))
                if not found:
                    raise RefusedError("empty", "the file has no records")
            except RefusedError as refused:
                yield partial(self._refuse, None, arrival, arrival.origin, refused)
                return
            for place, record in enumerate(found):
                yield partial(self._record, record, arrival, {**arrival.origin, "record": str(place)})

    def _is_own(self, origin: Mapping[str, str]) -> bool:
        folders = {self.landing.below(goal["folder"]) for goal in self.routes.values()}
        return any(folder.holds(origin) for folder in (*folders, self.errors))

    def _record(self, record: bytes, arrival: Arrival, origin: Mapping[str, str]) -> str:
        try:
            goal = route(record, arrival.arrived, self.routes)
            written = write_once(self.s3, self.landing, goal.key, record)
            if written == "differs":
                raise RefusedError("id_taken", f"another event with this id is in {goal.key}")
        except RefusedError as refused:
            return self._refuse(record, arrival, origin, refused)
        return "landed" if written == "written" else "there"

    def _refuse(
        self, record: bytes | None, arrival: Arrival, origin: Mapping[str, str], refused: RefusedError
    ) -> str:
        key, content = refusal(record, arrival.arrived, origin, refused.code, str(refused))
        write_once(self.s3, self.errors, key, content)
        return f"refused: {refused.code}"


@cache
def _landing() -> Landing:
    routes = json.loads(Path(__file__).with_name("routes.json").read_text("utf-8"))
    config = Config(max_pool_connections=2 * _AT_ONCE, retries={"mode": "standard", "total_max_attempts": 5})
    landing, errors = Folder.of(os.environ["LANDING_URI"]), Folder.of(os.environ["ERRORS_URI"])
    if not errors.prefix:  # told of all files there, the function would land its own errors again
        raise ValueError(f"ERRORS_URI is {os.environ['ERRORS_URI']}: name a prefix below the bucket")
    return Landing(boto3.client("s3", config=config), landing, errors, routes)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """What Lambda calls. LANDING_URI and ERRORS_URI, `s3://bucket/prefix` each, say where to write."""
    return _landing().handle(event)
