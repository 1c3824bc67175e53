"""Runs the open cells of a study, one after the other.

    python benchmarks/studies/run.py kernel_sizes --data-dir ../shared/tfds [--minutes 60]

Any number of these may run, on one machine or on several that share `--work`: a cell is taken by a
lock in its folder. A cell that was killed goes on where it was. Ctrl-C saves the state.
"""

import argparse
import csv
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from study import Cell, Study

from kerazoo._files import write_json
from kerazoo._locks import take_lock
from kerazoo._machine import cpu_facts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--data-dir", help="where TFDS finds the data")
    parser.add_argument("--work", type=Path, default=Path("build/studies"), help="folder of runs")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell later")
    arguments = parser.parse_args()
    study, end = Study.named(arguments.study), time.monotonic() + 60 * arguments.minutes
    while time.monotonic() < end:
        ran = run_next(study, arguments.work / arguments.study, arguments.data_dir)
        if ran is None:
            print("no cell is open, or others run them")
            return
        print(json.dumps(ran["place"]), f"{ran['test']:.4f}", f"{ran['seconds']:.0f} s", flush=True)


def run_next(study: Study, work: Path, data_dir: str | None) -> dict[str, Any] | None:
    """Runs the first open cell that nobody else runs; None if there is none."""
    for cell in study.open_cells():
        folder = work / f"{cell.name}-{cell.digest}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder / "taken")
        if lock is None:
            continue
        try:
            # Between the look into the log and the lock it may have been finished.
            if cell in study.open_cells():
                return run_cell(study, cell, folder, data_dir)
        finally:
            os.close(lock)
    return None


def run_cell(study: Study, cell: Cell, folder: Path, data_dir: str | None) -> dict[str, Any]:
    """Trains a cell, and appends its line to the log."""
    import keras

    from kerazoo.training import load_trained, train

    started = Stopwatch(folder / "seconds.json")
    watched = folder / "watched.json"
    watching = after_epochs(watched, study.asks("watch"))
    try:
        result = train(cell.recipe, folder / "run", data_dir, callbacks=[watching])
    finally:
        seconds = started.stop()
    counted = load_trained(folder / "run")
    with (folder / "run" / "log.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    from kerazoo import profile

    sizes = profile(counted)
    entry = {
        "place": dict(cell.place),
        "recipe": cell.digest,
        "test": result["test_accuracy"],
        "validation": [round(float(row["val_accuracy"]), 5) for row in epochs],
        "loss": [round(float(row["loss"]), 5) for row in epochs],
        "parameters": sizes.params,
        "multiply_adds": sizes.macs,
        **study.asks("measure")(counted),
        "watched": read_watched(watched),
        "seconds": round(seconds),
        "machine": cpu_facts(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "commit": commit(),
        "ended": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    append(study.log, entry)
    keras.backend.clear_session()
    return entry


def after_epochs(path: Path, watch: Callable[[Any], dict[str, float]]) -> Any:
    """A callback that notes what `watch` says of the network, by epoch."""
    import keras

    def note(epoch: int, logs: Any = None) -> None:
        if found := watch(callback.model):
            write_json(path, {**read_json(path, {}), str(epoch): found})

    callback = keras.callbacks.LambdaCallback(on_epoch_end=note)
    return callback


def read_watched(path: Path) -> list[dict[str, float]]:
    """What was noted, in the order of the epochs."""
    found = read_json(path, {})
    return [found[key] for key in sorted(found, key=int)]


def read_json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text()) if path.is_file() else default


class Stopwatch:
    """Seconds of CPU that a cell took, over all processes that worked on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before = read_json(path, {"cpu": 0.0})["cpu"]
        self.start = time.process_time()

    def stop(self) -> float:
        seconds = self.before + time.process_time() - self.start
        write_json(self.path, {"cpu": seconds})
        return seconds


def append(path: Path, entry: dict[str, Any]) -> None:
    """Adds a line at once, so that those of other runners stay whole."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, (json.dumps(entry) + "\n").encode())
        os.fsync(file)
    finally:
        os.close(file)


def commit() -> str:
    """Of the code that ran."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
