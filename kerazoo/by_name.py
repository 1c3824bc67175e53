"""Public functions that take a network by any of its names (see `kerazoo.open`)."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.load import assign
from kerazoo.checkpoints.records import usual_dataset
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.weights import tell
from kerazoo.open import Exported, find, find_exported, not_buildable, open_model
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import catalogue


@checked("weights", "like")
def from_pretrained(
    source: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    like: str | None = None,
    **overrides: Any,
) -> Any:
    """A trained network, with its weights, preprocessing and labels.

    Args:
        source: Model id, id of registered weights, `"hf://user/repo[@revision]"` (branch, tag or
            commit), the folder of a run, a `.keras` or whole `.h5` file, or a weights file of a
            run.
        weights: Of a model id; by default as for `kerazoo.open_model`.
        like: For weights in a file that does not say how it was trained: the id of registered
            weights with the same conventions.
        **overrides: Constructor arguments to change, such as `classes=5` (a fresh classifier),
            `include_top=False` or `input_shape=(192, 192, 3)`.

    Raises:
        ValueError: It is none of these, or an exported network.
        FileNotFoundError: There is no such file.
        DownloadError: It cannot be fetched.

    >>> model = kerazoo.from_pretrained("hf://user/mixnet_s_flowers")  # doctest: +SKIP
    """
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        rule = "a model id, a weights id, `hf://user/repo` or a path"
        raise invalid("source", source, rule)
    model = open_model(os.fspath(source), weights, like=like, **overrides)
    if isinstance(model, Exported):
        raise not_buildable(model)
    return model


def load_weights(model: Any, source: Any) -> None:
    """Set all weights of `model` from `source`; where anything does not fit, change nothing.

    Args:
        model: A kerazoo network (or any functional model with the same layer names).
        source: A registered checkpoint id, `"hf://user/repo[@revision]"`, a model id (its default
            weights), a folder of a run or as `weights/*`, the path of a `.safetensors`, `.pth`,
            `.pt`, `.npz`, `.h5`, `.weights.h5` or `.keras` file, or a dict `{name: array}`. Names
            may be kerazoo's own (`"stem_conv/kernel"`) or those of timm, torchvision or
            keras.applications.

    Raises:
        ValueError: A tensor is missing, unexpected, of another shape or not finite; the message
            lists the first of each kind.
        FileNotFoundError: There is no such file.
        DownloadError: The weights cannot be fetched.
    """
    if isinstance(source, Mapping):
        assign(model, {name: np.asarray(array) for name, array in source.items()})
        return
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        rule = "a registered id, `hf://user/repo`, a path or a dict"
        raise invalid("source", source, rule)
    text = os.fspath(source)
    if (exported := find_exported(text)) is not None:
        raise not_buildable(exported, "source")
    entry = catalogue().get(text)
    asked = (usual_dataset(entry.weights_of), entry.weights_of) if entry else (text, None)
    weights = resolve(*asked)
    assign(model, weights.tensors(), source=text)


def preprocess_input(x: Any, model_or_weights: Any) -> Any:
    """Normalises pictures of 0 to 255 as a model's weights expect them.

    Nothing is resized: see `Preprocessing.from_pil` for whole pictures, and
    `include_preprocessing=True` for models that take 0 to 255 themselves.

    Args:
        x: Array or tensor `(height, width, channels)` or `(batch, height, width, channels)` with
            values 0 to 255. Arrays are checked for that range, tensors are not.
        model_or_weights: A kerazoo model; what `kerazoo.open_model` takes, such as a model id
            (its default weights), the id of registered weights or the folder of a run; or a
            `Preprocessing`.

    Returns:
        A new float32 array, or tensor where `x` was one.

    Raises:
        ValueError: `x` has another rank or range, or the second argument is not known.

    >>> x = preprocess_input(np.full((1, 224, 224, 3), 255), "mixnet_m")
    """
    preprocessing = preprocessing_of(model_or_weights)
    if isinstance(x, list | tuple):
        x = np.asarray(x)
    rank = len(getattr(x, "shape", ()))
    if rank not in (3, 4):
        shape = tuple(getattr(x, "shape", ())) if rank else x
        raise invalid("x", shape, "an array (height, width, channels) or a batch of such arrays")
    if x.shape[-1] is None:
        raise invalid("x", tuple(x.shape), "an array whose number of channels is known")
    if isinstance(x, np.ndarray):
        _check_range(x)
    return preprocessing.normalise(x)


def preprocessing_of(model_or_weights: Any) -> Preprocessing:
    """How a network's pictures become what it takes; the argument is that of `preprocess_input`."""
    if isinstance(model_or_weights, Preprocessing):
        return model_or_weights
    if isinstance(model_or_weights, str | os.PathLike):
        start = find(model_or_weights)
        tell(start.doubt)
        found, inside = start.preprocessing, start.arguments.get("include_preprocessing")
    else:
        info = getattr(model_or_weights, "info", None)
        found = getattr(info, "preprocessing", None)
        inside = info is not None and found and info.arguments.get("include_preprocessing")
    if not isinstance(found, Preprocessing):
        rule = "a kerazoo model, a model id, the id of registered weights, or a Preprocessing"
        raise invalid("model_or_weights", model_or_weights, rule)
    return found.without_normalisation() if inside else found


def _check_range(x: np.ndarray) -> None:
    if x.dtype.kind not in "uif":
        raise invalid("x", x.dtype, "an array of numbers")
    if not x.size:
        raise invalid("x", x.shape, "an array that holds at least one pixel")
    low, high = float(x.min()), float(x.max())
    rule = "within 0 to 255 (clip after a bicubic resize, do not normalise first)"
    if not (low >= 0 and high <= 255):  # NaN fails as well
        raise invalid("x", (low, high), rule)
    if x.dtype.kind == "f" and 0 < high <= 1 and (x % 1).any():
        raise invalid("x", (low, high), "in units of 0 to 255, not 0 to 1")
