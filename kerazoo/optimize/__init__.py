"""Networks for the TensorFlow Model Optimization Toolkit (extra `[tfmot]`).

`to_tf_keras` rebuilds a Keras 3 network in Keras 2 (`tf_keras`), the only one that TF-MOT works on,
and brings trained weights back.
"""

from kerazoo.optimize.bridge import Bridge, largest_difference, to_tf_keras

__all__ = ["Bridge", "largest_difference", "to_tf_keras"]
