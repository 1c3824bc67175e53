"""Which candidate is timed next: each time leaves fewer that could be the pick."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from kerazoo.choosing.candidates import Candidate, promising

# Candidates whose estimate is no more than `NEAR` times the budget are likely to fit, and up to
# `DOUBT` times they might: a multiply-add takes up to four times as long in one family as in
# another (benchmarks/results/runtimes.json: MixNet-M and MobileNetV2 on LiteRT).
NEAR, DOUBT = 1.5, 3.0


def next_one(
    found: Sequence[Candidate], times: Mapping[Candidate, float], limit: float, wanted: int = 1
) -> Candidate | None:
    """The candidate whose time says most about what fits a budget; None where enough is known.

    At first that is the middle of those that no other beats on paper. From then on only those count
    that would be a better pick than what fits so far: the most accurate of those that are likely
    to fit, then the fastest of those that might. When there are none of these any more, the next
    better one is timed, to show that the pick is one.

    Args:
        found: All candidates that can be run, those with the least work first.
        times: Milliseconds of those that were timed.
        limit: The budget, in milliseconds.
        wanted: How many of the best within the budget are looked for.
    """
    best_on_paper = promising(found, rivals=1)
    if not times:
        return best_on_paper[len(best_on_paper) // 2] if best_on_paper else None
    fitting = sorted((each.figure for each, ms in times.items() if ms <= limit), reverse=True)
    passed = fitting[wanted - 1] if len(fitting) >= wanted else -math.inf
    better = [each for each in found if each.figure > passed and each not in times]
    estimates = {each: estimate(each, times) / limit for each in better}
    if likely := [each for each in better if estimates[each] <= NEAR]:
        return max(likely, key=lambda each: (each.figure, -each.macs))
    if possible := [each for each in better if estimates[each] <= DOUBT]:
        return min(possible, key=lambda each: estimates[each])
    above = [each for each in (best_on_paper if fitting else found) if each.figure > passed]
    return above[0] if above and above[0] not in times else None


def estimate(candidate: Candidate, times: Mapping[Candidate, float]) -> float:
    """Milliseconds that a candidate takes by its multiply-adds, from those that were timed.

    Between two of them on a line, on logarithmic scales; beyond them in proportion to the nearest.
    """
    known = sorted(times.items(), key=lambda item: item[0].macs)
    least, most = known[0], known[-1]
    if candidate.macs <= least[0].macs:
        return least[1] * candidate.macs / least[0].macs
    if candidate.macs >= most[0].macs:
        return most[1] * candidate.macs / most[0].macs
    work = [math.log(each.macs) for each, _ in known]
    return math.exp(np.interp(math.log(candidate.macs), work, [math.log(ms) for _, ms in known]))
