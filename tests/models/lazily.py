"""Networks for tests at a fifth of the price: built without their variables' values.

Making 350 variables takes four times as long as the network itself. What a test wants to know
often lies in the structure alone, or can be computed with the values of a network that is there.
"""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
from keras.src.backend.common import global_state


@contextlib.contextmanager
def no_values() -> Iterator[None]:
    """Variables made inside have shapes, types and names, but no values, inside and after."""
    with keras.StatelessScope():
        yield
        # Keras keeps a list of those that it fills at the end.
        global_state.set_global_attribute("uninitialized_variables", [])


def values_of(model) -> dict[str, np.ndarray]:
    """`{path: value}` of all variables but the seeds of random layers, whose paths are counted."""
    return {v.path: np.asarray(v) for v in model.variables if not _is_seed(v)}


def in_order(variables, values: dict[str, np.ndarray]) -> list:
    """The values of these variables as tensors; seeds are zeros."""
    found = [np.zeros(v.shape, v.dtype) if _is_seed(v) else values[v.path] for v in variables]
    return [keras.ops.convert_to_tensor(value) for value in found]


def _is_seed(variable) -> bool:
    return "seed_generator" in variable.path


def answer(model, values: dict[str, np.ndarray], x):
    """What the network says in inference with these values, by path; nothing is kept."""
    groups = (model.trainable_variables, model.non_trainable_variables)
    found = (in_order(group, values) for group in groups)
    return model.stateless_call(*found, x, training=False)[0]
