"""The head of a frozen network, fitted to features that the network gives once."""

import contextlib
import csv
import io
import logging
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo._files import write_text
from kerazoo.data.corrupt import find_corrupt, picture_error
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.source import Source
from kerazoo.deploy.fusion.fuse import fuse
from kerazoo.inference import inference_function
from kerazoo.training import folder as names
from kerazoo.training.callbacks import save_weights
from kerazoo.training.folder import RunRecord
from kerazoo.training.inputs import Inputs
from kerazoo.training.recipe import Recipe
from kerazoo.training.recipe_sections import WITH_HELD_OUT
from kerazoo.training.transfer.layers import head

log = logging.getLogger("kerazoo")

# Training pictures up to which their mirror images are looked at too: what they add to the accuracy
# of few pictures, more of these have already.
MIRRORED = 5000
LARGEST = 1 << 29  # bytes of features that `finetune` keeps in memory; larger sets learn in steps
WIDTH = 2048  # features of a picture that it reckons with: the network is not built yet


def fits_in_memory(pictures: int) -> bool:
    """Whether the features of so many pictures take `LARGEST` bytes at most."""
    return pictures * WIDTH * np.dtype("float32").itemsize <= LARGEST


class StoredFit:
    """In place of steps: one pass over the pictures, and the task's own fit of the head.

    Args:
        model: As `prepare` left it, its outputs those that the loss works on.
        recipe: With `transfer.head` of stored features.
        inputs: The data.
        record: The folder.
        writer: Whether it is this process that writes files.

    Raises:
        ValueError: The head is more than one dense layer, or the task cannot fit one.
    """

    def __init__(
        self, model: Any, recipe: Recipe, inputs: Inputs, record: RunRecord, writer: bool
    ) -> None:
        self._model, self._recipe, self._inputs = model, recipe, inputs
        self._record, self._writer = record, writer
        layers = head(model)
        dense = len(layers) == 1 and isinstance(layers[0], keras.layers.Dense)
        if not (inputs.task.fits_head and dense and layers[0].use_bias):
            rule = f"'steps' for {model.name}, whose head is more than a dense layer"
            raise invalid("transfer.head", recipe.transfer.head, rule)
        self._layer = layers[0]

    def run(self) -> dict[str, str]:
        """Fits the head; `BEST` of the folder gets the weights that the validation split judged.

        Returns:
            Name -> reason of the pictures that could not be decoded.

        Raises:
            PictureError: A picture cannot be decoded, with `data.on_corrupt = "fail"`.
        """
        began, inputs = time.monotonic(), self._inputs
        corrupt: dict[str, str] = {}
        self._trunk = _in_inference(keras.Model(self._model.inputs, self._layer.input))
        mirrored = self._recipe.augmentation.flip and inputs.train.count <= MIRRORED
        learned = self._stored(inputs.train, mirrored, corrupt)
        whole = self._recipe.transfer.head == WITH_HELD_OUT
        # Corrupt ones count where they are learned from; otherwise they do not, as in steps.
        watched = self._stored(inputs.validation, mirrored, corrupt if whole else {})
        probe = inputs.task.fit_head(learned, watched, len(inputs.classes), whole)
        self._layer.set_weights(probe.watched)
        seconds = round(time.monotonic() - began, 1)
        if self._writer:
            save_weights(self._model, self._record.output / names.BEST)
            self._write_log({"epoch": 0, **probe.logs, "learning_rate": 0.0, "seconds": seconds})
            self._record.note(head=probe.facts, confidence=probe.confidence.to_dict())
        self._tell(probe, seconds)
        self._layer.set_weights(probe.final)
        for name, reason in corrupt.items():
            log.warning("Skipped %s: %s", name, reason)
        return corrupt

    def _stored(
        self, source: Source, mirrored: bool, corrupt: dict[str, str]
    ) -> tuple[np.ndarray, Any]:
        """Features `(views, count, width)` and targets of all pictures of a source."""
        on_corrupt, found = self._recipe.data.on_corrupt, []
        batches = evaluation_batches(
            source, self._inputs.pictures, self._recipe.batch_size, on_corrupt=on_corrupt
        )
        try:
            for pictures, targets in batches:
                views = [pictures.numpy()]
                views += [np.ascontiguousarray(views[0][:, :, ::-1])] if mirrored else []
                features = np.stack([self._trunk(view) for view in views])
                found.append((features.astype("float32"), targets))
        except tf.errors.OpError as error:
            if not (bad := find_corrupt(source)):
                raise
            raise picture_error(bad) from error
        done = sum(features.shape[1] for features, _ in found)
        if done < source.count:
            bad = find_corrupt(source)
            corrupt.update({each.name: each.reason for each in bad})
            if not done:
                raise picture_error(bad)
        features, targets = zip(*found, strict=True)
        together = tf.nest.map_structure(lambda *each: np.concatenate(each), *targets)
        return np.concatenate(features, axis=1), together

    def _write_log(self, row: dict[str, float]) -> None:
        """A line as `CSVLogger` writes them, one epoch long."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[*row], [*row.values()]])
        write_text(self._record.output / names.LOG, text.getvalue())

    def _tell(self, probe: Any, seconds: float) -> None:
        name, shown = self._inputs.task.monitor.name, self._inputs.task.monitor.shown
        words = f"head on stored features  loss {probe.logs['loss']:.4f}"
        words += f"  {name} {shown(probe.logs[name])}"
        words += f"  validation {shown(probe.logs[f'val_{name}'])}  {seconds:.0f} s"
        print(words, flush=True)


def _in_inference(trunk: keras.Model) -> Any:
    """A frozen network as a function, fused where that is the same but for rounding."""
    with contextlib.suppress(ValueError):  # half precision, layers that cannot be copied
        trunk = fuse(trunk)
    return inference_function(trunk)
