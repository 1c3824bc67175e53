"""The front door: what a user may call a network, and what it then is.

A name means the same in every command and function:

- a task (`"segmentation"`): the network that comes with the package for it;
- a model id (`"mixnet_s"`), alone for its default weights, or with `weights`;
- the id of registered weights (`"timm/tf_mixnet_m.in1k"`);
- `"hf://user/repo[@revision]"`: what `kerazoo.push_to_hub` published, or a registered repository;
- the folder of a run of `kerazoo train` or `finetune`, or one as `weights/*`;
- a whole model in a `.keras` or `.h5` file;
- a weights file that lies in the folder of a run (others go with a model id, as `weights`);
- what `kerazoo export` wrote for another runtime: `Exported`.

`find` describes it without building anything; `open_model` makes it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid, unknown
from kerazoo.checkpoints.hub_config import HUB
from kerazoo.checkpoints.lineage import UNKNOWN
from kerazoo.checkpoints.local import is_stored_model, stored_info
from kerazoo.checkpoints.read.tensors import is_weights_file
from kerazoo.checkpoints.records import all_checkpoints, get_checkpoint, usual_dataset
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.shipped import default_model, reachable
from kerazoo.checkpoints.weights import Weights, tell
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import catalogue, create_model, get_entry, list_models
from kerazoo.tasks import TASKS

# Of the formats that other runtimes read (a SavedModel is a folder): ending -> name of the format.
EXPORTED = {".tflite": "litert", ".onnx": "onnx", ".xml": "openvino"}
SAVED_MODEL = "saved_model.pb"


@dataclass(frozen=True)
class Start:
    """A network that was found: to be used as it is, or to start from.

    Attributes:
        model: Id for `kerazoo.create_model`.
        weights: What it takes as `weights=`.
        name: How to call the weights where they are published: without folders of this machine.
        arguments: Of the constructor, the conventions of the weights (padding, batch-norm
            epsilon) among them; they hold whatever the network is going to learn.
        task_arguments: Those of what it has learned (classes, input shape, …), where they are not
            the constructor's own defaults.
        preprocessing: How its pictures are prepared.
        classes, labels: Of what it has learned; None where nobody says it.
        licence: Of the weights; `"unknown"` where nobody states it.
        like: Id of registered weights whose conventions the user chose.
        doubt: A sentence on what was taken for granted of a file that does not say it; else empty.
            `open_model` tells it; who builds the network himself tells it too.
    """

    model: str
    weights: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    task_arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    classes: int | None = None
    labels: str | tuple[str, ...] | None = None
    licence: str = UNKNOWN
    like: str | None = None
    doubt: str = ""


@dataclass(frozen=True)
class Exported:
    """What `kerazoo export` wrote for another runtime than Keras; `kerazoo.deploy.Runner` runs it.

    Attributes:
        path: The file, or the folder of a SavedModel or of one of its versions.
        format: `"litert"`, `"onnx"`, `"openvino"` or `"savedmodel"`.
    """

    path: Path
    format: str


@checked("weights", "like")
def find(
    what: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    size: int | None = None,
    like: str | None = None,
    needed: bool = False,
) -> Start:
    """Describes the network that a name stands for; neither Keras nor a backend is imported.

    Args:
        what: Any name (see the module), but for an exported network.
        weights: With a model id: the name of the data set that they learned (by default
            `"imagenet"` or, of a model without such weights, another), a registered id,
            `"hf://user/repo"`, a file or a folder. Left out otherwise.
        size: Side of the pictures in pixels: by default that of the weights. Where a publisher
            trained one checkpoint for each of several sizes, it decides among them.
        like: For weights in a file that does not say how it was trained: the id of registered
            weights with the same preprocessing, padding and batch-norm epsilon.
        needed: Whether the weights are going to be loaded: of a data set's default ones that cannot
            be fetched, those that come with the package take the place, where there are any of the
            same architecture (`kerazoo.checkpoints.shipped`).

    Raises:
        ValueError: It is none of these.
        FileNotFoundError: There is no such file.
        DownloadError: Its `config.json` cannot be fetched.

    >>> find("timm/tf_mixnet_m.in1k").model
    'mixnet_m'
    """
    check_int("size", size, optional=True)
    text = _text(what)
    if (exported := find_exported(text)) is not None:
        raise not_buildable(exported)
    start = _of_weights(text, *_found(text, weights, size, like, needed), size)
    return start if like is None else replace(start, like=like)


@checked("weights", "like")
def open_model(
    what: Any,
    weights: str | os.PathLike | None = None,
    *,
    size: int | None = None,
    like: str | None = None,
    **overrides: Any,
) -> Any:
    """The network that a name stands for.

    Args:
        what: Any name (see the module), or a Keras model, which is returned as it is.
        weights, size, like: As for `find`.
        **overrides: Constructor arguments to change, such as `classes=5` (a fresh classifier) or
            `include_top=False`; not of a stored model, which comes as it is.

    Returns:
        A `kerazoo.ZooModel`; the Keras model in a `.keras` or `.h5` file where that is of another
        kind; or an `Exported`.

    Raises:
        ValueError, FileNotFoundError, DownloadError: As `find`.
    """
    changes = {"weights": weights, "size": size, "like": like, **overrides}
    changes = {name: value for name, value in changes.items() if value is not None}
    if not isinstance(what, str | os.PathLike):
        if not (hasattr(what, "inputs") and callable(what)):
            _text(what)  # raises
        _refuse(changes, "for a model that is there")
        return what
    text = _text(what)
    if (exported := find_exported(text)) is not None:
        _refuse(changes, f"for an exported model, {text}")
        return exported
    if is_stored(text):
        _refuse(changes, f"for a stored model, {text}")
        return _load_stored(Path(text))
    if size is None and overrides.get("input_shape"):
        size = overrides["input_shape"][0]
    start = find(text, weights, size=size, like=like, needed=True)
    # What the weights say of their classes is theirs to say: a wrong number must not pass unseen.
    own = {k: v for k, v in start.task_arguments.items() if k != "classes" or not start.classes}
    if size is not None:
        own["input_shape"] = (size, size, 3)
    arguments = {**start.arguments, **own, **overrides}
    model = create_model(start.model, weights=start.weights, like=like, **arguments)
    if {"padding", "batch_norm_epsilon"} <= set(arguments):  # otherwise the constructor told it
        tell(start.doubt)
    return model


def find_exported(what: str | os.PathLike) -> Exported | None:
    """The exported network that a path stands for; None for every other name.

    Raises:
        FileNotFoundError: It ends as one does, and is not there.
    """
    path = Path(_text(what))
    if path.suffix in EXPORTED:
        if not path.is_file():
            raise FileNotFoundError(f"There is no file `{path}`.")
        return Exported(path, EXPORTED[path.suffix])
    if os.fspath(what) not in catalogue() and path.is_dir() and _holds_saved_model(path):
        return Exported(path, "savedmodel")
    return None


def not_buildable(exported: Exported, argument: str = "model") -> ValueError:
    """The error of what needs a network of Keras' layers."""
    rule = "a network that Keras can build: this one was exported, and can only be run"
    return invalid(argument, str(exported.path), f"{rule} (`kerazoo predict`, `Runner`)")


