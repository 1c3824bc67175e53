"""Publishing networks on the Hugging Face Hub, and getting them back.

A repository holds `model.safetensors` (our own variable names), `config.json` (what rebuilds the
network and feeds it) and `README.md`.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import __version__
from kerazoo._errors import invalid, unknown
from kerazoo.checkpoints.fetch.hub import fetch_hub
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints
from kerazoo.checkpoints.timm_config import describe_timm, is_timm
from kerazoo.preprocessing import Preprocessing
from kerazoo.publish.card import model_card
from kerazoo.publish.commit import check_repo, commit_files
from kerazoo.publish.local_paths import without_folders

if TYPE_CHECKING:
    from kerazoo.checkpoints.resolve import Weights
    from kerazoo.models import ZooModel

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
DTYPES = ("float32", "float16")
_ADDRESS = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


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
        licence: Id of the licence, such as `"apache-2.0"`. Default: that of the registered
            checkpoint the network started from.
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
    arrays = _arrays(model, dtype)
    card = model_card(repo_id, config, sum(a.size for a in arrays.values()))
    return {
        WEIGHTS: save(arrays, metadata={"format": "kerazoo"}),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        CARD: card.encode(),
    }


def from_pretrained(source: str, **overrides: Any) -> "ZooModel":
    """The network that `push_to_hub` published, with its weights, preprocessing and labels.

    Args:
        source: `"hf://user/repo"` or `"hf://user/repo@revision"` (branch, tag or commit), or the
            repository of a registered checkpoint, such as `"hf://timm/tf_mixnet_m.in1k"`.
        **overrides: Constructor arguments to change, such as `classes=5` (a fresh classifier),
            `include_top=False` or `input_shape=(192, 192, 3)`.

    Raises:
        ValueError: A wrong address, or a repository that kerazoo did not write.
        DownloadError: It cannot be fetched.

    >>> model = kerazoo.from_pretrained("hf://user/mixnet_s_flowers")  # doctest: +SKIP
    """
    from kerazoo.registry import create_model

    if "weights" in overrides:
        raise invalid("weights", overrides["weights"], "left out: `source` says where they are")
    model, arguments = hub_arguments(source)
    return create_model(model, **{**arguments, **overrides})


def hub_arguments(source: str) -> tuple[str, dict[str, Any]]:
    """Model id and arguments, `weights` included, with which `create_model` makes what `source` is.

    Raises:
        ValueError: A wrong address, or a repository that kerazoo did not write.
        DownloadError: Its `config.json` cannot be fetched.
    """
    match = _match(source)
    if (known := _registered(match)) is not None:
        return known.model, {"weights": known.id}
    config, commit = _read_config(source)
    if is_timm(config):
        raise ValueError(
            f"`{source}` is timm's `{config['architecture']}`: name the kerazoo model, as in "
            f"`kerazoo.create_model(MODEL, weights={source!r})`."
        )
    address = f"hf://{match['repo']}@{commit}"
    return config["architecture"], {**config["arguments"], "weights": address}


def resolve_hub(address: str) -> "Weights":
    """What `weights="hf://user/repo[@revision]"` stands for; only `config.json` is fetched."""
    from kerazoo.checkpoints.resolve import Weights, resolve

    match = _match(address)
    if (known := _registered(match)) is not None:
        return resolve(known.id, None)
    config, commit = _read_config(address)
    tensors = functools.partial(_tensors, match["repo"], commit)
    if is_timm(config):
        return Weights(address, tensors, **describe_timm(config))
    arguments = config["arguments"]
    labels, preprocessing = config["labels"], config["preprocessing"]
    return Weights(
        address,
        tensors,
        classes=config["classes"],
        labels=tuple(labels) if isinstance(labels, list) else labels,
        preprocessing=preprocessing and Preprocessing.from_dict(preprocessing),
        padding=arguments.get("padding"),
        batch_norm_epsilon=arguments.get("batch_norm_epsilon"),
        arguments={k: v for k, v in arguments.items() if k == "stem_strides"},
    )


def _registered(match: re.Match[str]) -> Checkpoint | None:
    """timm's own repositories are known by their records, not by a `config.json` of ours."""
    here = (c for c in all_checkpoints() if c.source == "hub" and c.location == match["repo"])
    return None if match["revision"] else next(here, None)


def _tensors(repo: str, commit: str | None) -> dict[str, np.ndarray]:
    return read_tensors(fetch_hub(repo, WEIGHTS, revision=commit))


def _match(address: str) -> re.Match[str]:
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None:
        raise invalid("source", address, "`hf://user/repo` or `hf://user/repo@revision`")
    return match


def _read_config(address: str) -> tuple[dict[str, Any], str | None]:
    """`config.json`, checked, and the commit it is of, so that the weights come from there too."""
    match = _match(address)
    path = fetch_hub(match["repo"], CONFIG, revision=match["revision"])
    folder = path.parent.name  # snapshots/<commit>/config.json
    commit = folder if re.fullmatch("[0-9a-f]{40}", folder) else match["revision"]
    try:
        config = json.loads(path.read_text("utf-8"))
        known = is_timm(config) or config["library"] == "kerazoo"
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(
            f"`{address}` was published neither by `kerazoo.push_to_hub` nor by timm: its {CONFIG} "
            "does not say how pictures are prepared. Use a registered id (`kerazoo list`), or "
            "download its weights and give the file together with `padding=` and "
            "`batch_norm_epsilon=`."
        )
    if not is_timm(config):
        check_config(config, address)
    return config, commit


def check_config(config: Mapping[str, Any], address: str) -> None:
    """Raise where a `config.json` of our own format is not whole."""
    needed = ("architecture", "arguments", "preprocessing", "classes", "labels")
    missing = [key for key in needed if key not in config]
    if missing:
        raise ValueError(f"The {CONFIG} of `{address}` lacks {', '.join(map(repr, missing))}.")
    activation = config["arguments"].get("classifier_activation")
    if activation is not None and not isinstance(activation, str):
        raise invalid("classifier_activation", activation, "a name or None in a published config")


def _config(model, licence, metrics, dataset, labels, dtype) -> dict[str, Any]:
    info = getattr(model, "info", None)
    if info is None:
        raise invalid("model", getattr(model, "name", model), "a kerazoo network")
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES)
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
        "checkpoint": record["checkpoint"],
        "dtype": dtype,
        "dataset": dataset,
        "metrics": _metrics(metrics),
        "licence": _licence(licence, record["checkpoint"]),
    }
    return without_folders(config)


def _metrics(metrics: Mapping[str, float] | None) -> dict[str, float]:
    for name, value in (metrics or {}).items():
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not isinstance(name, str) or not number or not np.isfinite(value):
            raise invalid("metrics", {name: value}, "a dict of names and finite numbers")
    return {name: round(float(value), 6) for name, value in (metrics or {}).items()}


def _licence(licence: str | None, checkpoint: str | None) -> str:
    if licence is None:
        licence = next((c.licence for c in all_checkpoints() if c.id == checkpoint), None)
    return check_licence(licence)


def check_licence(licence: Any) -> str:
    """The licence, or a `ValueError` where it has not the form of an id."""
    if not isinstance(licence, str) or not re.fullmatch(r"[a-z0-9.+-]+", licence):
        raise invalid("licence", licence, 'the id of a licence, such as "apache-2.0" or "mit"')
    return licence


def _arrays(model, dtype: str) -> dict[str, np.ndarray]:
    from keras import ops

    from kerazoo.checkpoints.load import variables_by_path

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
