"""Pruning and weight clustering with TF-MOT, from Keras 3 and back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerazoo._checks import check_int, check_number, checked
from kerazoo._errors import invalid
from kerazoo.deploy.fusion import fuse
from kerazoo.optimize._tfmot import legacy
from kerazoo.optimize.bridge import Bridge, to_tf_keras
from kerazoo.optimize.logits import without_softmax
from kerazoo.training.transfer.batch_norm import batch_norms, settle_batch_norm

_KINDS = ("Conv2D", "Dense")  # TF-MOT leaves depthwise kernels alone: they are few numbers


@dataclass(frozen=True)
class Compressing:
    """A network whose kernels TF-MOT prunes or clusters while it is trained.

    Attributes:
        model: The tf_keras model; gives logits `(batch, classes)`.
        callbacks: That training needs.
        layers: Names of the layers whose kernels change.
    """

    model: Any
    callbacks: tuple[Any, ...]
    layers: tuple[str, ...]
    _bridge: Bridge
    _strip: Callable[[Any], Any]
    _measure: Callable[[np.ndarray], float]

    def finish(self, batches: Iterable | None = None) -> tuple[keras.Model, dict[str, float]]:
        """The Keras 3 network with the kernels as they are now.

        Args:
            batches: Prepared training pictures, alone or with labels, that batch-norm statistics
                are measured on. A moving average lags behind kernels that changed in a few
                hundred steps (with a momentum of 0.999, most of it is still that of the old ones).

        Returns:
            A copy of what was given, and what was measured of each kernel: the share of zeros
            after `prune`, the number of different values after `cluster`.
        """
        stripped = self._strip(self.model)
        found = {
            name: self._measure(np.asarray(stripped.get_layer(name).kernel)) for name in self.layers
        }
        network = self._bridge.take_back(stripped)
        if batches is not None and batch_norms(network):
            settle_batch_norm(network, batches)
        return network, found


@checked("model")
def prune(model: keras.Model, sparsity: float = 0.5, *, steps: int) -> Compressing:
    """Set the smallest weights of dense and ordinary convolution kernels to zero while training.

    The share of zeros rises from none to `sparsity` in the first six tenths of the steps
    (polynomial decay); the rest recovers. Each kernel has the same share.

    Args:
        model: A network that `to_tf_keras` takes.
        sparsity: The share of zeros in the end, above 0 and below 1.
        steps: How many the training will have; at least 2.

    Returns:
        The model to train with `fine_tune(…, callbacks=….callbacks)`, and the way back.

    Raises:
        ImportError: The extra `[tfmot]` is not installed.
        ValueError: A wrong argument; layers that cannot be lowered, by name; nothing to prune.
    """
    check_number("sparsity", sparsity, above=0, below=1)
    check_int("steps", steps, 2)
    api = legacy().tfmot.sparsity.keras
    end = max(1, int(0.6 * steps))
    schedule = api.PolynomialDecay(0.0, sparsity, 0, end, frequency=max(1, end // 20))
    return _compressing(
        to_tf_keras(model),
        lambda layer: api.prune_low_magnitude(layer, pruning_schedule=schedule),
        api.strip_pruning,
        lambda kernel: float(np.mean(kernel == 0)),
        (api.UpdatePruningStep(),),
    )


@checked("model")
def cluster(model: keras.Model, clusters: int = 16) -> Compressing:
    """Let dense and ordinary convolution kernels have a few different values, which are trained.

    Batch normalisation is folded first, as for LiteRT: later it would give each output channel
    values of its own. A kernel that is several convolutions in tf_keras has as many sets.

    Args:
        model: A network that `to_tf_keras` takes.
        clusters: Different values of a kernel, 2 or more.

    Returns:
        The model to train with `fine_tune`, and the way back, to the fused network.

    Raises:
        ImportError: The extra `[tfmot]` is not installed.
        ValueError: A wrong argument; layers that cannot be lowered, by name; nothing to cluster.
    """
    check_int("clusters", clusters, 2)
    api = legacy().tfmot.clustering.keras
    start = api.CentroidInitialization.KMEANS_PLUS_PLUS

    def wrapped(layer):
        return api.cluster_weights(layer, number_of_clusters=clusters, cluster_centroids_init=start)

    return _compressing(
        to_tf_keras(fuse(model, "litert")),
        wrapped,
        api.strip_clustering,
        lambda kernel: len(np.unique(kernel)),
        least=clusters + 1,
    )


def _compressing(bridge: Bridge, wrap, strip, measure, callbacks=(), least: int = 1) -> Compressing:
    """`bridge.model` with wrapped layers.

    Args:
        bridge: The network.
        wrap, strip: To TF-MOT's wrapper, and from it.
        measure: Of a kernel.
        callbacks: For training.
        least: Numbers that a kernel must have to be worth it.
    """
    network, _ = without_softmax(bridge.model)
    chosen = tuple(
        layer.name
        for layer in network.layers
        if type(layer).__name__ in _KINDS
        and layer.trainable
        and layer.kernel.shape.num_elements() >= least
    )
    if not chosen:
        raise invalid("model", bridge.origin.name, "one with convolutions or dense layers")
    # The layers themselves, not copies: TF-MOT looks at the weights as it wraps them.
    wrapped = legacy().keras.models.clone_model(
        network, clone_function=lambda layer: wrap(layer) if layer.name in chosen else layer
    )
    return Compressing(wrapped, tuple(callbacks), chosen, bridge, strip, measure)
