"""`run.json`: everything needed to run a run again, and the guard of its folder."""

import datetime
import hashlib
import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Any, overload

import keras
import numpy as np

from kerazoo import __version__
from kerazoo._errors import invalid
from kerazoo._files import read_json, write_json, write_text
from kerazoo._machine import cores, installed_versions
from kerazoo.checkpoints.fetch.checkpoint import fetch
from kerazoo.checkpoints.fetch.integrity import file_digest
from kerazoo.checkpoints.records import all_checkpoints
from kerazoo.checkpoints.run_record import RUN, read_run
from kerazoo.checkpoints.weights import Weights
from kerazoo.models import ZooModel
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.task import Task
from kerazoo.training.recipe import Recipe, load_recipe

RECIPE, RESULT, COMMAND = "recipe.json", "result.json", "command.txt"
LOG, CURVES = "log.csv", "curves.png"
WEIGHTS, BEST = "model.weights.h5", "best.weights.h5"
BACKUP, TENSORBOARD = "backup", "tensorboard"
STATE = f"{BACKUP}/state.npz"
EVERYTHING = (RUN, RECIPE, RESULT, COMMAND, LOG, CURVES, WEIGHTS, BEST, BACKUP, TENSORBOARD)
PACKAGES = ("keras", "tensorflow", "jax", "numpy", "h5py", "tensorflow-datasets")
_SECTIONS = ("data", "augmentation", "optimizer", "transfer", "distillation")
# What may change when a run goes on: the same weights come out.
_MACHINE = ("strategy", "jit")


class RunRecord:
    """The folder of a run and its `run.json`.

    Args:
        output: The folder.
        facts: What identifies the run: `recipe`, `data`, `classes`, `preprocessing`, `weights`.
        command: What the user typed.
    """

    def __init__(self, output: Path, facts: dict[str, Any], command: str | None) -> None:
        self.output, self._facts, self._command = output, facts, command
        self._run: dict[str, Any] = {}
        self._began = time.monotonic()

    def check(self, force: bool) -> None:
        """Compares with what is in the folder.

        Args:
            force: Throw away another run instead of refusing.

        Raises:
            ValueError: The folder holds another run, or is a file.
        """
        if self.output.exists() and not self.output.is_dir():
            raise invalid("output", str(self.output), "a folder, or a path where there is nothing")
        difference = self._difference()
        if difference and not force:
            rule = f"the folder of this run or an empty one: it holds a run with {difference}"
            raise invalid("output", str(self.output), f"{rule} (--force throws that away)")
        if difference:
            for name in EVERYTHING:
                path = self.output / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @property
    def result(self) -> dict[str, Any] | None:
        """That of a run which has ended."""
        path = self.output / RESULT
        return read_json(path) if path.exists() else None

    def begin(self) -> None:
        """Writes everything that is known before the first step."""
        self.output.mkdir(parents=True, exist_ok=True)
        earlier = read_run(self.output) or {}
        self._run = {
            "kerazoo": __version__,
            "command": self._command or earlier.get("command"),
            **self._facts,
            "versions": {"python": platform.python_version(), **installed_versions(PACKAGES)},
            "machine": _machine(),
            "sessions": [*earlier.get("sessions", []), {"started": _now(), "seconds": 0}],
        }
        if "start" in earlier:  # measured before the first step of all sessions
            self._run["start"] = earlier["start"]
        write_json(self.output / RECIPE, self._facts["recipe"])
        if self._command:
            write_text(self.output / COMMAND, self._command + "\n")
        self._write()

    def note(self, **facts: Any) -> None:
        """Adds facts of the run, and the seconds of this session."""
        self._run |= facts
        self._run["sessions"][-1]["seconds"] = self.seconds
        self._write()

    def session(self, **facts: Any) -> None:
        """Adds facts of this session."""
        self._run["sessions"][-1] |= facts
        self.note()

    @property
    def seconds(self) -> float:
        """Of this session, so far."""
        return round(time.monotonic() - self._began, 1)

    def _write(self) -> None:
        write_json(self.output / RUN, self._run)

    def _difference(self) -> str | None:
        """Words for the first thing in which the folder's run differs from this one."""
        run = read_run(self.output)
        if run is None:
            # Recipe and command are written before `run.json`: a kill may have come between.
            results = (RESULT, LOG, WEIGHTS, BEST, BACKUP)
            left = [name for name in results if (self.output / name).exists()]
            return f"no {RUN} beside {', '.join(left)}" if left else None
        try:
            theirs = load_recipe(run["recipe"])
        except (ValueError, KeyError):
            return "a recipe of another version of kerazoo"
        ours: Recipe = load_recipe(self._facts["recipe"])
        for (name, a), (_, b) in zip(_flat(theirs), _flat(ours), strict=False):
            if a != b and name not in _MACHINE:
                return f"another recipe: {name} = {json.dumps(a)}, not {json.dumps(b)}"
        for name in ("data", "classes", "preprocessing", "weights", "teacher", "trunk"):
            their = run.get(name)
            if name == "preprocessing" and their:  # an older record may lack what is a default
                their = Preprocessing.from_dict(their).to_dict()
            if their != self._facts[name]:
                return f"other {name}: {json.dumps(their)[:120]}"
        return None


def _flat(recipe: Recipe) -> list[tuple[str, Any]]:
    """Dotted names and values."""
    found = []
    for name, value in recipe.to_dict().items():
        sections = name in _SECTIONS
        found += [(f"{name}.{k}", v) for k, v in value.items()] if sections else [(name, value)]
    return found


@overload
def weights_facts(weights: None) -> None: ...


@overload
def weights_facts(weights: Weights) -> dict[str, Any]: ...


def weights_facts(weights: Weights | None) -> dict[str, Any] | None:
    """Id and sha256 of weights."""
    if weights is None:
        return None
    if os.path.isfile(weights.id):
        return {"id": weights.id, "sha256": file_digest(Path(weights.id))}
    for checkpoint in all_checkpoints():
        if checkpoint.id == weights.id:
            return {"id": weights.id, "sha256": file_digest(fetch(checkpoint))}
    return {"id": weights.id, "sha256_of_tensors": _tensors_digest(weights.tensors())}


def network_facts(model: ZooModel, task: Task) -> dict[str, Any]:
    """What rebuilds the network: start weights bring conventions that no recipe mentions."""
    return {
        "architecture": model.info.architecture,
        "arguments": model.info.arguments | dict(task.learned),
        "parameters": model.count_params(),
        "trainable_parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
    }


def _tensors_digest(tensors: dict[str, Any]) -> str:
    state = hashlib.sha256()
    for name in sorted(tensors):
        state.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        state.update(tensors[name].tobytes())
    return state.hexdigest()


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "backend": keras.backend.backend(),
        "devices": keras.distribution.list_devices(),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
