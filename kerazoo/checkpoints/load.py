"""Weights into a model: every tensor used once, every variable set once, or nothing changed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerazoo._layer_facts import CONVOLUTION, torch_axes
from kerazoo.checkpoints.layouts.layout import OWN, find_layout, unknown_names
from kerazoo.checkpoints.weights import Weights

log = logging.getLogger("kerazoo")

SHOWN = 5  # mismatches of each kind that an error lists


def load_fitting(model: Any, weights: Weights, *, fresh_head: bool = True) -> None:
    """Load weights into a model that a constructor made for them.

    Unlike `assign` it adapts the stem to other channel counts, drops what the model leaves out, and
    lets the head start fresh.

    Args:
        fresh_head: Whether a head for other classes may keep its random weights.

    Raises:
        ValueError: As `assign`.
    """
    tensors = weights.tensors()
    plan, left = _match(model, tensors, model.info.omitted, weights.id)
    _adapt_to_channels(model, plan)
    if fresh_head:
        _free_head(model, plan, weights.id)
    _finish(model, plan, left, weights.id)


def load_trunk(model: Any, weights: Weights) -> None:
    """Load weights of another network of the same layers into all of a model but its head.

    Args:
        model: A kerazoo network.
        weights: Of a network that has all layers of its trunk under the same names.

    Raises:
        ValueError: A variable of the trunk is missing or has another shape; nothing has changed.
    """
    plan, _ = _match(model, weights.tensors(), (), weights.id)  # the rest is the other's head
    _adapt_to_channels(model, plan)
    head = [path for path in variables_by_path(model) if path.startswith(model.info.head)]
    _finish(model, plan | dict.fromkeys(head), [], weights.id)


def _free_head(model, plan, source: str) -> None:
    """Layers of the head that were made for other classes keep their random weights."""
    variables = variables_by_path(model)
    head = [path for path in plan if path.startswith(model.info.head)]
    misfits = [path for path in head if _misfit(plan[path], variables.get(path))]
    if not misfits:
        return
    had, has = (array.shape[-1] for array in (plan[misfits[-1]], variables[misfits[-1]]))
    log.info("The head starts fresh: %s has %d classes, the model %d.", source, had, has)
    layers = {path.partition("/")[0] for path in misfits}
    plan.update({path: None for path in head if path.partition("/")[0] in layers})


def assign(model: Any, tensors: Mapping[str, np.ndarray], source: str = "`source`") -> None:
    """Match, check and then set all weights; where anything does not fit, change nothing.

    Args:
        model: A kerazoo network (or any functional model with the same layer names).
        tensors: `{name: array}`, under kerazoo's names or those of a known layout.
        source: What to call them in messages.

    Raises:
        ValueError: A tensor is missing, unexpected, of another shape, no floats or not finite; the
            message lists the first of each kind.
    """
    plan, left = _match(model, tensors, (), source)
    _finish(model, plan, left, source)


def _is_state(name: str) -> bool:
    """Random states of dropout: saved by Keras beside the weights, but none."""
    return "/seed_generator/" in f"/{name}"


def variables_by_path(model) -> dict[str, Any]:
    """`<layer>/<variable>` -> variable; seed generators hold no weights."""
    return {
        v.path: v for v in model.variables if v.path.rpartition("/")[2] != "seed_generator_state"
    }


def _match(
    model: Any, tensors: Mapping[str, np.ndarray], omitted: Sequence[str], source: str
) -> tuple[dict[str, np.ndarray | None], list[str]]:
    """Variable path -> array in Keras' axis order, and the names that fit no variable."""
    layout = find_layout(tensors)
    layers = [layer.name for layer in model.layers]
    translation = layout.translate(tensors, layers)
    variables = variables_by_path(model)
    by_index = _paths_by_index(model)
    axes = {layer.name: torch_axes(layer) for layer in model.layers}
    plan: dict[str, np.ndarray | None] = {}
    left = []
    for name, path in translation.items():
        # None is `layout.IGNORED`.
        if path is None or _is_state(name) or path.startswith(tuple(omitted)):
            continue
        path = by_index.get(path, path)
        if path not in variables or path in plan:
            left.append(name)
            continue
        array = tensors[name]
        if layout.torch:
            array = _from_torch(array, axes.get(path.partition("/")[0], CONVOLUTION))
        plan[path] = _as_dense_or_1x1(array, variables[path].shape)
    if not plan and layout is OWN and tensors:
        raise unknown_names(source, model.name, tensors)
    _unfold(model, plan)
    return plan, left


