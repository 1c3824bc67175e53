"""What a segmenter found on a picture, and how that is told."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo._files import write_file
from kerazoo.labels import label_names
from kerazoo.pictures import again, as_picture
from kerazoo.placement import Placement
from kerazoo.report.drawn import save_drawn
from kerazoo.tasks.segmentation.masks import MOST_CLASSES, class_map
from kerazoo.tasks.segmentation.targets import decoded
from kerazoo.tasks.segmentation.tiles import CLASSES, MASK


@dataclass(frozen=True, eq=False)
class Segments:
    """A class for every pixel of a picture.

    Attributes:
        mask: Number of the class, uint8 `(height, width)`, of the size of the upright original;
            255 where the network did not see the picture.
        names: Of the classes.
        picture: What the picture was given as: a path, bytes, an array, a PIL picture; None if
            unknown.
    """

    mask: np.ndarray
    names: tuple[str, ...]
    picture: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.0%}" for name, share in captions(self)) or "nothing"

    def rows(self) -> list[dict[str, Any]]:
        """A dict of JSON values for each class, as `kerazoo predict --json` prints: for pandas."""
        return as_json(self)

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of each class, int64 `(classes,)`."""
        return np.bincount(self.mask.ravel(), minlength=MOST_CLASSES + 1)[: len(self.names)]

    @property
    def areas(self) -> dict[str, float]:
        """Share of the picture, 0 to 1, of each class that is there; the largest first."""
        return {found["name"]: found["share"] for found in as_json(self)}

    def draw(self, picture: Any = None) -> Any:
        """The picture with the classes in colours over it, and a legend; a PIL picture.

        Args:
            picture: A path, a PIL picture or a uint8 array, of the mask's size; by default the one
                that was given.

        Raises:
            ValueError: It has another size, or nobody knows which it was.
            PictureError: The file cannot be read any more.
        """
        from kerazoo.tasks.segmentation.drawing import overlay

        shown = again(self.picture) if picture is None else as_picture(picture, "picture")
        return overlay(shown, self)

    @checked("path")
    def save(self, path: str | os.PathLike) -> None:
        """Writes `draw()` to a file; the ending says its format: `.jpg`, `.png`, `.webp`.

        Raises:
            ValueError, PictureError: As `draw`; or the ending is none of these.
        """
        save_drawn(path, self.draw)

    @checked("path")
    def save_mask(self, path: str | os.PathLike) -> None:
        """Writes the mask as a PNG of class numbers with a palette, as Pascal VOC's are.

        Colours are those of `draw`.

        Raises:
            ValueError: The name does not end in `.png`: other formats would change the numbers.
        """
        from kerazoo.tasks.segmentation.drawing import label_picture

        if Path(path).suffix.lower() != ".png":
            raise invalid("path", str(path), "a file name in .png, which keeps every number")
        picture = label_picture(self.mask, self.names)
        write_file(Path(path), lambda partial: picture.save(partial, "PNG"))


def decode(
    outputs: Mapping[str, Any],
    record: Any,
    placements: Sequence[Placement] = (),
    pictures: Sequence[Any] = (),
) -> list[Segments]:
    """The classes of each picture's pixels.

    Args:
        outputs: `logits`, `(batch, height, width, classes)`, or what `tiles.merge` made of those of
            tiles.
        record: Carries `labels`; without, classes are called by their numbers.
        placements: Where each picture was put in the network's input; without, masks have the size
            of the logits.
        pictures: What each was given as.

    Raises:
        ValueError: Scores of another shape, or that are not finite; too many classes; labels of
            another number.
    """
    labels = getattr(record, "labels", None)
    if MASK in outputs:
        names = class_names(int(outputs[CLASSES][0]), labels)
        masks = zip(outputs[MASK], pictures or [None] * len(outputs[MASK]), strict=True)
        return [Segments(mask, names, picture) for mask, picture in masks]
    scores = np.asarray(outputs["logits"])
    if scores.ndim != 4:
        raise invalid("outputs", scores.shape, "logits (batch, height, width, classes)")
    if not np.isfinite(scores).all():
        raise invalid("outputs", "logits that are NaN or infinite", "finite")
    names = class_names(scores.shape[-1], labels)
    if not placements:
        size = scores.shape[1:3]
        placements = [Placement((1.0, 1.0), (0.0, 0.0), size, size)] * len(scores)
    return [
        Segments(class_map(each, placement), names, picture)
        for each, placement, picture in zip(
            scores, placements, pictures or [None] * len(scores), strict=True
        )
    ]


def class_names(classes: int, labels: Any) -> tuple[str, ...]:
    """Names of the classes: those of a label set, those given, or their numbers.

    Raises:
        ValueError: There are more classes than a mask can hold, or another number of names.
    """
    if classes > MOST_CLASSES:
        raise invalid("model", f"one of {classes} classes", f"one of at most {MOST_CLASSES}")
    if not labels:
        return tuple(map(str, range(classes)))
    names = label_names(labels) if isinstance(labels, str) else tuple(labels)
    if len(names) != classes:
        raise invalid("labels", f"{len(names)} names", f"as many names as classes, {classes}")
    return names


def rows(prediction: Segments) -> list[tuple[str, ...]]:
    """`("61.3", "background")` for each class that is there."""
    return [(f"{100 * share:.1f}", name) for name, share in captions(prediction)]


def captions(prediction: Segments) -> list[tuple[str, float]]:
    """Name and share of each class that is there."""
    return [(found["name"], found["share"]) for found in as_json(prediction)]


def as_json(prediction: Segments) -> list[dict[str, Any]]:
    """`{"index": 15, "name": "person", "share": 0.21, "pixels": 64512}` for each class that is
    there, the largest first.
    """
    pixels = prediction.pixels
    order = np.argsort(-pixels, kind="stable")
    return [
        {
            "index": int(i),
            "name": prediction.names[i],
            "share": int(pixels[i]) / prediction.mask.size,
            "pixels": int(pixels[i]),
        }
        for i in order
        if pixels[i]
    ]


def show(picture: Any, target: Any, classes: Sequence[str]) -> tuple[Any, list]:
    """A target for people: the picture with its classes over it, and their shares.

    Args:
        picture: PIL.
        target: `{"mask": …}`, the bytes of a PNG or an array, or that array alone.
        classes: Names.
    """
    mask = target["mask"] if isinstance(target, dict) else target
    mask = decoded(mask) if isinstance(mask, bytes) else np.asarray(mask).astype("uint8")
    segments = Segments(mask, tuple(classes))
    return segments.draw(picture), captions(segments)
