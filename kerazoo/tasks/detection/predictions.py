"""What a detector found on a picture, and how that is told."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_choice, checked
from kerazoo._errors import invalid
from kerazoo.labels import label_names
from kerazoo.pictures import again, as_picture
from kerazoo.placement import Placement
from kerazoo.report.drawn import save_drawn
from kerazoo.tasks.detection.boxes import areas, clipped
from kerazoo.tasks.detection.candidates import candidates
from kerazoo.tasks.detection.detector import detector_of
from kerazoo.tasks.detection.formats import FORMATS
from kerazoo.tasks.detection.names import category_ids
from kerazoo.tasks.detection.postprocess import find

SHOWN = 0.5  # the score that is needed where nobody measured one for the class
LINES = 5  # under a picture on a contact sheet


@dataclass(frozen=True, eq=False)
class Detections:
    """Things that were found on a picture, the surest first.

    Attributes:
        boxes: float32 `(n, 4)`: x1, y1, x2, y2 in pixels of the upright picture.
        scores: float32 `(n,)`, 0 to 1.
        classes: int64 `(n,)`, from 0.
        labels: Names of all classes that could have been found.
        all_ids: Of these, as their data set counts them: COCO's have gaps, others begin with 1.
        size: Height and width of the picture.
        picture: What it was given as: a path, bytes, an array, a PIL picture; None if unknown.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    labels: tuple[str, ...]
    all_ids: tuple[int, ...]
    size: tuple[int, int]
    picture: Any = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the class of each."""
        return tuple(self.labels[number] for number in self.classes)

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the category of each."""
        return tuple(self.all_ids[number] for number in self.classes)

    def __len__(self) -> int:
        return len(self.scores)

    def __str__(self) -> str:
        return ", ".join(f"{name} {score:.0%}" for name, score in captions(self)) or "nothing"

    def rows(self) -> list[dict[str, Any]]:
        """A dict of JSON values for each thing, as `kerazoo predict --json` prints: for pandas."""
        return as_json(self)

    def draw(self, picture: Any = None) -> Any:
        """The picture with the boxes on it; a PIL picture.

        Args:
            picture: A path, a PIL picture or a uint8 array, of the same size; by default the one
                that was given.

        Raises:
            ValueError: It has another size, or nobody knows which it was.
            PictureError: The file cannot be read any more.
        """
        from kerazoo.tasks.detection.drawing import draw

        shown = again(self.picture) if picture is None else as_picture(picture, "picture")
        return draw(shown, self)

    @checked("path")
    def save(self, path: str | os.PathLike) -> None:
        """Writes `draw()` to a file; the ending says its format: `.jpg`, `.png`, `.webp`.

        Raises:
            ValueError, PictureError: As `draw`; or the ending is none of these.
        """
        save_drawn(path, self.draw)

    def to(self, format: str) -> Any:
        """As annotations of the picture: to be corrected, and learned from.

        Args:
            format: `"coco"` (a dict, what its JSON files hold), `"voc"` (text, XML) or `"yolo"`
                (text, a line for each box).
        """
        return FORMATS[check_choice("format", format, FORMATS)](self)

    @property
    def file_name(self) -> str:
        """Name of the picture's file, without folders; empty where it was none."""
        known = isinstance(self.picture, str | os.PathLike)
        return Path(self.picture).name if known else ""


