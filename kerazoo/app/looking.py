"""What a network finds on a picture that somebody sent, and how long each stage took."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._bounds import UPLOAD_BYTES, UPLOAD_PICTURES, UPLOAD_PIXELS
from kerazoo._errors import invalid
from kerazoo.app.networks import Network
from kerazoo.pictures import PictureError, open_picture, picture_header
from kerazoo.tasks.task import Task

_log = logging.getLogger("kerazoo")


@dataclass(frozen=True, eq=False)
class Look:
    """What was found, ready to be shown.

    Attributes:
        picture: PIL, with what was found drawn on it.
        captions: Lines, each with a share of 1 or None.
        table: Rows for people, under `Task.columns`.
        seconds: By stage (`kerazoo.predictor.STAGES`).
    """

    picture: Any
    captions: Sequence[tuple[str, float | None]]
    table: Sequence[tuple[str, ...]]
    seconds: dict[str, float]


def options_of(task: Task, texts: Mapping[str, str]) -> dict[str, Any]:
    """What a visitor typed as options of a task; what he left empty is left out.

    Raises:
        ValueError: It is not what an option may be.
    """
    found = {}
    for option in task.options:
        text = texts.get(option.name, "").strip()
        if text:
            try:
                found[option.name] = option.read(text)
            except ValueError:
                found[option.name] = text
            option.rule.check(option.name, found[option.name])
    return found


def look(network: Network, path: Path, task: Task, how: Mapping[str, Any]) -> Look:
    """What a network finds on a picture.

    Args:
        network: An open one.
        path: Of the picture's file, which `check_upload` has let pass.
        task: What is asked for.
        how: Options of the task.

    Raises:
        ValueError: The network is for another task.
        PictureError: It cannot be read.
    """
    found = network.predictor.task
    if found.name != task.name:
        rule = f"one for {task.name}: {network.predictor.name} is for {found.name}"
        raise invalid("network", network.predictor.name, rule)
    prediction, seconds = network.predictor.timed(path, **how)
    drawn = task.draw(open_picture(path), prediction)
    return Look(drawn, task.captions(prediction), task.rows(prediction), seconds)


def check_upload(path: Path) -> None:
    """Raises `PictureError` where a file is larger than visitors may send; no pixel is decoded."""
    if path.stat().st_size > UPLOAD_BYTES.value:
        raise PictureError(f"The file {path.name} has too many bytes: {UPLOAD_BYTES}.")
    (height, width), _ = picture_header(path)
    if height * width > UPLOAD_PIXELS.value:
        size = f"{width:,} x {height:,}"
        raise PictureError(f"{path.name} has too many pixels, {size}: {UPLOAD_PIXELS}.")


def check_count(paths: Sequence[Any]) -> None:
    """Raises `ValueError` where somebody sends more pictures at once than he may."""
    if len(paths) > UPLOAD_PICTURES.value:
        raise invalid("pictures", len(paths), f"fewer: {UPLOAD_PICTURES}")


def sentence(error: Exception, path: Path | None = None) -> str:
    """An error for a visitor: what is wrong, without where the machine keeps his file.

    What is no complaint of kerazoo's goes to the log with its traceback.
    """
    text = str(error)
    if path is not None:  # of which messages escape what is odd
        text = text.replace(f"{path.parent}/", "").replace(repr(f"{path.parent}/")[1:-1], "")
    text = " ".join(text.split())
    if isinstance(error, ValueError | OSError | ImportError) and text:
        return text
    _log.error("the app could not answer", exc_info=error)
    return f"This did not work: {text or type(error).__name__}."
