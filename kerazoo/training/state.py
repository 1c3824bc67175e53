"""The state of a run between two steps, in one file: what `--backup-every` and resuming need.

Keras' `BackupAndRestore` comes close, but writes weights and epoch into two files, neither of them
in one move (a kill between leaves an epoch that does not fit the weights), and goes on at the start
of the epoch from weights of its middle. This file is replaced as a whole, and knows the step, the
metrics so far and the best of them. The weights are those that training goes on with; an average
of them (EMA) is among the variables of the optimizer.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from kerazoo._errors import invalid
from kerazoo._files import write_file


@dataclass(frozen=True)
class Position:
    """Where a run stands.

    Attributes:
        epoch: Finished epochs.
        step: Finished steps of the next one.
        logs: Means over these steps, by name, and their `seconds`.
        best: The watched figure of the best validation so far.
        best_loss: The validation's loss then.
        waited: Epochs since then.
    """

    epoch: int = 0
    step: int = 0
    logs: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    best_loss: float | None = None
    waited: int = 0


def save_state(model: Any, path: Path, position: Position) -> None:
    """Writes all variables of a compiled model and its optimizer, and the position."""
    variables = _variables(model)
    arrays = {f"{i:05d}": ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    meta = dataclasses.asdict(position) | {"names": [v.path for v in variables]}

    def write(partial: Path) -> None:
        with open(partial, "wb") as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **arrays)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, write)


def load_state(model: Any, path: Path) -> Position:
    """Sets all variables and returns the position; that of the start where there is no file.

    Raises:
        ValueError: The file is of another network or optimizer.
    """
    if not path.exists():
        return Position()
    variables = _variables(model)
    with np.load(path, allow_pickle=False) as file:
        position, names = _meta(file)
        # Names of variables of optimizers count the optimizers of the process: shapes must do.
        arrays = [file[f"{i:05d}"] for i in range(len(names))]
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        rule = f"the backup of a run of {model.name} with this optimizer"
        raise invalid("backup", str(path), rule)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return position


def read_position(path: Path) -> Position:
    """The position alone, as `load_state` gives it."""
    if not path.exists():
        return Position()
    with np.load(path, allow_pickle=False) as file:
        return _meta(file)[0]


def _meta(file: Any) -> tuple[Position, list[str]]:
    meta = json.loads(str(file["meta"]))
    names = meta.pop("names")
    return Position(**meta), names


def _variables(model: Any) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
