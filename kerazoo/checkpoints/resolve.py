"""From what the caller gave as `weights=` to something that can be loaded."""

import os
from pathlib import Path
from typing import Any, overload

from kerazoo._errors import invalid, unknown
from kerazoo.checkpoints.hub_config import HUB, resolve_hub
from kerazoo.checkpoints.local import alike, resolve_local
from kerazoo.checkpoints.read.tensors import ENDINGS, is_weights_file
from kerazoo.checkpoints.records import (
    all_checkpoints,
    checkpoints_for,
    default_checkpoint,
)
from kerazoo.checkpoints.weights import Weights, registered


@overload
def resolve(
    weights: None, model: str | None, size: Any = None, like: str | None = None
) -> None: ...


@overload
def resolve(
    weights: Weights | str | os.PathLike,
    model: str | None,
    size: Any = None,
    like: str | None = None,
) -> Weights: ...


def resolve(
    weights: Any, model: str | None, size: Any = None, like: str | None = None
) -> Weights | None:
    """The weights behind a `weights=` argument; nothing but a `config.json` is fetched yet.

    Args:
        weights: None, a data set (`"imagenet"`, `"cifar10"`), a registered id, `"hf://user/repo"`,
            the path of a file, or that of a folder as `weights/*` or of a run; `Weights` that were
            found already are returned.
        model: The model id they are for; None accepts any.
        size: Picture size, which decides among the defaults of a data set.
        like: For weights that do not say it, as in most files: id of registered weights with the
            same preprocessing, padding and batch-norm epsilon.

    Raises:
        ValueError: if `weights` is none of these, or not for this model; or if `like` is given for
            weights that say themselves what they need.
        FileNotFoundError: if it is a path and there is no such file.
    """
    if isinstance(weights, Weights):
        return _with(weights, model, like)
    if weights is None:
        if like is not None:
            raise invalid("like", like, "left out where there are no weights")
        return None
    if not isinstance(weights, str | os.PathLike):
        raise invalid("weights", weights, "None, a name, `hf://user/repo` or a path")
    text = os.fspath(weights)
    if text.startswith(HUB):
        return _with(resolve_hub(text), model, like)
    found = next((c for c in all_checkpoints() if c.id == text), None)
    if found is not None and (model is None or found.model == model):
        return _with(registered(found), model, like)
    if is_weights_file(text) or Path(text).exists():
        if not Path(text).exists():
            raise FileNotFoundError(f"There is no file `{text}`. Received: `weights={weights!r}`")
        if not (Path(text).is_dir() or is_weights_file(text)):
            rule = f"a name, `hf://user/repo`, a folder or a file ending in one of {ENDINGS}"
            raise invalid("weights", text, rule)
        return resolve_local(Path(text), model, size, like)
    if model is not None and text in {c.dataset for c in all_checkpoints()}:
        return _with(registered(default_checkpoint(model, text, size)), model, like)
    known = checkpoints_for(model) if model else all_checkpoints()
    accepted = {c.id for c in known} | {c.dataset for c in known if c.default}
    raise unknown("weights", text, accepted | {"hf://user/repo", "a path"}, limit=None)


def _with(weights: Weights, model: str | None, like: str | None) -> Weights:
    return weights if like is None else alike(weights, model, like)
