"""Quantisation-aware training, from a Keras 3 classifier to int8 LiteRT."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo._files import check_output, publish, staging
from kerazoo._graph import Graph
from kerazoo._machine import require
from kerazoo.deploy.exporting.calibration import representative_pictures
from kerazoo.deploy.exporting.graph import frozen_graph
from kerazoo.deploy.exporting.litert import converted, in_int8, with_facts
from kerazoo.deploy.exporting.record import SIDECAR, ExportRecord, describe
from kerazoo.deploy.fusion import fuse
from kerazoo.deploy.runtimes import OPENERS
from kerazoo.layers import BatchNormalization
from kerazoo.optimize._operations import PREFIX, look_through
from kerazoo.optimize._places import places
from kerazoo.optimize._tfmot import Legacy, legacy
from kerazoo.optimize.bridge import to_tf_keras
from kerazoo.optimize.logits import without_softmax
from kerazoo.preprocessing import Preprocessing

_BATCH = 16


@dataclass(frozen=True)
class QuantizeAware:
    """A network that computes as its int8 form will, and can be trained.

    Attributes:
        model: The `tf_keras` model; gives logits `(batch, classes)`. Train it with
            `kerazoo.optimize.fine_tune` or its own `fit`.
        record: What is written beside the LiteRT file.
    """

    model: Any
    record: ExportRecord
    _softmax: bool = field(default=False, repr=False)

    def to_litert(self, path: str | os.PathLike, force: bool = False) -> dict[str, Any]:
        """Writes `path` in int8 and its record beside it, as `export(precision="int8")` does.

        Args:
            path: File in `.tflite`.
            force: Overwrite what exists.

        Returns:
            `operations`, their number, and `float_layers`: what LiteRT computes in float for want
            of an int8 operation, by layer. Empty for most networks.

        Raises:
            ImportError: The extra `[litert]` is not installed.
            ValueError: It exists or cannot be written; an operation that LiteRT does not have.
        """
        path = Path(path)
        require(OPENERS["litert"].needs, "Looking through a LiteRT file")
        if path.suffix != ".tflite":
            raise invalid("path", str(path), "a file name in .tflite")
        outputs = [path.with_name(path.name + SIDECAR), path]
        check_output(path, outputs, force)
        network = self.model
        if self._softmax:
            packages = legacy()
            scores = packages.keras.layers.Softmax(name="scores")(network.output)
            network = packages.keras.Model(network.input, scores)
        names = [layer.name for layer in network.layers]
        given = tuple(self.record.outputs)
        data = converted(frozen_graph(network, given), given, names, in_int8)
        report, data = look_through(data), with_facts(data, self.record)
        with staging(path) as folder:
            (folder / path.name).write_bytes(data)
            (folder / outputs[0].name).write_text(self.record.to_json(), "utf-8")
            publish(folder, outputs)
        return report


@checked("model", "preprocessing", "labels")
def quantize_aware(
    model: keras.Model,
    representative: Any,
    *,
    preprocessing: Preprocessing | None = None,
    labels: str | tuple[str, ...] | None = None,
) -> QuantizeAware:
    """Prepare a classifier for quantisation-aware training with TF-MOT.

    Batch normalisation is folded first, as for LiteRT (`kerazoo.deploy.fuse`); what cannot be
    folded becomes a depthwise convolution of one element. Kernels are on an int8 grid for each
    output channel; activations on one whose range is found on real pictures before, and follows
    them slowly in training. Swish and squeeze-and-excite are sigmoids and products with a grid
    behind each, as in the int8 file.

    Args:
        model: A network that `to_tf_keras` takes, of fixed height and width.
        representative: Real pictures to find ranges with, as `kerazoo.deploy.export` takes them.
        preprocessing: In place of the model's own.
        labels: Name of a label set, or the names; in place of the model's own.

    Returns:
        The tf_keras model to train, and `to_litert`, which says what is left in float.

    Raises:
        ImportError: The extra `[tfmot]` is not installed.
        ValueError: for layers that cannot be lowered, by name; no pictures, or such as do not fit.
    """
    packages = legacy()
    facts = {"format": "litert", "precision": "int8", "target": "litert"}
    record = describe(model, preprocessing, labels, **facts)
    if None in record.input_shape:
        raise invalid("model", record.input_shape, "of a fixed size: build it with input_shape")
    pictures = representative_pictures(representative, record.preprocessing, record.input_shape)
    record = describe(model, preprocessing, labels, **facts, calibration=len(pictures))
    plain = to_tf_keras(_norms_as_convolutions(fuse(model, "litert"))).model
    network, softmax = without_softmax(plain)
    grids = places(network)
    ranges = _ranges(network, [k for k, v in grids.items() if v["output"] == "moving"], pictures)
    quantised = _quantised(network, grids, packages)
    _set_ranges(quantised, ranges, pictures)
    return QuantizeAware(quantised, record, softmax)


def _norms_as_convolutions(model: keras.Model) -> keras.Model:
    """Batch norms that are left become depthwise convolutions of one element."""
    graph = Graph.read(model)
    for node in graph.nodes:
        layer = node.operation
        kinds = (keras.layers.BatchNormalization, BatchNormalization)
        if type(layer) not in kinds or len(node.outputs[0].shape) != 4 or node.shared:
            continue
        to_numpy = keras.ops.convert_to_numpy
        scale = 1 / np.sqrt(to_numpy(layer.moving_variance) + layer.epsilon)
        scale = scale * (to_numpy(layer.gamma) if layer.scale else 1)
        bias = (to_numpy(layer.beta) if layer.center else 0) - to_numpy(layer.moving_mean) * scale
        affine = keras.layers.DepthwiseConv2D(1, name=layer.name)
        affine.build(node.outputs[0].shape)
        affine.set_weights([scale.reshape(1, 1, -1, 1), bias])
        graph.replace(node, affine, node.args)
    return graph.build(_norms_as_convolutions)


def _quantised(network: Any, grids: dict[str, dict], packages: Legacy) -> Any:
    """TF-MOT's annotation of every layer, and its wrappers in their place."""
    from kerazoo.optimize import _grids, _scheme

    api = packages.tfmot.quantization.keras

    def annotated(layer):
        copy = type(layer).from_config(layer.get_config())
        if layer.name not in grids:
            return copy
        return api.quantize_annotate_layer(copy, _grids.Grids(**grids[layer.name]))

    own = {kind.__name__: kind for kind in (_grids.Grids,)}
    with api.quantize_scope(own):
        clone = packages.keras.models.clone_model(network, clone_function=annotated)
        clone.set_weights(network.get_weights())
        return api.quantize_apply(clone, _scheme.PlainScheme(), PREFIX)


