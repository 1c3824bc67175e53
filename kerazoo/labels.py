"""Names of classes, and predictions turned into them."""

import functools
import logging
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid, unknown

# One text file per set, a class a line. "imagenet": the 1000 sorted wnids of ILSVRC 2012, without
# background, as in keras.applications and timm.
LABEL_SETS = {"imagenet": 1000, "cifar10": 10}
# Those that no number of classes stands for. "coco": the 80 categories of COCO 2017; "coco_paper":
# the 90 of its paper, of which ten have no boxes, so that the n-th has the id n; "voc": Pascal
# VOC's 20; "voc_segmentation": the same with background first; "cityscapes": its 19 classes that
# count, and what is ignored.
OTHER_SETS = {"coco": 80, "coco_paper": 90, "voc": 20, "voc_segmentation": 21, "cityscapes": 20}

# Pascal VOC's names that COCO has others for, and CamVid's that Cityscapes has.
_OTHER_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
    "bicyclist": "rider",
    "pavement": "sidewalk",
    "pedestrian": "person",
    "signsymbol": "traffic sign",
    "tree": "vegetation",
}

_log = logging.getLogger("kerazoo")


class Prediction(NamedTuple):
    """One class that a model named for one picture."""

    index: int
    name: str
    score: float


@functools.cache
def label_names(label_set: str) -> tuple[str, ...]:
    """Class names of a set, in the order of the outputs.

    Args:
        label_set: `"imagenet"` (1000), `"cifar10"` (10), `"coco"` (80), `"coco_paper"` (90),
            `"voc"` (20), `"voc_segmentation"` (21) or `"cityscapes"` (20).
    """
    known = {**LABEL_SETS, **OTHER_SETS}
    if label_set not in known:
        raise unknown("labels", label_set, known)
    file = resources.files("kerazoo") / "label_data" / f"{label_set}.txt"
    return tuple(file.read_text("utf-8").splitlines())


@checked("labels")
def decode_predictions(
    preds: Any,
    top: int = 5,
    *,
    model: Any = None,
    labels: str | Sequence[str] | None = None,
) -> list[list[Prediction]]:
    """The best classes of each picture, best first.

    Args:
        preds: Scores `(batch, classes)`, array or tensor. Scores are returned as they are, so
            pass probabilities where probabilities are wanted.
        top: How many classes a picture, at least 1; a model with fewer classes gives all it has.
        model: A kerazoo model, whose own labels count.
        labels: A set of `label_names` or the names themselves. Without them, 1000 classes are
            ImageNet's and 10 are CIFAR-10's, also of a model whose weights do not say it.

    Returns:
        For each picture a list of `Prediction(index, name, score)`.

    Raises:
        ValueError: A wrong shape, NaN scores, or no labels for this number of classes.

    >>> decode_predictions(np.eye(1000)[[285]], top=1)[0][0].name
    'Egyptian cat'
    """
    scores = np.asarray(preds if isinstance(preds, np.ndarray | list) else _to_numpy(preds))
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise invalid("preds", scores.shape, "scores of shape (batch, classes)")
    if np.isnan(scores).any():
        raise invalid("preds", "an array with NaN", "free of NaN")
    classes = scores.shape[1]
    check_int("top", top)
    names = _names(classes, model, labels)
    best = np.argsort(-scores.astype("float64"), axis=1, kind="stable")[:, :top]
    return [
        [Prediction(int(i), names[i], float(row[i])) for i in order]
        for row, order in zip(scores, best, strict=True)
    ]


def _names(classes: int, model: Any, labels: str | Sequence[str] | None) -> tuple[str, ...]:
    if model is not None and labels is not None:
        raise invalid("labels", labels, "None where `model` is given")
    if model is not None:
        info = getattr(model, "info", None)
        labels = getattr(info, "labels", None) or None
        if info is None or (labels is None and classes not in LABEL_SETS.values()):
            name = getattr(model, "name", model)
            raise invalid("model", name, "a kerazoo model that carries labels (or pass `labels`)")
    if labels is None:
        labels = next((name for name, count in LABEL_SETS.items() if count == classes), None)
        if labels is not None and model is not None:
            tell_guess(classes)
        if labels is None:
            known = " or ".join(f"{count} ({name})" for name, count in LABEL_SETS.items())
            rule = f"scores for {known} classes, or given together with `model` or `labels`"
            raise invalid("preds", f"{classes} classes", rule)
    names = label_names(labels) if isinstance(labels, str) else tuple(labels)
    if len(names) != classes:
        raise invalid("labels", f"{len(names)} names", f"as many names as classes, {classes}")
    return names


@functools.cache
def tell_guess(classes: int) -> None:
    """Warns that the names of a network's classes are guessed by their number; once for each."""
    for label_set, count in LABEL_SETS.items():
        if count == classes:
            words = "The network does not name its %d classes: shown are those of %s (`labels`)."
            _log.warning(words, classes, label_set)


def _to_numpy(tensor: Any) -> np.ndarray:
    from keras import ops

    return ops.convert_to_numpy(tensor)


def canonical(name: str) -> str:
    """The name by which a class is compared, without capitals and blanks around."""
    plain = " ".join(name.lower().split())
    return _OTHER_NAMES.get(plain, plain)


def shared_classes(names: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Number of a class in `names` -> its number in `others`, for those that both have.

    >>> shared_classes(["tvmonitor", "cat"], ["Cat", "dog", "tv"])
    {0: 2, 1: 0}
    """
    places = {canonical(name): number for number, name in enumerate(others)}
    found = ((number, places.get(canonical(name))) for number, name in enumerate(names))
    return {number: place for number, place in found if place is not None}
