"""The figure of a task that no Keras metric sums up, after each epoch."""

from typing import Any

import keras

from kerazoo.evaluation import output_batches
from kerazoo.prediction import open_predictor
from kerazoo.predictor import Predictor
from kerazoo.training.callbacks import Averages
from kerazoo.training.inputs import Inputs
from kerazoo.training.recipe import Recipe


class Measure(keras.callbacks.Callback):
    """Adds `val_<figure>` to an epoch's logs: what the task's meter says of the validation split.

    Args:
        recipe: What is done.
        inputs: The data.
        averages: Where it is the average of the weights that counts.
    """

    def __init__(self, recipe: Recipe, inputs: Inputs, averages: Averages | None) -> None:
        super().__init__()
        self._recipe, self._inputs, self._averages = recipe, inputs, averages
        self._predictor: Predictor | None = None

    def on_epoch_end(self, epoch, logs: Any = None):
        if self._averages is None:
            value = self._measured()
        else:
            with self._averages.in_model():
                value = self._measured()
        logs[f"val_{self._inputs.task.monitor.name}"] = value

    def _measured(self) -> float:
        recipe, inputs = self._recipe, self._inputs
        if self._predictor is None:  # one graph for all epochs
            self._predictor = open_predictor(self.model)
        meter = inputs.task.meter(inputs.validation, self._predictor, quick=True)
        for outputs, targets in output_batches(
            self._predictor,
            inputs.validation,
            batch_size=recipe.batch_size,
            on_corrupt=recipe.data.on_corrupt,
        ):
            meter.update(outputs, targets)
        return meter.result(0.0).headline
