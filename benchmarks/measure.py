"""Ways of doing one thing, taken in turns in one process, so that a slow minute is slow for all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def in_turns(
    ways: Mapping[str, Callable[[], object]], repeat: int, *, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds of each way, `repeat` times, after `warm` rounds that do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm + repeat):
        for name, way in ways.items():
            started = time.monotonic()
            way()
            if turn >= warm:
                seconds[name].append(time.monotonic() - started)
                print(f"  {turn - warm + 1}/{repeat} {name}: {seconds[name][-1]:.1f} s", flush=True)
    return seconds


def told(seconds: Mapping[str, list[float]], base: str) -> str:
    """A table: median, least, greatest, and the median of the ratios to `base` of the same turn."""
    lines = [f"{'':44} {'median s':>9} {'least':>7} {'most':>7} {'ratio':>6}"]
    for name, values in seconds.items():
        ratios = [one / other for one, other in zip(values, seconds[base], strict=True)]
        lines.append(
            f"{name:44} {statistics.median(values):9.1f} {min(values):7.1f} {max(values):7.1f} "
            f"{statistics.median(ratios):6.2f}"
        )
    return "\n".join(lines)
