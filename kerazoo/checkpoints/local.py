"""What files and folders on this machine say of the weights in them.

A file of kerazoo's own says it in the `config.json` or `run.json` beside it, or inside (a stored
model). Any other says whose names its tensors have, and with them whose conventions it was trained
with: preprocessing, padding, batch-norm epsilon and arguments are those of that library's
registered checkpoints of the same model.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.checkpoints.hub_config import CONFIG, WEIGHTS, resolve_folder
from kerazoo.checkpoints.layouts.layout import OWN, Layout, find_layout, unknown_names
from kerazoo.checkpoints.read.keras import stored_config
from kerazoo.checkpoints.read.tensors import is_weights_file, read_tensors, tensor_names
from kerazoo.checkpoints.records import (
    STANDARD_SIZE,
    Checkpoint,
    checkpoints_for,
    default_checkpoint,
    get_checkpoint,
    usual_dataset,
)
from kerazoo.checkpoints.run_record import RUN, read_run
from kerazoo.checkpoints.weights import Weights, described
from kerazoo.preprocessing import Preprocessing

RUN_WEIGHTS = "model.weights.h5"  # the last ones of a training run
SHOWN = 6  # ids that a doubt lists


def resolve_local(
    path: Path, model: str | None, size: Any = None, like: str | None = None
) -> Weights:
    """The weights in a file or folder, with all that is known of them.

    Args:
        path: What exists.
        model: Id of the model that they are for; None where they have to say it themselves.
        size: Side of the pictures in pixels, which decides among checkpoints that differ in it.
        like: Id of registered weights with the same conventions, for files that do not say them.

    Raises:
        ValueError: A folder without weights, a broken file, or an unknown `like`.
    """
    argument = "model" if model is None else "weights"
    found = _of_folder(path, argument) if path.is_dir() else _of_file(path)
    if like is not None:
        return alike(found or _bare(path), model, like)
    if found is not None or model is None:
        return found or _bare(path)
    return _by_names(path, model, size)


def default_preprocessing(model: str | None, size: Any = None) -> Preprocessing | None:
    """That of the model's default checkpoint; None where it has none."""
    found = _default(model, size)
    return found.preprocessing if found else None


def stored_info(path: Path) -> dict[str, Any] | None:
    """The `ModelInfo`, as a dict, of a network of ours in a `.keras` or `.h5` file; else None."""
    info = (stored_config(path) or {}).get("info")
    if not isinstance(info, dict) or not isinstance(info.get("architecture"), str):
        return None
    return info if isinstance(info.get("arguments"), dict) else None


def is_stored_model(path: Path) -> bool:
    """Whether a file holds a whole Keras model, not its weights alone."""
    return path.name.lower().endswith(".keras") or (
        path.name.lower().endswith((".h5", ".hdf5")) and stored_config(path) is not None
    )


def is_bare(name: str) -> bool:
    """Whether that is a weights file which does not say what network it is for."""
    path = Path(name)
    return is_weights_file(name) and path.is_file() and _of_file(path) is None


def alike(weights: Weights, model: str | None, like: str) -> Weights:
    """Weights that do not say how they were trained, with the conventions of registered ones.

    Args:
        weights: What they say of themselves stays.
        model: Id of the model that they are for.
        like: Id of the registered ones.

    Raises:
        ValueError: They say it themselves, or `like` is unknown.
    """
    if weights.preprocessing is not None:
        raise invalid("like", like, f"left out: {weights.id} says itself what it needs")
    return _taken_as(weights, model, get_checkpoint(like))


def _of_folder(folder: Path, argument: str) -> Weights:
    found = resolve_folder(folder)
    if found is None and (folder / RUN_WEIGHTS).is_file():
        found = _of_run(folder / RUN_WEIGHTS)
    if found is None:
        rule = f"a folder with {WEIGHTS} and {CONFIG}, or with {RUN} and {RUN_WEIGHTS}"
        files = sorted(path.name for path in folder.iterdir() if is_weights_file(path.name))
        if files:  # somebody else's folder: a file of it is enough
            rule += f"; of a file alone, {folder / files[0]}, its path (`MODEL --weights FILE`)"
        raise invalid(argument, str(folder), rule)
    return found


def _of_file(path: Path) -> Weights | None:
    """Where the file is one of ours that says what it is for."""
    if (info := stored_info(path)) is not None:
        return described(str(path), functools.partial(read_tensors, path), info)
    if path.name == WEIGHTS and (found := resolve_folder(path.parent)) is not None:
        return found
    found = _of_run(path)
    # A stranger's file may lie in the folder of a run: its names tell.
    return found if found is not None and find_layout(tensor_names(path)) is OWN else None


