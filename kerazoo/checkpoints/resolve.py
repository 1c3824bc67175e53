"""From what the caller gave as `weights=` to something that can be loaded."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid, unknown
from kerazoo.checkpoints.read.tensors import READERS, read_tensors
from kerazoo.checkpoints.records import (
    Checkpoint,
    all_checkpoints,
    checkpoints_for,
    default_checkpoint,
)
from kerazoo.preprocessing import Preprocessing

HUB = "hf://"


@dataclass(frozen=True)
class Weights:
    """Weights and what is known of them; None means that the model's own default holds.

    Attributes:
        id: For messages and `ModelInfo.checkpoint`.
        tensors: Fetches, verifies and reads them: `{name: array}`.
        classes, labels, preprocessing, padding, batch_norm_epsilon, arguments: As in
            `kerazoo.checkpoints.records.Checkpoint`.
    """

    id: str
    tensors: Callable[[], dict[str, np.ndarray]]
    classes: int | None = None
    labels: str | tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    padding: str | None = None
    batch_norm_epsilon: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def resolve(weights: Any, model: str | None, size: Any = None) -> Weights | None:
    """The weights behind a `weights=` argument; nothing is fetched yet.

    Args:
        weights: None, a data set (`"imagenet"`, `"cifar10"`), a registered id, `"hf://user/repo"`
            or a path; `Weights` that were found already are returned.
        model: The model id they are for; None accepts any.
        size: Picture size, which decides among the defaults of a data set.

    Raises:
        ValueError: if `weights` is none of these, or not for this model.
        FileNotFoundError: if it is a path and there is no such file.
    """
    if weights is None or isinstance(weights, Weights):
        return weights
    if not isinstance(weights, str | os.PathLike):
        raise invalid("weights", weights, "None, a name, `hf://user/repo` or a path")
    text = os.fspath(weights)
    if text.startswith(HUB):
        from kerazoo.checkpoints.hub import resolve_hub

        return resolve_hub(text)
    found = next((c for c in all_checkpoints() if c.id == text), None)
    if found is not None and (model is None or found.model == model):
        return _registered(found)
    if text.lower().endswith(tuple(READERS)) or Path(text).exists():
        if not Path(text).is_file():
            raise FileNotFoundError(f"There is no file `{text}`. Received: `weights={weights!r}`")
        return _local(text, model, size)
    if model is not None and text in {c.dataset for c in all_checkpoints()}:
        return _registered(default_checkpoint(model, text, size))
    known = checkpoints_for(model) if model else all_checkpoints()
    accepted = {c.id for c in known} | {c.dataset for c in known if c.default}
    raise unknown("weights", text, accepted | {"hf://user/repo", "a path"}, limit=None)


def default_preprocessing(model: str | None, size: Any = None) -> Preprocessing | None:
    """That of the model's default ImageNet checkpoint; None where it has none."""
    found = [c for c in checkpoints_for(model or "") if c.default and c.dataset == "imagenet"]
    return default_checkpoint(model, "imagenet", size).preprocessing if found else None


def _local(path: str, model: str | None, size: Any) -> Weights:
    """A file says nothing of its conventions: those of the model's default checkpoint are taken."""
    return Weights(
        path,
        functools.partial(read_tensors, path),
        preprocessing=default_preprocessing(model, size),
    )


def _registered(checkpoint: Checkpoint) -> Weights:
    def tensors() -> dict[str, np.ndarray]:
        from kerazoo.checkpoints.fetch.checkpoint import fetch

        return read_tensors(fetch(checkpoint))

    return Weights(
        checkpoint.id,
        tensors,
        classes=checkpoint.classes,
        labels=checkpoint.labels,
        preprocessing=checkpoint.preprocessing,
        padding=checkpoint.padding,
        batch_norm_epsilon=checkpoint.batch_norm_epsilon,
        arguments=checkpoint.arguments,
    )