def _unfold(model: Any, plan: dict[str, np.ndarray | None]) -> None:
    """Batch norms that were folded into the convolutions before them, down to their `beta`.

    Converted files keep that alone, in all batch norms; the rest of each is the identity.
    """
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    rest = ("gamma", "moving_mean", "moving_variance")
    here = [layer for layer in norms if f"{layer.name}/beta" in plan]
    if not here or any(f"{layer.name}/{part}" in plan for layer in norms for part in rest):
        return
    for layer in here:
        beta = plan[f"{layer.name}/beta"]
        assert beta is not None  # what has been matched so far are arrays
        shape = beta.shape
        plan[f"{layer.name}/gamma"] = np.ones(shape, "float32")
        plan[f"{layer.name}/moving_mean"] = np.zeros(shape, "float32")
        plan[f"{layer.name}/moving_variance"] = np.full(shape, 1 - layer.epsilon, "float32")


def _paths_by_index(model) -> dict[str, str]:
    """`stem_bn/2` -> `stem_bn/moving_mean`: Keras 3 files number the variables of a layer."""
    owners: dict[str, list] = {}
    for v in model.variables:
        owners.setdefault(v.path.rpartition("/")[0], []).append(v)
    return {
        f"{owner}/{i}": v.path
        for owner, found in owners.items()
        for i, v in enumerate(sorted(found, key=lambda v: not v.trainable))
    }


def _from_torch(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """A kernel in the axes' order, (out, in) -> (in, out)."""
    if array.ndim == 4:
        return array.transpose(axes)
    return array.T if array.ndim == 2 else array


def _as_dense_or_1x1(array: np.ndarray, shape) -> np.ndarray:
    """A 1x1 convolution on a pooled map and a dense layer are the same: `(1, 1, in, out)`.

    Publishers differ in which of the two they write for classifiers (Keras' MobileNetV1) and
    hidden layers (torchvision's MobileNetV3).
    """
    shape = tuple(shape)
    if {array.ndim, len(shape)} == {2, 4} and (1, 1, *array.shape)[-4:] == (1, 1, *shape)[-4:]:
        return array.reshape(shape)
    return array


def _misfit(array, variable) -> bool:
    return variable is None or tuple(array.shape) != tuple(variable.shape)


def _adapt_to_channels(model, plan) -> None:
    """Kernels that read an RGB picture, for a model of another number of channels.

    As timm's `adapt_input_conv`: one channel gets the sum of the three kernels; other counts
    repeat them in order, scaled so that the sum over channels stays the same. Mostly that is the
    stem alone; ESPNetv2 reads the picture again further down.
    """
    channels = model.inputs[0].shape[-1]
    if channels == 3:
        return
    variables = variables_by_path(model)
    for path, array in plan.items():
        if array is None or array.ndim != 4 or array.shape[2] != 3:
            continue
        if not _is_float(array.dtype.name):  # refused later
            continue
        if tuple(variables[path].shape) == (*array.shape[:2], channels, array.shape[3]):
            plan[path] = _adapted(array, channels)


def _adapted(array: np.ndarray, channels: int) -> np.ndarray:
    if channels == 1:
        return array.sum(axis=2, keepdims=True)
    repeated = np.tile(array, (1, 1, -(-channels // 3), 1))[:, :, :channels]
    return repeated * (3.0 / channels)


def _finish(model, plan, left, source: str) -> None:
    """Check everything, then set everything."""
    variables = variables_by_path(model)
    wrong = [
        f"{path}: {tuple(array.shape)} in the source, {tuple(variables[path].shape)} in the model"
        for path, array in plan.items()
        if array is not None and _misfit(array, variables[path])
    ]
    others = [
        f"{path}: {array.dtype}"
        for path, array in plan.items()
        if array is not None and not _same_kind(array, variables[path])
    ]
    set_to = _cast(plan, variables)
    broken = [path for path, array in set_to.items() if not np.isfinite(array).all()]
    problems = {
        "missing from the source": [path for path in variables if path not in plan],
        "unexpected in the source": left,
        "of another shape": wrong,
        "of another kind of number": others,
        "not finite (NaN or infinite) in the model": broken,
    }
    if any(problems.values()):
        lines = [
            f"{len(found)} {what}: {', '.join(found[:SHOWN])}{', …' if len(found) > SHOWN else ''}"
            for what, found in problems.items()
            if found
        ]
        raise ValueError(
            f"The weights of {source} do not fit `{model.name}`, which stays as it was. "
            + "; ".join(lines)
        )
    for path, array in set_to.items():
        variables[path].assign(array)


def _same_kind(array: np.ndarray, variable: Any) -> bool:
    """Whether both are floats, of whatever width: True, 1, 1j and dates are no weights."""
    if _is_float(variable.dtype):
        return _is_float(array.dtype.name)
    return array.dtype.kind == np.dtype(variable.dtype).kind


def _is_float(name: str) -> bool:
    return name.startswith(("float", "bfloat"))


def _cast(plan, variables) -> dict[str, np.ndarray]:
    """What can be set, as the variables will hold it: too large a value becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            path: array.astype(variables[path].dtype)
            for path, array in plan.items()
            if array is not None and _same_kind(array, variables[path])
        }