def is_stored(what: str | os.PathLike) -> bool:
    """Whether a name is that of a file with a whole Keras model."""
    text = os.fspath(what)
    return text not in catalogue() and is_stored_model(Path(text))


def _text(what: Any) -> str:
    if not isinstance(what, str | os.PathLike) or not os.fspath(what):  # "" is a path, that of "."
        raise invalid("model", what, "a model id, a weights id, `hf://user/repo` or a path")
    return os.fspath(what)


def _found(
    text: str, weights: Any, size: int | None, like: str | None, needed: bool
) -> tuple[str, Weights]:
    """Id of the model, and its weights."""

    def own(id: str) -> str:
        return get_entry(id).weights_of

    if text in TASKS:
        text = default_model(text)
    if text in catalogue():
        asked = usual_dataset(own(text)) if weights is None else weights
        found = resolve(asked, own(text), size, like)
        found = reachable(found, asked) if needed else found
        if found.model in catalogue() and own(found.model) != own(text):
            raise invalid("weights", str(weights), f"those of {text}: they are of {found.model}")
        return text, found
    if weights is not None:
        raise invalid("weights", str(weights), f"left out: {text} has weights of its own")
    if any(c.id == text for c in all_checkpoints()) or text.startswith(HUB):
        found = resolve(text, None, like=like)
        if found.model is None:
            what = f"is {found.origin}" if found.origin else "does not say which network it is for"
            raise ValueError(
                f"`{text}` {what}: name the kerazoo model, as in "
                f"`kerazoo.create_model(MODEL, weights={text!r})` or `--weights {text}`."
            )
        return found.model, found
    _check_local(text)
    found = resolve(text, None, like=like)
    model = found.model or (like and get_checkpoint(like).model)
    if model is None:
        rule = "a model id, with this file as `weights` (it does not say which network it is for)"
        raise invalid("model", text, rule)
    get_entry(model)
    return model, found


