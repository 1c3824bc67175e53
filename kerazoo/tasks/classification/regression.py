"""A linear classifier on stored features: multinomial logistic regression, to convergence.

The loss is the mean cross-entropy plus `penalty / 2 * |kernel|²`; the bias is free. It is convex:
nothing but the penalty has to be chosen, no rate, no number of steps, no seed.
"""

from dataclasses import dataclass

import numpy as np

NORM = 1000.0  # of as many features the standard deviations would be about 1
STEPS = 300  # at most
TOLERANCE = 1e-4  # of the largest number in the gradient at the end, as scikit-learn's
_ROUNDING = 1e-7  # a gain of so much of the value is what float32 adds and takes away


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted classifier: logits are `features @ kernel + bias`.

    Attributes:
        kernel: float32 `(features, classes)`.
        bias: float32 `(classes,)`.
        penalty: That it was fitted with.
    """

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float32 `(count, classes)` of `(count, features)`."""
        return features @ self.kernel + self.bias


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalty: float,
    start: Linear | None = None,
) -> Linear:
    """The classifier with the least penalised loss.

    Args:
        features: float32 `(count, features)`.
        labels: int `(count,)`, 0 to `classes` - 1.
        classes: Number of classes; one without a picture gets a low score.
        penalty: Above 0, of features that were divided by `scale_of`: it means much the same for
            every network.
        start: Where to begin: one fitted with another penalty saves most of the steps.
    """
    from scipy.optimize import minimize

    # A common part of all features and their scale would slow every step down.
    offset = features.mean(0)
    x = features - offset
    scale = scale_of(x)
    x /= scale
    targets = np.zeros((len(x), classes), "float32")
    targets[np.arange(len(x)), labels] = 1 / len(x)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = np.split(flat.reshape(-1, classes).astype("float32"), [-1])
        logs = log_softmax(x @ kernel + bias)
        error = np.exp(logs) / np.float32(len(x)) - targets
        gradient = np.concatenate([x.T @ error + np.float32(penalty) * kernel, error.sum(0)[None]])
        value = penalty / 2 * float(np.vdot(kernel, kernel)) - float(np.vdot(logs, targets))
        return value, gradient.ravel().astype("float64")

    if start is None:
        first = np.zeros((x.shape[1] + 1, classes))
    else:
        first = np.vstack([start.kernel * scale, start.bias + offset @ start.kernel])
    ends = {"maxiter": STEPS, "gtol": TOLERANCE, "ftol": _ROUNDING}
    best = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=ends)
    found = best.x.reshape(-1, classes)
    kernel = (found[:-1] / scale).astype("float32")
    return Linear(kernel, (found[-1] - offset @ kernel).astype("float32"), penalty)


def scale_of(centred: np.ndarray) -> float:
    """What centred features are divided by: then their squares add to `NORM`, for a picture."""
    return float(np.sqrt(np.mean(np.sum(centred**2, axis=1)) / NORM)) or 1.0


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the shares that a softmax makes of logits `(count, classes)`."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
