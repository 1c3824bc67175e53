"""Statistics of batch normalisation, measured anew from data."""

import contextlib
import functools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo._errors import invalid
from kerazoo._keras_graph import layers_of
from kerazoo.layers._runtime import xla_pays


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Every batch normalisation of a model, those inside of other layers and models too."""
    return [
        layer for layer in layers_of(model) if isinstance(layer, keras.layers.BatchNormalization)
    ]


def settle_batch_norm(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set all batch-norm statistics to what training on these data would settle to.

    For weights whose statistics are those of other weights, such as an average of checkpoints. One
    pass over the data: every batch normalisation works with the statistics of the batch, as in
    training (dropout and the like do not), and gets the mean over the batches of these. That is
    `torch.optim.swa_utils.update_bn`, with the biased variance that Keras keeps. Frozen ones
    (`trainable=False`) work with the statistics that they have, and keep them.

    Args:
        model: A built model; its `moving_mean`s and `moving_variance`s change.
        batches: A finite `tf.data.Dataset` or other iterable of pictures `(n, height, width,
            channels)` prepared for the model, alone or with targets after them.

    Raises:
        ValueError: if there are no batches, or no batch normalisations.
    """
    for layer, (count, mean, variance) in _measured(model, batches, as_in_training=True):
        if not layer.trainable:
            continue
        weights = count / count.sum(0)
        layer.moving_mean.assign((weights * mean).sum(0))
        layer.moving_variance.assign((weights * variance).sum(0))


def restore_batch_norm(model: keras.Model, batches: Iterable[Any]) -> None:
    """Give batch normalisations statistics back, and leave the network's function as it is.

    Some checkpoints had batch normalisation folded into the convolutions, and have an identity in
    its place: mean 0, variance 1. They are right in inference, but training normalises with the
    statistics of a batch, which is another function: what was learned is lost at the first step.
    This measures mean and variance before each batch normalisation and sets its moving statistics
    to them, and its scale and shift so that the output is the same. Training then starts from (up
    to the variation between batches) the function that was learned.

    Those that have never learned anything (a new head) are left alone: they normalise from the
    first step on, and nothing is lost.

    Args:
        model: A built model; the variables of its batch normalisations change.
        batches: As for `settle_batch_norm`. A few hundred pictures do.

    Raises:
        ValueError: if there are no batches or no batch normalisations, or for one without scale or
            shift, whose function cannot be kept.
    """
    for layer in batch_norms(model):
        if not (layer.scale and layer.center):
            rule = "of batch normalisations with scale and shift (`scale=True, center=True`)"
            raise invalid("model", layer.name, rule)
    for layer, (count, means, variances) in _measured(model, batches, as_in_training=False):
        if _is_new(layer):
            continue
        weights = count / count.sum(0)
        mean = (weights * means).sum(0)
        variance = (weights * (variances + means**2)).sum(0) - mean**2
        gamma, beta, old_mean, old_variance = (
            np.asarray(ops.convert_to_numpy(v), "float64")
            for v in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        )
        slope = gamma / np.sqrt(old_variance + layer.epsilon)
        # What float32 keeps of them is what has to be compensated for.
        mean, variance = (np.float32(v).astype("float64") for v in (mean, np.maximum(variance, 0)))
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        layer.gamma.assign(slope * np.sqrt(variance + layer.epsilon))
        layer.beta.assign(beta + slope * (mean - old_mean))


def has_folded_batch_norm(model: keras.Model) -> bool:
    """Whether the model has batch normalisations, and none of them has statistics or a scale.

    Random weights are something else: their variance is 1, that of a folded one 1 - epsilon. A new
    head may have such.
    """
    layers = [layer for layer in batch_norms(model) if not _is_new(layer)]
    return bool(layers) and all(map(_is_identity, layers))


def _is_new(layer: keras.layers.BatchNormalization) -> bool:
    """Whether it is as it was made."""
    return _is_flat(layer) and bool((ops.convert_to_numpy(layer.moving_variance) == 1).all())


def _is_identity(layer: keras.layers.BatchNormalization) -> bool:
    variance = ops.convert_to_numpy(layer.moving_variance)
    near = (variance != 1).all() and np.allclose(variance, 1 - layer.epsilon, 0, 1e-7)
    return _is_flat(layer) and bool(near)


def _is_flat(layer: keras.layers.BatchNormalization) -> bool:
    mean = ops.convert_to_numpy(layer.moving_mean)
    gamma = ops.convert_to_numpy(layer.gamma) if layer.scale else np.ones(1)
    return not mean.any() and bool((gamma == 1).all())


def _measured(
    model: keras.Model, batches: Iterable[Any], as_in_training: bool
) -> Iterator[tuple[keras.layers.BatchNormalization, np.ndarray]]:
    """Each batch normalisation with counts, means and variances `(3, batches, channels)`."""
    layers = batch_norms(model)
    if not layers:
        raise invalid("model", model.name, "a model with batch normalisation")
    probe = _Probe(model, as_in_training)
    probe.compile(jit_compile="auto" if xla_pays() else False)
    first = iter(batches)
    if next(first, None) is None:
        raise invalid("batches", batches, "an iterable of at least one batch, more than once")
    is_dataset = hasattr(batches, "element_spec")
    data = batches if is_dataset else (b if isinstance(b, tuple) else (b,) for b in batches)
    with warnings.catch_warnings():
        # Keras says so at the end of whatever does not tell its length before.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        found = probe.predict(data, verbose=0)
    for name, rows in found.items():
        yield layers[int(name)], np.moveaxis(np.asarray(rows, "float64"), 1, 0)


class _Probe(keras.Model):
    """A model whose output is what its batch normalisations take in.

    Output: index of each -> `(1, 3, channels)`: positions, mean and variance of the batch.
    """

    def __init__(self, network: keras.Model, as_in_training: bool):
        super().__init__(name="statistics")
        self.network, self._as_in_training = network, as_in_training

    def call(self, inputs):
        found: dict[str, Any] = {}
        layers = batch_norms(self.network)
        with contextlib.ExitStack() as stack:
            for i, layer in enumerate(layers):
                measure = functools.partial(self._measure, layer, str(i), found)
                stack.enter_context(_instead_of_call(layer, measure))
            self.network(inputs, training=False)
        return {name: ops.stack(rows) for name, rows in found.items()}

    def _measure(self, layer, name: str, found: dict, inputs, training=None, mask=None):
        x = ops.cast(inputs, "float32")
        axes = [axis for axis in range(len(x.shape)) if axis != layer.axis % len(x.shape)]
        mean, variance = ops.moments(x, axes)
        count = ops.size(x) // ops.size(mean)
        count = ops.broadcast_to(ops.cast(count, "float32"), ops.shape(mean))
        found.setdefault(name, []).append(ops.stack([count, mean, variance]))
        if not (self._as_in_training and layer.trainable):
            return type(layer).call(layer, inputs, training=False)
        gamma, beta = (None if v is None else v.value for v in (layer.gamma, layer.beta))
        normal = ops.batch_normalization(
            x, mean, variance, layer.axis, offset=beta, scale=gamma, epsilon=layer.epsilon
        )
        return ops.cast(normal, layer.compute_dtype)


@contextlib.contextmanager
def _instead_of_call(layer: keras.layers.Layer, call: Any) -> Iterator[None]:
    # Past Keras' own `__setattr__`, which would record the function as a part of the layer.
    object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")
