"""From what a user calls a trained network to what a recipe starts from."""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.checkpoints.read.tensors import READERS
from kerazoo.checkpoints.records import all_checkpoints, get_checkpoint
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import catalogue, get_entry

# Arguments that belong to the task that was learned, not to what is kept of it.
_OF_THE_TASK = (
    "classes",
    "classifier_activation",
    "features_only",
    "include_top",
    "input_shape",
    "pooling",
    "weights",
)
UNKNOWN = "unknown"  # the Hub's id of a licence that nobody stated


@dataclass(frozen=True)
class Start:
    """A network to start from.

    Attributes:
        model: Id for `kerazoo.create_model`.
        weights: What it takes as `weights=`.
        name: How to call the weights where they are published: without folders of this machine.
        arguments: Of the constructor, the conventions of the weights (padding, batch-norm
            epsilon) among them.
        preprocessing: How its pictures are prepared.
        licence: Of the weights; `"unknown"` where nobody states it.
    """

    model: str
    weights: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    licence: str = UNKNOWN


def find_start(
    model: str | os.PathLike, weights: str | os.PathLike | None = None, size: int | None = None
) -> Start:
    """What `kerazoo finetune MODEL [--weights WEIGHTS]` starts from.

    Args:
        model: A model id; the id of registered weights; `"hf://user/repo"`; a `.keras` file that
            holds a kerazoo network; the folder of a run, or a weights file in it; or a folder
            that `kerazoo push` could publish.
        weights: With a model id: `"imagenet"` (the default), another set's name, a registered id,
            `"hf://user/repo"` or a file. Left out otherwise.
        size: Side of the pictures in pixels: by default that of the weights. Where a publisher
            trained one checkpoint for each of several sizes, it decides among them.

    Raises:
        ValueError: It is none of these.
        FileNotFoundError: There is no such file.
        DownloadError: Its `config.json` cannot be fetched.
    """
    if size is not None and (not isinstance(size, int) or size < 1):
        raise invalid("size", size, "None or a positive int")
    start = _find(os.fspath(model), weights, size)
    return (
        start if size is None else replace(start, preprocessing=start.preprocessing.with_size(size))
    )


def _find(text: str, weights: Any, size: int | None) -> Start:
    if text in catalogue():
        return _of_weights(text, "imagenet" if weights is None else os.fspath(weights), size=size)
    if weights is not None:
        raise invalid("weights", weights, f"left out: {text} has weights of its own")
    if any(c.id == text for c in all_checkpoints()):
        return _of_weights(get_checkpoint(text).model, text)
    if text.startswith("hf://"):
        return _of_hub(text)
    if text.lower().endswith(".keras"):
        return _of_info(Path(text), _stored_info(Path(text)))
    if Path(text).is_dir():
        return _of_folder(Path(text))
    if text.lower().endswith(tuple(READERS)):
        return _of_file(Path(text))
    get_entry(text)  # raises, with the nearest ids
    raise AssertionError(text)


def _of_weights(
    model: str,
    weights: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    size: int | None = None,
) -> Start:
    """Weights that `create_model(model, weights=…)` takes, with the conventions they bring."""
    from kerazoo.checkpoints.resolve import resolve

    found = resolve(weights, get_entry(model).weights_of, size)
    conventions = {"padding": found.padding, "batch_norm_epsilon": found.batch_norm_epsilon}
    brought = {**conventions, **found.arguments, **(arguments or {})}
    licence = next((c.licence for c in all_checkpoints() if c.id == found.id), None)
    return Start(
        model,
        found.id,
        Path(found.id).name if Path(found.id).is_file() else found.id,
        {key: value for key, value in brought.items() if value is not None},
        found.preprocessing or Preprocessing().with_size(get_entry(model).input_size),
        licence or UNKNOWN,
    )


def _of_hub(address: str) -> Start:
    from kerazoo.checkpoints.hub import hub_arguments

    model, arguments = hub_arguments(address)
    start = _of_weights(model, arguments["weights"], _kept(arguments))
    return replace(start, name=address)


def _of_folder(folder: Path) -> Start:
    """A run of `finetune` or `train`, or a folder as `weights/*`."""
    from kerazoo.checkpoints.hub import CONFIG, WEIGHTS, check_config

    if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        check_config(config, str(folder))
        start = _of_info(folder / WEIGHTS, config)
        return replace(start, name=folder.resolve().name)
    if (folder / "model.weights.h5").is_file():
        return _of_file(folder / "model.weights.h5")
    rule = "a folder with model.safetensors and config.json, or with run.json and model.weights.h5"
    raise invalid("model", str(folder), rule)


def _of_file(path: Path) -> Start:
    """Weights in the folder of a run; others say nothing of the network they are for."""
    from kerazoo.training.folder import read_run

    if not path.is_file():
        raise FileNotFoundError(f"There is no file `{path}`.")
    run = read_run(path.parent)
    if not run or "model" not in run:
        rule = "a model id, with this file as `weights` (it does not say which network it is for)"
        raise invalid("model", str(path), rule)
    return _of_info(path, {**run["model"], "preprocessing": run["preprocessing"]})


def _of_info(path: Path, info: Mapping[str, Any]) -> Start:
    """Weights in a file whose network, arguments and preprocessing are known."""
    start = _of_weights(info["architecture"], str(path), _kept(info["arguments"]))
    preprocessing = info.get("preprocessing")
    known = Preprocessing.from_dict(preprocessing) if preprocessing else start.preprocessing
    licence = info.get("licence") or next(
        (c.licence for c in all_checkpoints() if c.id == info.get("checkpoint")), UNKNOWN
    )
    return replace(start, preprocessing=known, licence=licence)


def _stored_info(path: Path) -> dict[str, Any]:
    """The `ModelInfo` in a `.keras` file, as a dict; nothing of the file is built or run."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file `{path}`.")
    try:
        with zipfile.ZipFile(path) as archive:
            info = json.loads(archive.read("config.json"))["config"]["info"]
        get_entry(info["architecture"])
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        rule = "a `.keras` file that holds a network of kerazoo"
        raise invalid("model", str(path), rule) from error
    return info


def _kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key not in _OF_THE_TASK}


@dataclass(frozen=True)
class Exported:
    """What `kerazoo.deploy.export` wrote: `path`, and the name of its `format`."""

    path: Path
    format: str


# TEMPORARY: engineer A's front door takes this place when w/a is merged.
def open_model(what: Any, weights: Any = None, **overrides: Any) -> Any:
    from kerazoo.models._stored import load_stored
    from kerazoo.registry import create_model

    if not isinstance(what, str | os.PathLike):
        return what
    path, suffixes = Path(what), {".tflite": "litert", ".onnx": "onnx", ".xml": "openvino"}
    if path.suffix in suffixes:
        return Exported(path, suffixes[path.suffix])
    if path.is_dir() and any(path.rglob("saved_model.pb")):
        return Exported(path, "savedmodel")
    if path.suffix == ".keras":
        return load_stored(path)
    start = find_start(what, weights)
    size = overrides.pop("size", None)
    if size:
        overrides["input_shape"] = (size, size, 3)
    arguments = {**start.arguments, **overrides} if str(what) != start.model else overrides
    return create_model(start.model, weights=start.weights, **arguments)
