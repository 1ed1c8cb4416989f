"""Trying again what failed for a reason that passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from medallion_pipelines.errors import MedallionError, spark_reason

Result = TypeVar("Result")

ATTEMPTS = 4

# Delta's conflicts between commits; throttled or busy stores and services; broken connections
_PASSES = re.compile(
    r"Concurrent(?:Append|DeleteRead|DeleteDelete|Transaction|Write|Modification)|DELTA_CONCURRENT_"
    r"|MetadataChangedException|DELTA_METADATA_CHANGED|ProtocolChangedException|DELTA_PROTOCOL_CHANGED"
    r"|SlowDown|Throttl|TooManyRequests|Too Many Requests|ServiceUnavailable|Service Unavailable"
    r"|\bUNAVAILABLE\b|RequestTimeout|Connection reset|Read timed out|SocketTimeoutException"
)


def is_transient(error: BaseException) -> bool:
    """Whether the same step may succeed if it is tried again."""
    return not isinstance(error, MedallionError) and _PASSES.search(str(error)) is not None


def retried(
    step: Callable[[], Result], on_retry: Callable[[str], None], *, first_wait: float = 1.0
) -> Result:
    """What a step, which must be one that can be repeated, returns in the end.

    Transient errors are waited out, ATTEMPTS times in all, longer each time (`first_wait` seconds, then twice
    as long, at most a minute); any other is raised at once. `on_retry` hears of each.
    """

    def tell(state: RetryCallState) -> None:
        assert state.outcome is not None and state.next_action is not None
        error = state.outcome.exception()
        assert error is not None
        on_retry(
            f"tried again after {state.next_action.sleep:.0f} s "
            f"({state.attempt_number} of {ATTEMPTS} attempts failed): {spark_reason(error)}"
        )

    attempts = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(ATTEMPTS),
        # not at the same moment as another one that failed with it
        wait=wait_exponential(multiplier=first_wait, max=60) + wait_random(0, first_wait),
        before_sleep=tell,
        reraise=True,
    )
    return attempts(step)
