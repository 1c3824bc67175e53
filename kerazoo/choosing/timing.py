"""Times of candidates on this machine: of no more than the pick needs."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kerazoo._progress import clock as as_time
from kerazoo.benchmark.timing import PAUSE, WARM_UP, round_robin, summary
from kerazoo.choosing.candidates import Candidate
from kerazoo.choosing.search import NEAR, next_one

MOST = 10  # candidates that are built, at most, to find the best one; some five as a rule
FIRST_ROUNDS, ROUNDS = 2, 10  # of `REPEATS` runs each: of one alone, then of those near the budget
REPEATS = 2


class Times(NamedTuple):
    """Of one picture, in milliseconds: the median and the quartiles."""

    ms: float
    quartiles: tuple[float, float]


class Timing:
    """Builds and times candidates, one after the other.

    Args:
        runtime: As for `kerazoo.deploy.Runner`.
        limit: The budget, in milliseconds.
        threads: Of the runtime; None for one for each core.
        tell: Called with a line on what is going on.
        seconds: A clock, for how long it will still take.

    Attributes:
        times: Of the candidates that were timed.
        failed: Weights, and the reason, of those that could not be run.
        runtime: What `"auto"` became.
    """

    def __init__(
        self,
        runtime: str,
        limit: float,
        threads: int | None,
        tell: Callable[[str], None],
        seconds: Callable[[], float] = time.perf_counter,
    ):
        self.runtime = runtime
        self.times: dict[Candidate, Times] = {}
        self.failed: dict[str, str] = {}
        self._limit, self._threads, self._tell, self._seconds = limit, threads, tell, seconds
        self._began = seconds()
        self._near: dict[Candidate, Callable[[], Any]] = {}  # those that are timed in turn

    def all_of(self, found: Sequence[Candidate]) -> None:
        """Times each."""
        self._tell(f"networks to build and time: {len(found)}")
        for candidate in found:
            self._look_at(candidate, len(found))
        self._in_turn()

    def best_of(self, found: Sequence[Candidate], wanted: int = 1) -> None:
        """Times as many as it takes to know the `wanted` best within the budget."""
        most = min(MOST + wanted - 1, len(found))
        self._tell(f"networks to build and time: {most} of {len(found)} at most")
        in_turn = -1
        while True:
            candidate = self._next(found, wanted)
            if candidate is not None and self._tried < most:
                self._look_at(candidate, most)
            elif in_turn == len(self._near):
                break
            else:  # the times become others by that, and with them, perhaps, what comes next
                self._in_turn()
                in_turn = len(self._near)
        if candidate is not None:
            self._tell(
                f"{most} networks were timed, and {candidate.weights} might fit as well: name "
                "those that matter"
            )

    @property
    def _tried(self) -> int:
        return len(self.times) + len(self.failed)

    def _next(self, found: Sequence[Candidate], wanted: int) -> Candidate | None:
        possible = [each for each in found if each.weights not in self.failed]
        known = {each: times.ms for each, times in self.times.items()}
        return next_one(possible, known, self._limit, wanted)

    def _look_at(self, candidate: Candidate, most: int) -> None:
        """Builds it and takes its time alone; it stays open if that is near the budget."""
        try:
            run, self.runtime = opened(candidate, self.runtime, self._threads)
        except ImportError:
            raise  # none would run
        except Exception as error:  # whatever a converter raises: the others go on
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self.failed[candidate.weights] = reason
            found = f"cannot be run: {reason}"
        else:
            times = _times(round_robin({candidate: run}, FIRST_ROUNDS, REPEATS)[candidate])
            self.times[candidate] = times
            found = f"{times.ms:.1f} ms"
            if times.ms <= NEAR * self._limit:
                self._near[candidate] = run
        left = most - self._tried
        spent = self._seconds() - self._began
        more = f"; {left} more at most, about {as_time(spent / self._tried * left)}"
        self._tell(f"{candidate.weights}: {found}{more if left else ''}")

    def _in_turn(self) -> None:
        """Times those near the budget again, so that what else goes on here meets all alike."""
        if not self._near:
            return
        ms = sum(self.times[each].ms for each in self._near)
        seconds = ROUNDS * (len(self._near) * (PAUSE + WARM_UP) + (REPEATS + 1) * ms / 1e3)
        self._tell(f"timing {len(self._near)} of them in turn, about {as_time(seconds)}")
        for candidate, found in round_robin(self._near, ROUNDS, REPEATS).items():
            self.times[candidate] = _times(found)


def _times(seconds: Sequence[float]) -> Times:
    found = summary(list(seconds), 1)
    return Times(found["median_ms"], (found["quartile1_ms"], found["quartile3_ms"]))


def opened(
    candidate: Candidate, runtime: str, threads: int | None
) -> tuple[Callable[[], Any], str]:
    """The network, ready to run on a picture of noise, and what runs it."""
    import keras

    from kerazoo.deploy.runner import Runner
    from kerazoo.registry import create_model

    shape = (*candidate.size, 3)
    model = create_model(candidate.model, weights=None, input_shape=shape)
    runner = Runner(model, runtime, threads=threads)
    keras.backend.clear_session()
    picture = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    runner.outputs(picture)
    return lambda: runner.outputs(picture), runner.runtime
