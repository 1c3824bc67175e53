"""Weights files in keras.applications' layout, of drawn numbers, for tests of what reads them."""

from pathlib import Path

import keras
import numpy as np


def folded_mobilenet(path: Path, alpha: float = 0.25, size: int = 128) -> Path:
    """MobileNetV1 as converters of quantised files leave it: batch norms folded into kernels.

    What is left of them is an identity (mean 0, variance 1 - epsilon) and the folded bias. Answers
    differ from picture to picture, as a trained network's do.
    """
    model = keras.applications.MobileNet((size, size, 3), alpha, weights=None)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.path.endswith("moving_variance"):
            variable.assign(np.full(variable.shape, 0.999))
        elif variable.path.endswith("beta"):
            variable.assign(rng.normal(0.2, 0.5, variable.shape))
        elif variable.path.endswith("kernel"):
            fan_in = np.prod(variable.shape[: 2 if "conv_dw" in variable.path else -1])
            # The last kernel is large, for scores that tell classes apart.
            scale = 6 if "preds" in variable.path else 1.4
            variable.assign(rng.normal(0, scale / np.sqrt(fan_in), variable.shape))
    model.save_weights(path)
    return path
