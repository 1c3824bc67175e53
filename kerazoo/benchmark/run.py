"""Models x runtimes x batch sizes, measured on this machine."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid, unknown
from kerazoo._machine import cores
from kerazoo.benchmark.candidates import RUNTIMES
from kerazoo.benchmark.footprint import footprint
from kerazoo.benchmark.machine import describe_machine
from kerazoo.benchmark.timing import round_robin, summary
from kerazoo.deploy.runtimes import set_tensorflow_threads

_logger = logging.getLogger("kerazoo")
FORMAT = 1  # of the JSON


def benchmark(
    models: Sequence[str],
    runtimes: Sequence[str] = tuple(RUNTIMES),
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
        models: Ids of registered models.
        runtimes: Names out of `RUNTIMES`.
        batch: Pictures at a time.
        rounds: How often each runtime has its turn; two runs are timed in each.
        threads: For every runtime; None: one for each core.
        size: Side of the pictures in pixels; None: each model's own.
        weights: As in the constructors; None for random ones, which are as fast.
        tell: Called with a line on what is going on.

    Returns:
        A dict that JSON can hold: `format`, `machine`, `settings`, `models`, `results`,
        `footprints`, `skipped`. See docs/benchmarks.md.

    Raises:
        ValueError: for unknown models or runtimes, or numbers below 1.
    """
    from kerazoo.registry import get_entry

    _check(runtimes, batch, rounds, threads)
    for id in models:
        get_entry(id)
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
    for id in models:
        with tempfile.TemporaryDirectory(prefix="kerazoo-benchmark-") as folder:
            _one_model(report, id, runtimes, sorted(set(batch)), Path(folder), tell)
    report["machine"]["load_average_after"] = describe_machine()["load_average"]
    return report


def _check(runtimes, batch, rounds, threads) -> None:
    for name in runtimes:
        if name not in RUNTIMES:
            raise unknown("runtimes", name, RUNTIMES)
    for argument, values in (("batch", batch), ("rounds", [rounds]), ("threads", [threads])):
        for value in values:
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and (not whole or value < 1):
                raise invalid(argument, value, "a positive integer")
    if not batch:
        raise invalid("batch", batch, "at least one size")


def _one_model(report, id: str, runtimes: Iterable[str], batches, folder: Path, tell) -> None:
    import keras

    from kerazoo.registry import create_model

    settings = report["settings"]
    size = settings["size"]
    shape = {} if size is None else {"input_shape": (size, size, 3)}
    model = create_model(id, weights=settings["weights"], **shape)
    report["models"].append(_facts(id, model))
    files: dict[str, Path] = {}
    for name in runtimes:
        tell(f"{id}: preparing {name}")
        try:
            files[name] = RUNTIMES[name].prepare(model, folder)
        except Exception as error:  # whatever a converter raises: the others go on
            _skip(report, id, name, error)
    picture = tuple(model.input_shape[1:])
    for size in batches:
        tell(f"{id}: timing batch {size}")
        _time(report, id, files, (size, *picture))
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


def _time(report, id: str, files: dict[str, Path], shape: tuple[int, ...]) -> None:
    settings = report["settings"]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    runs, scores = {}, {}
    for name in list(files):
        try:
            run = RUNTIMES[name].load(files[name], shape, settings["threads"])
            scores[name] = np.asarray(run(x))
        except Exception as error:  # as above
            _skip(report, id, name, error)
            del files[name]
        else:
            runs[name] = lambda run=run: run(x)
    times = round_robin(runs, settings["rounds"])
    reference = scores.get("tensorflow")
    for name, seconds in times.items():
        row = {"model": id, "runtime": name, "batch": shape[0], **summary(seconds, shape[0])}
        if reference is not None:
            difference = np.abs(scores[name] - reference).max() / np.abs(reference).max()
            row["relative_error"] = float(f"{difference:.2g}")
        report["results"].append(row)


def _facts(id: str, model) -> dict[str, Any]:
    """What the tables and plots tell besides the measurements."""
    from kerazoo.checkpoints.records import checkpoints_for
    from kerazoo.profiling import profile
    from kerazoo.registry import get_entry

    counted = profile(model)
    facts = {
        "id": id,
        "params": counted.params,
        "macs": counted.macs,
        "input_shape": list(model.input_shape[1:]),
    }
    # As published for the default ImageNet weights, if they are for this picture size.
    for checkpoint in checkpoints_for(get_entry(id).weights_of):
        same = list(checkpoint.size) == facts["input_shape"][:2]
        if checkpoint.default and checkpoint.dataset == "imagenet" and same:
            facts["weights"] = checkpoint.id
            facts["top1"] = checkpoint.metrics.get("top1")
            break
    return facts
