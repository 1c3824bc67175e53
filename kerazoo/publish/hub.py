"""Publishing networks on the Hugging Face Hub; `kerazoo.from_pretrained` gets them back.

What a repository holds is said in `kerazoo.checkpoints.hub_config`, which reads it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import __version__
from kerazoo._checks import check_choice, checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.checkpoints.lineage import public_origin, stated_licence
from kerazoo.checkpoints.load import variables_by_path
from kerazoo.publish.card import model_card
from kerazoo.publish.commit import check_repo, commit_files
from kerazoo.publish.local_paths import without_folders
from kerazoo.registry import check_unchanged

if TYPE_CHECKING:
    from kerazoo.models import ZooModel

DTYPES = ("float32", "float16")


@checked("private", "token", "metrics", "dataset", "labels", "commit_message")
def push_to_hub(
    model: "ZooModel",
    repo_id: str,
    *,
    private: bool = False,
    token: str | bool | None = None,
    licence: str | None = None,
    metrics: Mapping[str, float] | None = None,
    dataset: str | None = None,
    labels: Sequence[str] | None = None,
    dtype: str = "float32",
    commit_message: str | None = None,
) -> str:
    """Publish a network with all it takes to use it, in one commit.

    Args:
        model: A kerazoo network.
        repo_id: `"user/name"`; it is created where it does not exist.
        private: Whether a new repository is private.
        token: Access token that may write; None for the stored one or `HF_TOKEN`.
        licence: Id of the licence, such as `"apache-2.0"`. Default: that of the weights that the
            network started from.
        metrics: Results to publish, name -> number.
        dataset: What the results were measured on, such as `"cifar10"`.
        labels: Names of the classes; default: those that the network carries.
        dtype: Type of the stored numbers, `"float32"` or `"float16"` (half the size).
        commit_message: Default: `"Add <architecture>"`.

    Returns:
        Address of the repository.

    Raises:
        ValueError: An argument outside what is accepted.
        huggingface_hub.errors.HfHubHTTPError: The Hub refused it.
        ConnectionError: The Hub cannot be reached.
    """
    check_repo(repo_id)
    check_choice("dtype", dtype, DTYPES)
    if licence is not None:
        check_licence(licence)
    files = hub_files(
        model,
        repo_id,
        licence=licence,
        metrics=metrics,
        dataset=dataset,
        labels=labels,
        dtype=dtype,
    )
    message = commit_message or f"Add {model.info.architecture}"
    return commit_files(repo_id, files, message, private=private, token=token)


def hub_files(
    model: "ZooModel",
    repo_id: str,
    *,
    licence: str | None = None,
    metrics: Mapping[str, float] | None = None,
    dataset: str | None = None,
    labels: Sequence[str] | None = None,
    dtype: str = "float32",
) -> dict[str, bytes]:
    """The files that `push_to_hub` commits, by name; its arguments."""
    from safetensors.numpy import save

    config = _config(model, licence, metrics, dataset, labels, dtype)
    check_unchanged(model)
    arrays = _arrays(model, dtype)
    card = model_card(repo_id, config, sum(a.size for a in arrays.values()))
    return {
        WEIGHTS: save(arrays, metadata={"format": "kerazoo"}),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        CARD: card.encode(),
    }


def _config(model, licence, metrics, dataset, labels, dtype) -> dict[str, Any]:
    info = getattr(model, "info", None)
    if info is None:
        raise invalid("model", getattr(model, "name", model), "a kerazoo network")
    check_choice("dtype", dtype, DTYPES)
    record = info.to_dict()
    top = record["arguments"]["include_top"] and not record["arguments"]["features_only"]
    classes = record["arguments"]["classes"] if top else None
    labels = list(labels) if labels is not None else record["labels"]
    if isinstance(labels, tuple | list):
        labels = list(labels)
        if len(labels) != classes or not all(isinstance(name, str) for name in labels):
            raise invalid("labels", labels, f"one name for each of the {classes} classes")
    config = {
        "library": "kerazoo",
        "kerazoo_version": __version__,
        "architecture": record["architecture"],
        "arguments": record["arguments"],
        "preprocessing": record["preprocessing"],
        "classes": classes,
        "labels": labels,
        "confidence": record["confidence"] if top else None,
        "checkpoint": public_origin(info.lineage) or record["checkpoint"],
        "lineage": record["lineage"],
        "dtype": dtype,
        "dataset": dataset,
        "metrics": _metrics(metrics),
        "licence": check_licence(stated_licence(info) if licence is None else licence),
    }
    return without_folders(config)


def _metrics(metrics: Mapping[str, float] | None) -> dict[str, float]:
    for name, value in (metrics or {}).items():
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not isinstance(name, str) or not number or not np.isfinite(value):
            raise invalid("metrics", {name: value}, "a dict of names and finite numbers")
    return {name: round(float(value), 6) for name, value in (metrics or {}).items()}


def check_licence(licence: Any) -> str:
    """The licence, or a `ValueError` where it has not the form of an id."""
    if not isinstance(licence, str) or not re.fullmatch(r"[a-z0-9.+-]+", licence):
        raise invalid("licence", licence, 'the id of a licence, such as "apache-2.0" or "mit"')
    return licence


def _arrays(model, dtype: str) -> dict[str, np.ndarray]:
    from keras import ops

    arrays = {}
    for path, variable in variables_by_path(model).items():
        array = ops.convert_to_numpy(variable)
        with np.errstate(over="ignore"):
            arrays[path] = np.ascontiguousarray(array.astype(dtype))
        if not np.isfinite(arrays[path]).all():
            raise ValueError(
                f"`{path}` has values that {dtype} cannot hold, or that are not finite."
            )
    return arrays
