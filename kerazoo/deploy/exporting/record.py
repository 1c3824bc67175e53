"""What an exported network carries with it: labels, preprocessing, where it comes from."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo import __version__
from kerazoo._errors import invalid
from kerazoo._fields import Record, field, record
from kerazoo._files import public_name
from kerazoo._rules import integer, optional, row, table, text
from kerazoo.checkpoints.lineage import stated_licence
from kerazoo.confidence import Confidence
from kerazoo.inference import picture_preprocessing
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of_model

SIDECAR = ".json"  # model.tflite.json beside model.tflite
ASSET = Path("assets.extra") / "kerazoo.json"  # TensorFlow leaves that folder to others


@dataclass(frozen=True)
class ExportRecord(Record, keys="record key"):
    """The JSON that lies beside (SavedModel: inside) an exported network.

    Attributes:
        format: Of the file.
        precision: `"float32"`, `"int8"`, …
        model: Name of the Keras model.
        architecture: Id for `kerazoo.create_model`; None for a model that is not kerazoo's.
        checkpoint: Id of the weights, or the name of their file without its folders; None where
            unknown.
        target: What the network was fused for; None if it is as it was built.
        input_shape: `(height, width, channels)`; None where any size is taken.
        task: `"classification"`, …
        outputs: Name -> what it holds, in the task's order: `{"scores": "probabilities"}`.
        labels: Names of the classes, in order.
        preprocessing: How a picture becomes the network's input; None where unknown.
        calibration: Pictures that int8 ranges were found with.
        float_layers: Beginnings of the names of layers that are in float all the same.
        confidence: What held-out pictures say of the scores; None where nobody measured it.
        task_facts: What the task has to know to read the outputs (`ModelInfo.task_facts`).
        licence: Of the weights, or of what they started from; None where nobody states it.
        kerazoo: Version that wrote this.
    """

    format: str = field(text())
    precision: str = field(text())
    model: str = field(text())
    architecture: str | None = field(optional(text()))
    checkpoint: str | None = field(optional(text()))
    target: str | None = field(optional(text()))
    input_shape: tuple[int | None, ...] = field(row(optional(integer()), "three sizes", count=3))
    task: str = field(text())
    outputs: dict[str, str] = field(table(text()))
    labels: tuple[str, ...] = field(row(text(least=0), "a list of names"))
    preprocessing: Preprocessing | None = field(optional(record(Preprocessing)), None)
    calibration: int | None = field(optional(integer()), None)
    float_layers: tuple[str, ...] = field(row(text(), "a list of names"), ())
    confidence: Confidence | None = field(optional(record(Confidence)), None)
    task_facts: dict[str, Any] = field(table(), {})
    licence: str | None = field(optional(text()), None)
    kerazoo: str = field(text(), __version__)

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    def facts(self) -> dict[str, str]:
        """How to feed the file and read what it gives, for a format's own metadata.

        `kerazoo` is the whole record; the others are what a person looks for, in words.
        """
        sides = "x".join(str(side or "any") for side in self.input_shape[:2])
        shown = {
            "input": f"image: float32 (batch, height, width, channels), RGB, {sides}",
            "labels": "\n".join(self.labels),
            "kerazoo": self.to_json(),
        }
        if self.preprocessing is not None:
            mean, std = self.preprocessing.mean, self.preprocessing.std
            shown["normalisation"] = f"(pixel / 255 - mean) / std, mean {mean}, std {std}"
        if self.confidence is not None:
            shown["thresholds"] = "\n".join(f"{each:.4f}" for each in self.confidence.thresholds)
        if self.licence is not None:
            shown["licence"] = self.licence
        return shown

    @classmethod
    def from_json(cls, text: str) -> "ExportRecord":
        """The inverse of `to_json`; keys of later versions are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls.from_dict({k: v for k, v in json.loads(text).items() if k in known})


def record_path(path: Path) -> Path:
    """Where the record of an exported file, or of a SavedModel's version, lies."""
    return path / ASSET if path.is_dir() else path.with_name(path.name + SIDECAR)


def read_record(path: Path) -> ExportRecord | None:
    """The record that belongs to an exported network; None if there is none.

    Raises:
        ValueError: It is there, but damaged.
    """
    file = record_path(path)
    if not file.is_file():
        return None
    try:
        return ExportRecord.from_json(file.read_text("utf-8"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise invalid("path", str(file), f"a record that `export` wrote ({error})") from error


def describe(model: Any, preprocessing: Preprocessing | None, labels: Any, **facts) -> ExportRecord:
    """The record of a Keras model.

    Args:
        model: The network before fusion.
        preprocessing: In place of the model's own.
        labels: Name of a label set or the names; by default the model's own, otherwise what the
            task makes of it.
        **facts: Further fields.
    """
    info = getattr(model, "info", None)
    task = task_of_model(model)
    known = preprocessing or getattr(info, "preprocessing", None)
    checkpoint = getattr(info, "checkpoint", None)
    return ExportRecord(
        model=model.name,
        architecture=getattr(info, "architecture", None),
        # Folders of this machine are nobody's business where the network is sent to.
        checkpoint=checkpoint and public_name(checkpoint),
        input_shape=tuple(model.input_shape[1:]),
        task=task.name,
        preprocessing=known and picture_preprocessing(model, known),
        confidence=getattr(info, "confidence", None),
        licence=stated_licence(info),
        task_facts=getattr(info, "task_facts", {}),
        **task.facts(model, getattr(info, "labels", None) if labels is None else labels),
        **facts,
    )