def _check_local(text: str) -> None:
    """Raises where a name is neither a folder nor a file of a kind that holds weights."""
    path = Path(text)
    if path.is_dir():
        return
    if is_weights_file(text):
        if not path.is_file():
            raise FileNotFoundError(f"There is no file `{text}`.")
        if is_stored_model(path) and stored_info(path) is None:
            rule = f"a `{path.suffix.lower()}` file that holds a network of kerazoo"
            raise invalid("model", text, f"{rule}: this one holds another Keras model")
        return
    if path.exists():
        raise invalid("model", text, "a folder, a `.keras` file or a weights file")
    publishers = {c.id.partition("/")[0] for c in all_checkpoints()}
    if text.partition("/")[0] in publishers:
        get_checkpoint(text)  # raises, with the nearest ids
    if os.sep in text:
        raise FileNotFoundError(f"There is no file or folder `{text}`.")
    raise unknown("model", text, [*TASKS, *list_models()])


def _of_weights(text: str, model: str, found: Weights, size: int | None) -> Start:
    conventions = {"padding": found.padding, "batch_norm_epsilon": found.batch_norm_epsilon}
    arguments = {**conventions, **found.arguments}
    preprocessing = found.preprocessing or Preprocessing().with_size(get_entry(model).input_size)
    return Start(
        model,
        found.id,
        _name(text, found),
        {key: value for key, value in arguments.items() if value is not None},
        dict(found.task_arguments),
        preprocessing if size is None else preprocessing.with_size(size),
        found.classes,
        found.labels,
        found.licence,
        doubt=found.doubt,
    )


def _name(text: str, found: Weights) -> str:
    """How to call weights where no folder of this machine is known."""
    if text.startswith(HUB):
        return text
    path = Path(text)
    if text not in catalogue() and path.is_dir():
        return path.resolve().name
    return Path(found.id).name if Path(found.id).is_file() else found.id


def _holds_saved_model(folder: Path) -> bool:
    """Itself, or in the folder of a version."""
    versions = (p for p in folder.iterdir() if p.name.isdecimal())
    return any((p / SAVED_MODEL).is_file() for p in (folder, *versions))


def _refuse(changes: Mapping[str, Any], why: str) -> None:
    for name, value in changes.items():
        raise invalid(name, value, f"left out {why}")


def _load_stored(path: Path) -> Any:
    """The model in a `.keras` or whole `.h5` file, kerazoo's own layers included; not compiled."""
    import keras

    if not path.is_file():
        raise FileNotFoundError(f"There is no file `{path}`.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Keras quotes the whole configuration of the model, a hundred lines of it.
        reason = str(error).partition("Exception encountered: ")[2] or str(error)
        reason = reason.partition("Full object config")[0].strip().partition("\n")[0]
        raise ValueError(f"Cannot load `{path}`: {reason[:300]}") from error
