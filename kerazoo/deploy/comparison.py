"""Whether an exported file says what its network says, on pictures."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import counted
from kerazoo.deploy.exporting import read_record
from kerazoo.deploy.exporting.calibration import representative_pictures
from kerazoo.deploy.exporting.record import ExportRecord
from kerazoo.deploy.runner import Runner
from kerazoo.inference import inference_function, named_outputs
from kerazoo.tasks import FEATURES

LIMIT = 32  # pictures


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        pictures: How many were looked at.
        difference: The largest one, as a share of the largest number that the network gives.
        same: On how many pictures the highest score is that of the same class; None of a network
            that gives no scores for the picture as a whole.
    """

    pictures: int
    difference: float
    same: int | None

    def __str__(self) -> str:
        pictures = counted(self.pictures, "picture")
        found = f"outputs within {self.difference:.1g} of the original's on {pictures}"
        if self.same is None:
            return found
        return f"{found}, the same class first on {self.same}"


@checked("path")
def compare(model: Any, path: str | os.PathLike, pictures: Any) -> Comparison:
    """Runs a network and the file that `export` made of it on the same pictures.

    Args:
        model: The Keras model.
        path: The file, or the folder of a SavedModel's version.
        pictures: As `export` takes `representative`; at most 32 are used.

    Raises:
        ValueError: The pictures do not fit, or the file has no record beside it.
        ImportError: What runs the file is not installed; the extra that brings it is named.

    >>> print(compare(model, "mixnet_s.tflite", "holiday/"))  # doctest: +SKIP
    outputs within 2e-06 of the original's on 6 pictures, the same class first on 6
    """
    record = read_record(Path(path))
    if record is None:
        raise ValueError(f"`{path}` has no record beside it, as `kerazoo export` writes one.")
    inputs = representative_pictures(pictures, record.preprocessing, record.input_shape, LIMIT)
    names = tuple(record.outputs)
    expected = named_outputs(inference_function(model)(inputs), names, model.name)
    found = Runner(path).outputs(inputs)
    difference = max(_difference(expected[name], found[name]) for name in names)
    return Comparison(len(inputs), difference, _same(record, expected, found))


def _difference(expected: Any, found: np.ndarray) -> float:
    expected = np.asarray(expected, "float32")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def _same(record: ExportRecord, expected: dict, found: dict) -> int | None:
    scores = [name for name in record.outputs if np.ndim(expected[name]) == 2]
    if record.task == FEATURES or len(scores) != len(record.outputs):
        return None
    best = [np.asarray(expected[n]).argmax(1) == found[n].argmax(1) for n in scores]
    return int(np.logical_and.reduce(best).sum())
