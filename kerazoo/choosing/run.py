"""Timing candidates here, scoring them, and one pick."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_choice, check_int, check_text, checked
from kerazoo._errors import invalid
from kerazoo.benchmark.machine import describe_machine
from kerazoo.benchmark.timing import round_robin, summary
from kerazoo.choosing.budget import milliseconds
from kerazoo.choosing.candidates import Candidate, candidates
from kerazoo.choosing.choice import Choice, Timed, pick
from kerazoo.tasks import TASKS, get_task

_logger = logging.getLogger("kerazoo")
# Candidates come with more and more work: after `IN_A_ROW` of them that take `BEYOND` times the
# budget, the rest is not built.
BEYOND, IN_A_ROW = 2.0, 2
FIRST_ROUNDS, ROUNDS = 2, 10  # of two runs each: of all in turn, then of those near the budget
NEAR = 1.5  # times the budget
PROBED = 5  # candidates at most that are tried on data, the most accurate ones as published


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

    Candidates are published weights that few others beat on paper, from those with the least work
    on until they take far too long. Each is fused and exported for the runtime, with random weights
    (which take as long), and run on single pictures, of the size that its figure was published for.
    Reading and scaling pictures, and what is done with the outputs, comes on top.

    Args:
        task: `"classification"`, …
        budget: For one picture: milliseconds, or text such as `"15 ms"` or `"60 fps"`.
        data: Pictures with classes of your own, as for `finetune`: the most accurate candidates
            within the budget are compared by a linear probe on them, judged by held-out pictures.
            By default the published figures decide.
        data_dir: For TFDS names.
        runtime: As for `kerazoo.deploy.Runner`.
        models: Ids of models or weights, in place of all.
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
    _tell_load(tell)
    timed, used, left_out = _time(found, runtime, limit, threads, tell)
    if not any(each.ms <= limit for each in timed):
        raise _too_slow(budget, timed, used, left_out)
    if data is not None:
        timed, more = _probed(timed, limit, data, data_dir, task, tell)
        left_out, name = left_out + more, os.fspath(data)
    best = pick(timed, limit)
    if best is None:
        reasons = "; ".join(f"{each}: {why}" for each, why in left_out)
        raise ValueError(f"None of the candidates could be tried on {data}: {reasons}")
    return Choice(
        *(task, get_task(task).monitor, limit, used, name),
        tuple(sorted(timed, key=lambda each: each.ms)),
        best,
        tuple(left_out),
        None if data is None else os.fspath(data),
    )


def _tell_load(tell: Callable[[str], None]) -> None:
    machine = describe_machine()
    load, own = machine["load_average"] or 0, machine["cores"]
    if load > own:
        tell(f"other work is going on here ({load:.1f} processes on {own} cores): times are longer")


def _too_slow(budget: Any, timed: Sequence[Timed], runtime: str, left_out: Sequence) -> ValueError:
    if not timed:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out)
        return ValueError(f"None of the candidates could be timed: {reasons}")
    fastest = min(timed, key=lambda each: each.ms)
    rule = (
        f"larger: the fastest candidate here, {fastest.candidate.weights} on {runtime}, "
        f"takes {fastest.ms:.1f} ms"
    )
    return invalid("budget", budget, rule)


def _time(
    found: Sequence[Candidate],
    runtime: str,
    limit: float,
    threads: int | None,
    tell: Callable[[str], None],
) -> tuple[list[Timed], str, list[tuple[str, str]]]:
    """Times of candidates; the runtime that `"auto"` became; what was left out, and why."""
    runs: dict[Candidate, Callable[[], Any]] = {}
    first: dict[Candidate, float] = {}
    left_out: list[tuple[str, str]] = []
    beyond, used = 0, runtime
    for candidate in found:
        if beyond == IN_A_ROW:
            left_out.append((candidate.weights, "more work than some that take far too long"))
            continue
        tell(f"timing {candidate.weights}")
        try:
            runs[candidate], used = _opened(candidate, runtime, threads)
        except ImportError:
            raise  # none would run
        except Exception as error:  # whatever a converter raises: the others go on
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            left_out.append((candidate.weights, reason))
            continue
        times = round_robin({candidate: runs[candidate]}, FIRST_ROUNDS)[candidate]
        first[candidate] = summary(times, 1)["median_ms"]
        beyond = beyond + 1 if first[candidate] > BEYOND * limit else 0
        if first[candidate] > NEAR * limit:  # its memory is free for the next
            runs[candidate] = lambda: None
    near = {each: run for each, run in runs.items() if first[each] <= NEAR * limit}
    tell(f"timing {len(near)} of {len(first)} in turn")
    again = round_robin(near, ROUNDS)
    timed = []
    for candidate, ms in first.items():
        figures = summary(again[candidate], 1) if candidate in again else None
        low, middle, high = (
            (ms, ms, ms)
            if figures is None
            else tuple(figures[key] for key in ("quartile1_ms", "median_ms", "quartile3_ms"))
        )
        timed.append(Timed(candidate, middle, (low, high), candidate.figure))
    return timed, used, left_out


def _opened(
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


def _probed(
    timed: Sequence[Timed],
    limit: float,
    data: str | os.PathLike,
    data_dir: str | os.PathLike | None,
    task: str,
    tell: Callable[[str], None],
) -> tuple[list[Timed], list[tuple[str, str]]]:
    """The same with scores on the data, for the most accurate ones within the budget."""
    from kerazoo.training.finetuning.run import finetune

    figure = get_task(task).monitor
    sources = _sources(data, data_dir, task)
    within = [each for each in timed if each.ms <= limit]
    tried = sorted(within, key=lambda each: -each.candidate.figure)[:PROBED]
    scores: dict[str, float] = {}
    left_out: list[tuple[str, str]] = []
    for each in tried:
        weights = each.candidate.weights
        tell(f"a probe of {weights} on {data}")
        try:
            with (
                tempfile.TemporaryDirectory(prefix="kerazoo-choose-") as folder,
                contextlib.redirect_stdout(sys.stderr),
            ):
                result = finetune(weights, sources, Path(folder) / "probe", unfreeze_epochs=0)
        except (ValueError, OSError) as error:  # weights that cannot be fetched, say
            left_out.append((weights, " ".join(str(error).split())[:200]))
        else:
            scores[weights] = figure.published(max(result["validation"].values()))
    return [
        Timed(t.candidate, t.ms, t.quartiles, scores.get(t.candidate.weights)) for t in timed
    ], left_out


def _sources(data: Any, data_dir: Any, task: str) -> dict[str, Any]:
    """What candidates learn from and are judged by; the test split is not looked at."""
    from kerazoo.data.open import open_source
    from kerazoo.training.finetuning.splits import choose_splits

    record = choose_splits(data, data_dir=data_dir, task=task)
    options = {"fractions": record["fractions"]} if "fractions" in record else {}
    return {
        part: open_source(data, record[part], data_dir=data_dir, task=task, **options)
        for part in ("train", "validation")
    }