def decode(
    outputs: Mapping[str, Any],
    record: Any,
    placements: Sequence[Placement] = (),
    pictures: Sequence[Any] = (),
    *,
    threshold: float | None = None,
    most: int = 100,
) -> list[Detections]:
    """What was found on each picture.

    Args:
        outputs: `codes` `(batch, anchors, 4)` and `logits` `(batch, anchors, 1 + classes)`; or
            what `tiles.merge` made of those of tiles.
        record: Carries `task_facts`, and maybe `labels` and `confidence`.
        placements: Where each picture was put in the network's input; without, boxes are in pixels
            of that.
        pictures: What each was given as.
        threshold: Score from which on a thing is told; by default the one that was measured for
            its class, else 0.5.
        most: Things at most.

    Raises:
        ValueError: Outputs of another shape, or not finite; labels of another number.
    """
    detector = detector_of(record)
    offered = candidates(outputs, detector)
    classes = offered.scores.shape[-1]
    given = getattr(record, "labels", None)
    labels, ids = class_names(classes, given), category_ids(given, classes)
    least = least_scores(classes, getattr(record, "confidence", None), threshold)
    if not placements:
        still = Placement((1.0, 1.0), (0.0, 0.0), detector.size, detector.size)
        placements = [still] * len(offered.boxes)
    found = []
    for number, placement in enumerate(placements):
        size = (int(placement.picture[0]), int(placement.picture[1]))
        moved = placement.inverse.boxes(offered.boxes[number]).astype("float32")
        kept = find(moved, offered.scores[number], offered.rule, size, least)
        whole = clipped(kept.boxes, size)
        seen = np.flatnonzero(areas(whole) > 0)[:most]
        found.append(
            Detections(
                whole[seen],
                kept.scores[seen],
                kept.classes[seen],
                labels,
                ids,
                size,
                pictures[number] if len(pictures) else None,
            )
        )
    return found


def least_scores(classes: int, confidence: Any, threshold: float | None) -> np.ndarray:
    """The score that a thing of each class must be above: float32 `(classes,)`.

    Args:
        classes: How many there are.
        confidence: A `kerazoo.confidence.Confidence`, or None where nobody measured it.
        threshold: In place of what was measured.
    """
    if threshold is None and confidence is not None:
        least = np.array(confidence.of_classes(classes), "float32")
    else:
        least = np.full(classes, SHOWN if threshold is None else threshold, "float32")
    return np.nextafter(least, np.float32(-1))  # a score of exactly the threshold is enough


def class_names(classes: int, labels: Any) -> tuple[str, ...]:
    """Names of the classes: those of a label set, those given, or their numbers from 1.

    Raises:
        ValueError: There is another number of names.
    """
    if not labels:
        return tuple(str(number + 1) for number in range(classes))
    names = label_names(labels) if isinstance(labels, str) else tuple(labels)
    if len(names) != classes:
        raise invalid("labels", f"{len(names)} names", f"as many names as classes, {classes}")
    return names


def rows(prediction: Detections) -> list[tuple[str, ...]]:
    """`("87.2", "cat", "12 40 310 295")` for each thing; a row that says it where there is none."""
    return [
        (f"{100 * score:.1f}", name, " ".join(f"{side:.0f}" for side in box))
        for score, name, box in zip(
            prediction.scores, prediction.names, prediction.boxes, strict=True
        )
    ] or [("", "nothing", "")]


def as_json(prediction: Detections) -> list[dict[str, Any]]:
    """`{"index": 15, "name": "cat", "id": 17, "score": 0.872, "x1": 12.4, …}` for each thing."""
    return [
        {
            "index": int(number),
            "name": name,
            "id": id,
            "score": round(float(score), 4),
            **{
                key: round(float(v), 1)
                for key, v in zip(("x1", "y1", "x2", "y2"), box, strict=True)
            },
        }
        for number, name, id, score, box in zip(
            prediction.classes,
            prediction.names,
            prediction.ids,
            prediction.scores,
            prediction.boxes,
            strict=True,
        )
    ]


def captions(prediction: Detections) -> list[tuple[str, float]]:
    """`("3 x cat", best score)` for each class, the surest first; the first few of them."""
    best: dict[str, float] = {}
    for name, score in zip(prediction.names, prediction.scores, strict=True):
        best.setdefault(name, float(score))
    counts = {name: prediction.names.count(name) for name in best}
    return [
        (name if counts[name] == 1 else f"{counts[name]} x {name}", score)
        for name, score in list(best.items())[:LINES]
    ]
