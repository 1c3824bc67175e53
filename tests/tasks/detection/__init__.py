"""Detection against the arrays of its sources."""

import numpy as np

from tests.references import REFERENCES


def golden(name: str):
    """The arrays of one reference."""
    return np.load(REFERENCES / f"golden/{name}.npz")


def corners(boxes: np.ndarray) -> np.ndarray:
    """Centre x, y, width, height -> x1, y1, x2, y2."""
    return np.concatenate(
        [boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1
    )


def relative(difference: np.ndarray, reference: np.ndarray) -> float:
    """Largest deviation, relative to the reference's largest value."""
    return float(np.abs(np.asarray(difference) - reference).max() / np.abs(reference).max())
