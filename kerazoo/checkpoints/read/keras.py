"""Variables in Keras' own files: legacy `.h5`, Keras 3 `.weights.h5`, and `.keras` archives.

Every variable is called `<layer name>/<variable name>` where the file knows the variable's name
(legacy files do) and `<layer name>/<index>` where it knows just the order (Keras 3). Layers inside
layers add their name: `<outer>/<inner>/<index>`.
"""

import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerazoo._bounds import CONFIG_BYTES, check_unpacked
from kerazoo._errors import reason_of
from kerazoo._files import open_regular
from kerazoo.checkpoints.read.archives import open_archive, read_entry
from kerazoo.checkpoints.read.hdf5 import Walk

# State of training, kept by Keras in the same files.
_NOT_WEIGHTS = ("optimizer", "metrics", "compile_metrics", "loss_tracker")
_H5, _ARCHIVE = "Keras weights file", ".keras archive"


def read_h5(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a legacy `.h5` or Keras 3 `.weights.h5` file.

    Args:
        file: The open file.
        path: For messages.

    Raises:
        ValueError: It is something else, or cut off; its arrays lie in other files, or would take
            more than `kerazoo._bounds` grants a file of its size.
    """
    return _collect(path, _H5, lambda: _read_h5(file, file, True))


def h5_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names that `read_h5` gives; no array is read."""
    return tuple(_collect(path, _H5, lambda: _read_h5(file, file, False)))


def read_keras_archive(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.keras` archive. Its configuration is not looked at.

    Args and Raises: As of `read_h5`.
    """
    return _collect(path, _ARCHIVE, lambda: _read_archive(file, True))


def keras_archive_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names that `read_keras_archive` gives."""
    return tuple(_collect(path, _ARCHIVE, lambda: _read_archive(file, False)))


def stored_config(path: Path) -> dict[str, Any] | None:
    """The configuration of a whole model in a `.keras` or `.h5` file; None where there is none.

    Nothing of it is built or run.
    """
    try:
        with open_regular(path) as file:
            text = _config_text(file)
        return None if text is None else json.loads(text)["config"]
    except Exception:  # h5py, zipfile, zlib and json fail in many ways on a broken file
        return None


def _config_text(file: BinaryIO) -> str | bytes | None:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            entry = archive.getinfo("config.json")
            return read_entry(archive, entry) if entry.file_size <= CONFIG_BYTES.value else None
    import h5py

    with h5py.File(file, "r") as root:
        text = Walk(file, root.userblock_size).attribute(root, "model_config")
    return text if text is None or len(text) <= CONFIG_BYTES.value else None


def _collect(path: Path, kind: str, read: Callable[[], Iterator[tuple[str, Any]]]) -> dict:
    found: dict[str, Any] = {}
    try:
        for name, value in read():
            if name in found:
                raise ValueError(f"two variables are called {name[:100]!r}")
            found[name] = value
    except Exception as error:  # h5py and zipfile fail in many ways on a broken file
        reason = reason_of(error)
        raise ValueError(
            f"`{path}` is not a readable {kind}: truncated, corrupt or of another format "
            f"({reason})."
        ) from error
    return found


def _read_archive(file: BinaryIO, arrays: bool) -> Iterator[tuple[str, Any]]:
    with open_archive(file) as archive:
        raw = io.BytesIO(read_entry(archive, archive.getinfo("model.weights.h5")))
    yield from _read_h5(raw, file, arrays)


def _read_h5(source: Any, whole: BinaryIO, arrays: bool) -> Iterator[tuple[str, Any]]:
    """Names and, if wanted, arrays (else None) of HDF5.

    Args:
        source: What is HDF5.
        whole: The file whose size bounds what the arrays may take.
        arrays: Whether to read them.
    """
    import h5py

    size = whole.seek(0, 2)
    source.seek(0)
    total = 0
    with h5py.File(source, "r") as file:
        walk = Walk(source, file.userblock_size)
        root = _group(file, "model_weights") if "model_weights" in file else file
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            found = _read_legacy(root, walk)
        elif any(key not in _NOT_WEIGHTS for key in file):
            found = _read_keras3(file, (), walk)
        else:
            raise ValueError("no layers in it")
        for name, entry in found:
            stored = walk.attribute(entry, "dtype") if arrays else None
            if arrays:
                _check_array(entry, stored)
                total += max(entry.nbytes, math.prod(entry.chunks or ()) * entry.dtype.itemsize)
                check_unpacked(total, size)
            yield name, _array(entry, stored) if arrays else None


def _read_legacy(root: Any, walk: Walk) -> Iterator[tuple[str, Any]]:
    for layer in _names(walk, root, "layer_names"):
        group = _group(root, layer)
        walk.once(group)
        weights = _names(walk, group, "weight_names")
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


def _names(walk: Walk, group: Any, attribute: str) -> list[str]:
    """A list of strings among the attributes; long ones are cut into `<attribute>0`, ..."""
    if attribute in group.attrs:
        pieces = [walk.attribute(group, attribute)]
    else:
        pieces = []
        while f"{attribute}{len(pieces)}" in group.attrs:
            pieces.append(walk.attribute(group, f"{attribute}{len(pieces)}"))
    return [n.decode() if isinstance(n, bytes) else str(n) for piece in pieces for n in piece]


def _read_keras3(group: Any, owner: tuple[str, ...], walk: Walk) -> Iterator[tuple[str, Any]]:
    """Walks groups: `vars` holds a layer's variables and its name, others are inner layers."""
    walk.once(group)
    for key in group:
        if not owner and key in _NOT_WEIGHTS:
            continue
        if key == "vars":
            variables = _group(group, key)
            walk.once(variables)
            for index in sorted(variables, key=lambda k: (len(k), k)):
                yield "/".join((*owner, index)), _entry(variables, index)
            continue
        child = _group(group, key)
        if "vars" in child:
            # Without the attribute (Keras before 3.6) only the name by class is known.
            name = walk.attribute(_group(child, "vars"), "name", key)
            yield from _read_keras3(child, (*owner, str(name)), walk)
        else:
            yield from _read_keras3(child, owner, walk)  # a list of layers, not a layer


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


def _check_array(dataset: Any, stored: Any) -> None:
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name[:100]!r} is not an array stored in this file")
    if stored != "bfloat16" and dataset.dtype.kind not in "fiub":
        raise ValueError(f"{dataset.name[:100]!r} holds {str(dataset.dtype)[:100]}, not numbers")


def _array(dataset: Any, stored: Any) -> np.ndarray:
    if stored == "bfloat16":
        import ml_dtypes

        return np.array(dataset[()].view(ml_dtypes.bfloat16), "float32")
    return np.asarray(dataset[()])
