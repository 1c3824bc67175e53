"""Variables in Keras' own files: legacy `.h5`, Keras 3 `.weights.h5`, and `.keras` archives.

Every variable is called `<layer name>/<variable name>` where the file knows the variable's name
(legacy files do) and `<layer name>/<index>` where it knows just the order (Keras 3). Layers inside
layers add their name: `<outer>/<inner>/<index>`.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

# State of training, kept by Keras in the same files.
_NOT_WEIGHTS = ("optimizer", "metrics", "compile_metrics", "loss_tracker")
_H5, _ARCHIVE = "Keras weights file", ".keras archive"


def read_h5(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a legacy `.h5` or Keras 3 `.weights.h5` file."""
    return _collect(path, _H5, lambda: _read_h5(path, _array))


def h5_names(path: Path) -> tuple[str, ...]:
    """The names that `read_h5` gives; no array is read."""
    return tuple(_collect(path, _H5, lambda: _read_h5(path, lambda _: None)))


def read_keras_archive(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.keras` archive. Its configuration is not looked at."""
    return _collect(path, _ARCHIVE, lambda: _read_archive(path, _array))


def keras_archive_names(path: Path) -> tuple[str, ...]:
    """The names that `read_keras_archive` gives."""
    return tuple(_collect(path, _ARCHIVE, lambda: _read_archive(path, lambda _: None)))


def stored_config(path: Path) -> dict[str, Any] | None:
    """The configuration of a whole model in a `.keras` or `.h5` file; None where there is none.

    Nothing of it is built or run.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))["config"]
        import h5py

        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
        return None if text is None else json.loads(text)["config"]
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return None


def _collect(path: Path, kind: str, read: Callable[[], Iterator[tuple[str, Any]]]) -> dict:
    found: dict[str, Any] = {}
    try:
        for name, value in read():
            if name in found:
                raise ValueError(f"two variables are called {name!r}")
            found[name] = value
    except FileNotFoundError:
        raise
    except Exception as error:  # h5py and zipfile fail in many ways on a broken file
        raise ValueError(
            f"`{path}` is not a readable {kind}: truncated, corrupt or of another format ({error})."
        ) from error
    return found


def _read_archive(path: Path, value_of: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        raw = io.BytesIO(archive.read("model.weights.h5"))
    yield from _read_h5(raw, value_of)


def _read_h5(source: Any, value_of: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    """Names, and what `value_of` makes of the data sets."""
    import h5py

    with h5py.File(source, "r") as file:
        root = _group(file, "model_weights") if "model_weights" in file else file
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            found = _read_legacy(root)
        elif any(key not in _NOT_WEIGHTS for key in file):
            found = _read_keras3(file, ())
        else:
            raise ValueError("no layers in it")
        for name, entry in found:
            yield name, value_of(entry)


def _read_legacy(root: Any) -> Iterator[tuple[str, Any]]:
    for layer in _names(root, "layer_names"):
        group = _group(root, layer)
        weights = _names(group, "weight_names")
        paths = [_inside(layer, weight) for weight in weights]
        if len(set(paths)) < len(paths):  # layers within the layer have variables of equal names
            paths = [weight.partition(":")[0] for weight in weights]
        for weight, path in zip(weights, paths, strict=True):
            yield f"{layer}/{path}", _entry(group, weight)


def _inside(layer: str, weight: str) -> str:
    """`conv1/conv1/kernel:0` and `conv1_1/kernel:0`, both of layer `conv1`: `kernel`."""
    parts = weight.partition(":")[0].split("/")
    if parts[0] != layer:
        return parts[-1]
    while len(parts) > 1 and parts[0] == layer:
        del parts[0]
    return "/".join(parts)


def _names(group: Any, attribute: str) -> list[str]:
    """A list of strings among the attributes; long ones are cut into `<attribute>0`, ..."""
    if attribute in group.attrs:
        pieces = [group.attrs[attribute]]
    else:
        pieces = []
        while f"{attribute}{len(pieces)}" in group.attrs:
            pieces.append(group.attrs[f"{attribute}{len(pieces)}"])
    return [n.decode() if isinstance(n, bytes) else str(n) for piece in pieces for n in piece]


def _read_keras3(group: Any, owner: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Walks groups: `vars` holds a layer's variables and its name, others are inner layers."""
    for key in group:
        if not owner and key in _NOT_WEIGHTS:
            continue
        if key == "vars":
            variables = _group(group, key)
            for index in sorted(variables, key=lambda k: (len(k), k)):
                yield "/".join((*owner, index)), _entry(variables, index)
            continue
        child = _group(group, key)
        if "vars" in child:
            # Without the attribute (Keras before 3.6) only the name by class is known.
            name = _group(child, "vars").attrs.get("name", key)
            yield from _read_keras3(child, (*owner, str(name)))
        else:
            yield from _read_keras3(child, owner)  # a list of layers, not a layer


def _entry(group: Any, name: str) -> Any:
    """A member that lies in this very file: links may point to any file of the machine."""
    import h5py

    here = group
    for part in name.split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if type(link) is not h5py.HardLink:
            raise ValueError(f"{name!r} is missing, or a link to somewhere else")
        here = here[part]
    return here


def _group(group: Any, name: str) -> Any:
    found = _entry(group, name)
    if not hasattr(found, "keys"):
        raise ValueError(f"{name!r} is not a group")
    return found


def _array(dataset: Any) -> np.ndarray:
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name!r} is not an array stored in this file")
    if dataset.attrs.get("dtype") == "bfloat16":
        import ml_dtypes

        return np.array(dataset[()].view(ml_dtypes.bfloat16), "float32")
    array = np.asarray(dataset[()])
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{dataset.name!r} holds {array.dtype}, not numbers")
    return array