def _ranges(network: Any, names: list[str], pictures: np.ndarray) -> dict[str, tuple]:
    """Of what each layer gives: where most of the pictures stay."""
    import tensorflow as tf

    from kerazoo.optimize._grids import picture_extremes, range_of_most

    probe = type(network)(network.inputs, [network.get_layer(name).output for name in names])

    @tf.function(autograph=False)
    def extremes(x):
        return [picture_extremes(y) for y in tf.nest.flatten(probe(x, training=False))]

    batches = [extremes(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
    found = {}
    for i, name in enumerate(names):
        lows, highs = (np.concatenate([b[i][j].numpy() for b in batches]) for j in (0, 1))
        found[name] = tuple(float(edge) for edge in range_of_most(lows, highs))
    return found


def _set_ranges(quantised: Any, ranges: dict[str, tuple], pictures: np.ndarray) -> None:
    for layer in quantised.layers:
        name = layer.name.removeprefix(PREFIX)
        if name in ranges:
            for which, value in zip(("low", "high"), ranges[name], strict=True):
                layer._output_quantizer_vars[which].assign(value)
        elif hasattr(layer, "quantizer_vars"):  # the pictures themselves
            layer.quantizer_vars["min_var"].assign(min(0.0, float(pictures.min())))
            layer.quantizer_vars["max_var"].assign(max(1e-6, float(pictures.max())))
