"""Interleaved timing: every candidate once in every round, so that disturbances meet all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

# Seconds before each visit. Threads of the runtime that ran before may still wait for work in a
# loop (ONNX Runtime's, OpenMP's), for longer than a small network takes.
PAUSE = 0.05
# Seconds of untimed runs after that, at least one. XNNPACK's threads wait for longer than the pause
# on processors whose `pause` instruction is slow, and two threads woken on one core stay there for
# a while: MobileNetV2's LiteRT file took up to twice as long after a single run.
WARM_UP = 0.05


def round_robin(
    runs: Mapping[Any, Callable[[], Any]], rounds: int, repeats: int = 2
) -> dict[Any, list[float]]:
    """Seconds of every timed call.

    Before each visit there is a pause that lets the threads of the others fall asleep, then calls
    that bring back into the caches what they have pushed out, until threads run steadily.

    Args:
        runs: Name -> what to call; already called once, so that nothing is built any more.
        rounds: Visits to each candidate.
        repeats: Timed calls in a visit.
    """
    times: dict[Any, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name] += timed(run, repeats)
    return times


def timed(run: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of `repeats` calls, after a pause and some that do not count."""
    time.sleep(PAUSE)
    ready = time.perf_counter() + WARM_UP
    run()
    while time.perf_counter() < ready:
        run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def summary(seconds: list[float], batch: int) -> dict[str, Any]:
    """Median, quartiles and fastest of some runs, in milliseconds, and pictures a second."""
    ms = sorted(1e3 * s for s in seconds)
    low, _, high = statistics.quantiles(ms, n=4) if len(ms) > 1 else (ms[0],) * 3
    middle = statistics.median(ms)
    return {
        "median_ms": round(middle, 4),
        "quartile1_ms": round(low, 4),
        "quartile3_ms": round(high, 4),
        "fastest_ms": round(ms[0], 4),
        "pictures_per_second": round(1e3 * batch / middle, 2),
        "runs": len(ms),
    }
