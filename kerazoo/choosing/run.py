"""Timing candidates here, scoring them, and one pick."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerazoo._checks import check_choice, check_int, check_text, checked
from kerazoo._errors import invalid
from kerazoo.benchmark.machine import describe_machine
from kerazoo.checkpoints.fetch.checkpoint import is_fetched
from kerazoo.checkpoints.records import get_checkpoint
from kerazoo.choosing.budget import milliseconds
from kerazoo.choosing.candidates import candidates
from kerazoo.choosing.choice import Choice, Timed, pick
from kerazoo.choosing.probe import PROBED, open_sources, probe
from kerazoo.choosing.timing import Timing
from kerazoo.tasks import TASKS, get_task

_logger = logging.getLogger("kerazoo")


@checked("data", "data_dir", "models", "dataset", "tell")
def choose(
    task: str,
    budget: str | float,
    data: str | os.PathLike | None = None,
    *,
    data_dir: str | os.PathLike | None = None,
    runtime: str = "auto",
    models: Sequence[str] | None = None,
    dataset: str | None = None,
    threads: int | None = None,
    tell: Callable[[str], None] = _logger.info,
) -> Choice:
    """The most accurate network that takes no more than a budget of time on this machine.

    Candidates are published weights that few others beat on paper. Those that could be the pick are
    timed, by what the times of others tell: some five of them (`kerazoo.choosing.search`). Each is
    fused and exported for the runtime, with random weights (which take as long, and need not be
    fetched), and run on single pictures, of the size that its figure was published for. Reading and
    scaling pictures, and what is done with the outputs, comes on top.

    Args:
        task: `"classification"`, …
        budget: For one picture: milliseconds, or text such as `"15 ms"` or `"60 fps"`.
        data: Pictures with classes of your own, as for `finetune`: the most accurate candidates
            within the budget are compared by a linear probe on them, judged by held-out pictures.
            By default the published figures decide.
        data_dir: For TFDS names.
        runtime: As for `kerazoo.deploy.Runner`.
        models: Ids of models or weights, in place of all: each of them is timed.
        dataset: Whose published figures; by default ImageNet's, COCO's or Pascal VOC's.
        threads: Of the runtime; by default one for each core.
        tell: Called with a line on what is going on.

    Raises:
        ValueError: A wrong argument; data for a task that has no probe; no candidate within the
            budget: the fastest is named, with its time.

    >>> kerazoo.choose("classification", "15 ms").pick.candidate.weights  # doctest: +SKIP
    'timm/tf_mixnet_m.in1k'
    """
    check_choice("task", task, TASKS)
    check_int("threads", threads, optional=True)
    check_text("runtime", runtime)
    limit = milliseconds(budget)
    if data is not None and not get_task(task).fits_head:
        raise invalid("data", str(data), f"left out: there is no cheap probe for {task}")
    name, found = candidates(task, models, dataset)
    given = None if data is None else os.fspath(data)
    sources = None if given is None else open_sources(given, data_dir, task)
    _tell_load(tell)
    timing = Timing(runtime, limit, threads, tell)
    if models is None:
        timing.best_of(found, 1 if data is None else PROBED)
    else:
        timing.all_of(found)
    fitting = [each for each, times in timing.times.items() if times.ms <= limit]
    if not fitting:
        raise _too_slow(budget, timing)
    left_out = dict(timing.failed)
    if sources is None:
        scores = {each: each.figure for each in found}
    else:
        scores, failed = probe(fitting, task, sources, tell)
        left_out |= failed
    timed = sorted(
        (Timed(each, *times, scores.get(each)) for each, times in timing.times.items()),
        key=lambda each: each.ms,
    )
    best = pick(timed, limit)
    if best is None:
        raise ValueError(f"None of the candidates could be tried on {data}: {_reasons(left_out)}")
    known = {each.weights for each in timing.times} | set(timing.failed)
    return Choice(
        *(task, get_task(task).monitor, limit, timing.runtime, given or name),
        tuple(timed),
        best,
        is_fetched(get_checkpoint(best.candidate.weights)),
        tuple(each.weights for each in found if each.weights not in known),
        left_out,
        given,
    )


def _tell_load(tell: Callable[[str], None]) -> None:
    machine = describe_machine()
    load, own = machine["load_average"] or 0, machine["cores"]
    if load > own:
        tell(f"other work is going on here ({load:.1f} processes on {own} cores): times are longer")


def _too_slow(budget: Any, timing: Timing) -> ValueError:
    if not timing.times:
        return ValueError(f"None of the candidates could be timed: {_reasons(timing.failed)}")
    fastest, (ms, _) = min(timing.times.items(), key=lambda item: item[1].ms)
    rule = (
        f"larger: the fastest candidate here, {fastest.weights} on {timing.runtime}, "
        f"takes {ms:.1f} ms"
    )
    return invalid("budget", budget, rule)


def _reasons(failed: Mapping[str, str]) -> str:
    return "; ".join(f"{weights}: {reason}" for weights, reason in failed.items())
