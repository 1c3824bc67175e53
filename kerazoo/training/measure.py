"""The figure of a task that no Keras metric sums up, after each epoch."""

import contextlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerazoo._progress import Progress
from kerazoo.prediction import open_predictor
from kerazoo.predictor import Predictor
from kerazoo.tasks.task import Task
from kerazoo.training.callbacks import Averages
from kerazoo.training.inputs import Inputs, validation_batches
from kerazoo.training.recipe import Recipe


def measured_apart(task: Task) -> bool:
    """Whether no Keras metric of a task is its figure: `Measure` takes the place of validation."""
    return task.monitor.name not in {metric.name for metric in task.metrics()}


class Measure(keras.callbacks.Callback):
    """Adds `val_loss` and `val_<figure>` to an epoch's logs, the latter as the meter has it.

    One look at the validation split gives both.

    Args:
        recipe: What is done.
        inputs: The data.
        averages: Where it is the average of the weights that counts.
        what: Words for the pictures that were looked at, as for `Progress`.
        bar: Whether there are such words.
    """

    def __init__(
        self,
        recipe: Recipe,
        inputs: Inputs,
        averages: Averages | None,
        what: str = "measuring",
        bar: bool | None = None,
    ) -> None:
        super().__init__()
        self._recipe, self._inputs, self._averages = recipe, inputs, averages
        self._what, self._show = what, bar
        self._predictor: Predictor | None = None

    def on_epoch_end(self, epoch, logs: Any = None):
        with self._averages.in_model() if self._averages else contextlib.nullcontext():
            logs.update(self.measured())

    def measured(self) -> dict[str, float]:
        """`val_loss` and the figure of the model as it is."""
        task, source = self._inputs.task, self._inputs.validation
        if self._predictor is None:  # one graph, and one chain of data, for all epochs
            self._predictor = open_predictor(self.model)
            self._batches = validation_batches(self._recipe, self._inputs, self.model, beside=True)
        meter = task.meter(source, self._predictor, quick=True)
        losses, counts = [], []
        with Progress(source.count, "picture", self._what, show=self._show) as progress:
            for pictures, (wanted, targets) in self._batches:
                outputs = self._predictor.outputs(pictures.numpy())
                meter.update(outputs, tf.nest.map_structure(lambda y: y.numpy(), targets))
                losses.append(float(self._loss(wanted, outputs)))
                counts.append(len(pictures))
                progress.at(sum(counts))
        figure = meter.result(0.0).headline
        loss = float(np.average(losses, weights=counts))
        return {"val_loss": loss, f"val_{task.monitor.name}": figure}

    def _loss(self, wanted: Any, outputs: dict[str, Any]) -> Any:
        # Keras remembers the structure of the first outputs that it sees a loss of, and `fit` gives
        # it those of the model, not the named ones.
        structure = self.model.output
        found = outputs if isinstance(structure, dict) else next(iter(outputs.values()))
        return self.model.compute_loss(y=wanted, y_pred=found, training=False)