def _of_run(path: Path) -> Weights | None:
    """Weights in the folder of a run, whose `run.json` says what they are for."""
    run = read_run(path.parent)
    if not run or "model" not in run:
        return None
    names, size = run.get("classes"), run["preprocessing"]["size"]
    arguments = {**run["model"]["arguments"], "input_shape": [*size, 3]}
    facts = {
        "architecture": run["model"]["architecture"],
        "arguments": arguments,
        "preprocessing": run["preprocessing"],
        "classes": len(names) if names else None,
        "labels": names,
        "confidence": run.get("confidence"),
        "checkpoint": (run.get("weights") or {}).get("id"),
        "dataset": _learned(run),
        "lineage": run.get("lineage"),
    }
    return described(str(path), functools.partial(read_tensors, path), facts)


def _learned(run: Mapping[str, Any]) -> str | None:
    """Name of the data set of a run, without the folders of the machine."""
    name = run.get("data", {}).get("train", {}).get("name")
    return name and Path(name).name


def _bare(path: Path) -> Weights:
    return Weights(str(path), functools.partial(read_tensors, path))


def _by_names(path: Path, model: str, size: Any) -> Weights:
    """Weights of which nothing but the names of the tensors is known."""
    names = tensor_names(path)
    layout = find_layout(names)
    if layout is OWN and not any("/" in name for name in names):
        raise unknown_names(str(path), model, names)
    known = [c for c in checkpoints_for(model) if c.layout in layout.libraries]
    if layout is OWN or not known:
        return _as_before(path, model, size, layout)
    ways: dict[Any, list[Checkpoint]] = {}
    for checkpoint in known:
        ways.setdefault(_way(checkpoint), []).append(checkpoint)
    likely, *others = ways.values()  # of the default, or of the first that is registered
    taken = _nearest(likely, size)
    return replace(_taken_as(_bare(path), model, taken), doubt=_doubt(path, layout, taken, others))


def _as_before(path: Path, model: str, size: Any, layout: Layout) -> Weights:
    """Nobody says how the pictures are prepared: the model's default checkpoint is asked."""
    default = _default(model, size)
    whose = (
        f"`{path.name}` does not say how its pictures are prepared"
        if layout is OWN
        else f"`{path.name}` has the names of {layout.name}, of which no `{model}` is registered"
    )
    taken = f"they are taken as for {default.id}" if default else "nothing is assumed of them"
    return replace(
        _bare(path),
        preprocessing=default.preprocessing if default else None,
        doubt=f"{whose}: {taken}; `like` (--like WEIGHTS_ID) says it.",
    )


def _default(model: str | None, size: Any) -> Checkpoint | None:
    if model is None:
        return None
    dataset = usual_dataset(model)  # where there is none, those of CIFAR-10 say nothing of others
    found = any(c.default and c.dataset == dataset for c in checkpoints_for(model))
    return default_checkpoint(model, dataset, size) if found else None


def _way(checkpoint: Checkpoint) -> tuple:
    """What decides how a network is built and fed, but for the size of the pictures."""
    return (
        checkpoint.preprocessing.with_size(1),
        checkpoint.padding,
        checkpoint.batch_norm_epsilon,
        tuple(sorted(checkpoint.arguments.items())),
    )


def _nearest(checkpoints: Sequence[Checkpoint], size: Any) -> Checkpoint:
    """The one for pictures of the most similar size; for None as `default_checkpoint`."""
    side = (size[0] if isinstance(size, list | tuple) else size) or STANDARD_SIZE
    return min(checkpoints, key=lambda c: abs(c.size[0] - side))


def _taken_as(weights: Weights, model: str | None, checkpoint: Checkpoint) -> Weights:
    same = checkpoint.model == (model or weights.model)
    padding, epsilon = weights.padding, weights.batch_norm_epsilon
    return replace(
        weights,
        preprocessing=checkpoint.preprocessing,
        padding=padding or checkpoint.padding,
        batch_norm_epsilon=epsilon or checkpoint.batch_norm_epsilon,
        arguments={**(checkpoint.arguments if same else {}), **weights.arguments},
    )


def _doubt(path: Path, layout: Layout, taken: Checkpoint, others: Sequence[Sequence]) -> str:
    if not others:
        return ""
    ids = [taken.id, *(way[0].id for way in others)]
    shown = ", ".join(ids[:SHOWN]) + (f", … ({len(ids) - SHOWN} more)" if len(ids) > SHOWN else "")
    return (
        f"`{path.name}` has the names of {layout.name}, whose `{taken.model}` comes in "
        f"{len(ids)} conventions: taken as {taken.id}; `like` (--like WEIGHTS_ID) chooses among "
        f"{shown}."
    )
