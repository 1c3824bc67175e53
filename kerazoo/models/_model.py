"""The class of every kerazoo network: a functional Keras model that remembers what it is."""

from dataclasses import dataclass
from typing import Any

import keras

from kerazoo._fields import Record, field, record
from kerazoo._initial_values import late_values
from kerazoo._keras_graph import cloned_from, layers_of, remember_original
from kerazoo._rules import either, integer, optional, row, table, text
from kerazoo.checkpoints.lineage import Origin
from kerazoo.confidence import Confidence
from kerazoo.layers._runtime import prepare
from kerazoo.models._running import Steps
from kerazoo.preprocessing import Preprocessing

_MAP = row(integer(), "(stride, channels)", count=2)


@dataclass(frozen=True)
class ModelInfo(Record, keys="info key"):
    """What a network needs to be rebuilt, fed and read; it is saved with the model.

    Attributes:
        architecture: Id for `kerazoo.create_model`.
        arguments: Constructor arguments that rebuild the network (JSON values only).
        preprocessing: How pictures are prepared, or None where no checkpoint says so.
        labels: Name of a registered label set, or the class names; None where unknown.
        checkpoint: Id or path of the loaded weights; None for random ones.
        omitted: Name prefixes of the full network's layers that this one leaves out
            (`include_top=False`, `features_only=True`): a full checkpoint has tensors for them.
        features: Name -> (stride, channels) of the maps that `features_only=True` gives.
        available: The same of all maps that `out_features` can choose.
        task: What the network is for: a name that `kerazoo.tasks.get_task` knows.
        head: Name prefixes of the layers that belong to the task; the others are the backbone.
            Empty where there is none.
        confidence: What held-out pictures say of its scores; None where nobody measured it.
        task_facts: What the task has to know to read the outputs, JSON values: of a detector where
            its anchors lie. Empty where the outputs say all.
        lineage: What these weights are and what they come from, nearest first
            (`kerazoo.checkpoints.lineage`); empty for random ones.
    """

    architecture: str = field(text())
    arguments: dict[str, Any] = field(table(), {})
    preprocessing: Preprocessing | None = field(optional(record(Preprocessing)), None)
    labels: str | tuple[str, ...] | None = field(
        optional(either(text(), row(text(least=0), "a list of names"))), None
    )
    checkpoint: str | None = field(optional(text()), None)
    omitted: tuple[str, ...] = field(row(text(), "a list of names"), ())
    features: dict[str, tuple[int, int]] = field(table(_MAP), {})
    task: str = field(text(), "classification")
    head: tuple[str, ...] = field(row(text(), "a list of names"), ())
    available: dict[str, tuple[int, int]] = field(table(_MAP), {})
    confidence: Confidence | None = field(optional(record(Confidence)), None)
    task_facts: dict[str, Any] = field(table(), {})
    lineage: tuple[Origin, ...] = field(row(record(Origin), "a list of origins"), ())


@keras.saving.register_keras_serializable(package="kerazoo")
class ZooModel(keras.Model):
    """A functional `keras.Model` with an `info` (`ModelInfo`) that survives saving.

    Build one through the constructors (`kerazoo.MixNetS`, …) or `kerazoo.create_model`.
    """

    _steps: Steps | None = None

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        # None until whoever builds the network sets it, which the constructors do at once.
        self.info: ModelInfo = _remembered(self, outputs)

    def _run_through_graph(self, inputs, operation_fn=lambda op: op, call_fn=None):
        if self._steps is None:  # Keras' constructor goes through the graph already
            self._steps = Steps(self)
        outputs = self._steps.run(self, inputs, operation_fn, call_fn)
        return remember_original(outputs, self)

    @property
    def feature_strides(self) -> dict[str, int]:
        """Stride of every feature map by output name, `{"stride_2": 2, …}`."""
        return {name: stride for name, (stride, _) in self.info.features.items()}

    @property
    def feature_channels(self) -> dict[str, int]:
        """Channels of every feature map by output name."""
        return {name: channels for name, (_, channels) in self.info.features.items()}

    def get_config(self):
        return {**super().get_config(), "info": self.info and self.info.to_dict()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        info = config.pop("info", None)
        with late_values():
            model = super().from_config(config, custom_objects=custom_objects)
        prepare(layers_of(model))
        model.info = info and ModelInfo.from_dict(info)
        return model


def _remembered(model: keras.Model, outputs: Any) -> Any:
    """The info of the network that `model` is a clone of, or None."""
    original = cloned_from(outputs)
    if original is None or _layer_names(original) != _layer_names(model):
        return None
    return original.info


def _layer_names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]
