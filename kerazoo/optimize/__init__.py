"""Smaller networks with the TensorFlow Model Optimization Toolkit (extra `[tfmot]`).

`to_tf_keras` rebuilds a Keras 3 network in Keras 2 (`tf_keras`), the only one that TF-MOT works on,
and brings trained weights back. `quantize_aware`, `prune` and `cluster` prepare such a network for
training (`fine_tune`); `optimize` does it all, from a network and a data set to files.
"""

from kerazoo.optimize.bridge import Bridge, largest_difference, to_tf_keras
from kerazoo.optimize.compress import Compressing, cluster, prune
from kerazoo.optimize.qat import QuantizeAware, quantize_aware
from kerazoo.optimize.run import METHODS, optimize
from kerazoo.optimize.training import fine_tune

__all__ = [
    "METHODS",
    "Bridge",
    "Compressing",
    "QuantizeAware",
    "cluster",
    "fine_tune",
    "largest_difference",
    "optimize",
    "prune",
    "quantize_aware",
    "to_tf_keras",
]
