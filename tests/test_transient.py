"""What passes is waited out; what does not is raised at once."""

from __future__ import annotations

import pytest

from medallion_pipelines.errors import QualityError
from medallion_pipelines.transient import ATTEMPTS, retried

PASSING = (
    "[DELTA_CONCURRENT_APPEND] ConcurrentAppendException: Files were added by a concurrent update",
    "com.amazonaws.services.s3.model.AmazonS3Exception: Please reduce your request rate (SlowDown; 503)",
    "<_MultiThreadedRendezvous of RPC that terminated with: status = StatusCode.UNAVAILABLE>",
    "java.net.SocketException: Connection reset",
)


@pytest.mark.parametrize("message", PASSING)
def test_a_passing_error_is_waited_out_and_told(message: str) -> None:
    errors = [RuntimeError(message)] * (ATTEMPTS - 1)
    told: list[str] = []

    def step() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert retried(step, told.append, first_wait=0) == "done"
    assert [one.split(" s ")[1].split(":")[0] for one in told] == [
        f"({n} of {ATTEMPTS} attempts failed)" for n in range(1, ATTEMPTS)
    ]


def test_an_error_that_does_not_pass_ends_in_itself() -> None:
    tried: list[int] = []

    def step() -> None:
        tried.append(1)
        raise RuntimeError(PASSING[0])

    with pytest.raises(RuntimeError, match="DELTA_CONCURRENT_APPEND"):
        retried(step, lambda _: None, first_wait=0)
    assert len(tried) == ATTEMPTS


@pytest.mark.parametrize(
    "error", [ValueError("division by zero"), QualityError("silver.a was not written: Throttled: 3 rows")]
)
def test_any_other_error_is_raised_at_once(error: Exception) -> None:
    told: list[str] = []

    def step() -> None:
        raise error

    with pytest.raises(type(error)):
        retried(step, told.append)
    assert told == []
