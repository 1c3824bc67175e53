"""Models x runtimes x batch sizes, measured on this machine."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_int
from kerazoo._errors import invalid, unknown
from kerazoo._machine import cores
from kerazoo.benchmark.candidates import CANDIDATES
from kerazoo.benchmark.footprint import footprint
from kerazoo.benchmark.machine import describe_machine
from kerazoo.benchmark.models import check_model, facts, open_named
from kerazoo.benchmark.timing import round_robin, summary
from kerazoo.deploy.runtimes.tensorflow import set_tensorflow_threads
from kerazoo.inference import named_outputs
from kerazoo.tasks import task_of

_logger = logging.getLogger("kerazoo")
FORMAT = 1  # of the JSON


def benchmark(
    models: Sequence[Any],
    runtimes: Sequence[str] = tuple(CANDIDATES),
    batch: Sequence[int] = (1, 16),
    rounds: int = 20,
    threads: int | None = None,
    size: int | None = None,
    weights: str | None = None,
    tell: Callable[[str], None] = _logger.info,
) -> dict[str, Any]:
    """Measures latency, throughput, memory, load time and file size.

    Every network is saved in the format of each runtime. Then all runtimes run it in turn, in one
    process, `rounds` times; and each is opened in a process of its own for its memory and load
    time. What a runtime cannot do is left out and reported with the reason.

    Args:
        models: Ids of registered models, or whatever else `kerazoo.open.open_model` takes, but for
            networks that were exported already.
        runtimes: Names out of `CANDIDATES`.
        batch: Pictures at a time.
        rounds: How often each runtime has its turn; two runs are timed in each.
        threads: For every runtime; None: one for each core.
        size: Side of the pictures in pixels; None: each model's own.
        weights: For ids, as in the constructors; None for random ones, which are as fast.
        tell: Called with a line on what is going on.

    Returns:
        A dict that JSON can hold: `format`, `machine`, `settings`, `models`, `results`,
        `footprints`, `skipped`. See docs/benchmarks.md.

    Raises:
        ValueError: for unknown models or runtimes, or numbers below 1.
    """
    _check(runtimes, batch, rounds, threads)
    for what in models:
        check_model(what)
    threads = threads or cores()
    report: dict[str, Any] = {
        "format": FORMAT,
        "machine": describe_machine(),
        "settings": {"threads": threads, "rounds": rounds, "weights": weights, "size": size},
        "models": [],
        "results": [],
        "footprints": [],
        "skipped": [],
    }
    set_tensorflow_threads(threads)
    for what in models:
        with tempfile.TemporaryDirectory(prefix="kerazoo-benchmark-") as folder:
            _one_model(report, what, runtimes, sorted(set(batch)), Path(folder), tell)
    report["machine"]["load_average_after"] = describe_machine()["load_average"]
    return report


def _check(runtimes, batch, rounds, threads) -> None:
    for name in runtimes:
        if name not in CANDIDATES:
            raise unknown("runtimes", name, CANDIDATES)
    for size in batch:
        check_int("batch", size)
    check_int("rounds", rounds)
    check_int("threads", threads, optional=True)
    if not batch:
        raise invalid("batch", batch, "at least one size")


def _one_model(report, what: Any, runtimes: Iterable[str], batches, folder: Path, tell) -> None:
    import keras

    settings = report["settings"]
    id, model = open_named(what, settings["weights"], settings["size"])
    report["models"].append(facts(id, model))
    files: dict[str, Path] = {}
    for name in runtimes:
        tell(f"{id}: preparing {name}")
        try:
            files[name] = CANDIDATES[name].prepare(model, folder)
        except Exception as error:  # whatever a converter raises: the others go on
            _skip(report, id, name, error)
    picture, task = tuple(model.input_shape[1:]), task_of(getattr(model, "info", None))
    for size in batches:
        tell(f"{id}: timing batch {size}")
        _time(report, id, files, (size, *picture), task.outputs)
    for name, file in list(files.items()):
        tell(f"{id}: memory of {name}")
        try:
            found = footprint(name, file, (batches[0], *picture), settings["threads"])
        except RuntimeError as error:
            _skip(report, id, name, error)
        else:
            report["footprints"].append(
                {"model": id, "runtime": name, "batch": batches[0], **found}
            )
    del model
    keras.backend.clear_session()


def _skip(report, id: str, runtime: str, error: Exception) -> None:
    reason = " ".join(str(error).split()) or type(error).__name__
    report["skipped"].append({"model": id, "runtime": runtime, "reason": reason[:300]})
    _logger.warning("%s, %s: left out: %s", id, runtime, reason[:300])


def _time(report, id: str, files: dict[str, Path], shape: tuple[int, ...], names) -> None:
    settings = report["settings"]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    runs, outputs = {}, {}
    for name in list(files):
        try:
            run = CANDIDATES[name].load(files[name], shape, settings["threads"])
            outputs[name] = named_outputs(run(x), names, id)
        except Exception as error:  # as above
            _skip(report, id, name, error)
            del files[name]
        else:
            runs[name] = lambda run=run: run(x)
    times = round_robin(runs, settings["rounds"])
    reference = outputs.get("tensorflow")
    for name, seconds in times.items():
        row = {"model": id, "runtime": name, "batch": shape[0], **summary(seconds, shape[0])}
        if reference is not None:
            error = max(_relative_error(outputs[name][each], reference[each]) for each in names)
            row["relative_error"] = float(f"{error:.2g}")
        report["results"].append(row)


def _relative_error(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(found - reference).max() / np.abs(reference).max())
