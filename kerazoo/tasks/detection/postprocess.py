"""From a network's outputs to boxes: scores, non-maximum suppression, how many are kept.

`Suppression` is the rule, with the numbers of each source; `find` follows it with NumPy, for one
picture, without Keras or TensorFlow. The same rule as a TensorFlow graph: `postprocess_graph`.
"""

from dataclasses import dataclass

import numpy as np

from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._rules import choice, flag, integer, number, optional
from kerazoo.tasks.detection.boxes import areas, clipped


@dataclass(frozen=True)
class Suppression(Record):
    """Which boxes are kept. Classes never suppress each other.

    Args:
        activation: Of scores: `"softmax"` or `"sigmoid"`. Output 0 is the background in both.
        threshold: Scores must be *above* it.
        iou: A box goes if it overlaps a better one of its class by *more*.
        candidates: Best boxes of each class that enter suppression; None for all.
        per_class: Boxes of each class that may leave it; None for all.
        total: Boxes of a picture; None for all.
        clip: Whether boxes are cut at the picture's sides, before suppression. Those left without
            area overlap nothing.
    """

    activation: str = field(choice("softmax", "sigmoid"), "softmax")
    threshold: float = field(number(least=0, below=1), 0.01)
    iou: float = field(number(least=0, most=1), 0.45)
    candidates: int | None = field(optional(integer()), None)
    per_class: int | None = field(optional(integer()), None)
    total: int | None = field(optional(integer()), 200)
    clip: bool = field(flag(), True)

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Scores of the classes, background left out: `(…, 1 + classes)` to `(…, classes)`."""
        if self.activation == "sigmoid":
            with np.errstate(over="ignore"):
                return 1 / (1 + np.exp(-logits[..., 1:]))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers[..., 1:] / powers.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Found:
    """What was found in one picture, best first.

    Attributes:
        boxes: float32 `(n, 4)`: x1, y1, x2, y2 in the unit of the boxes that came in.
        scores: float32 `(n,)`.
        classes: int64 `(n,)`, from 0.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def find(
    boxes: np.ndarray,
    scores: np.ndarray,
    rule: Suppression,
    size: tuple[int, int] | None = None,
    thresholds: np.ndarray | None = None,
) -> Found:
    """Suppression by a rule, for one picture.

    Args:
        boxes: `(A, 4)`, decoded.
        scores: `(A, classes)`, without background: see `Suppression.scores`.
        rule: What is kept.
        size: `(height, width)` of the picture, in the unit of the boxes; needed to clip.
        thresholds: `(classes,)`: scores must be above these too. Evaluation takes none.

    Raises:
        ValueError: The rule clips and there is no size.
    """
    if rule.clip:
        if size is None:
            raise invalid("size", size, "(height, width) of the picture, for a rule that clips")
        boxes = clipped(boxes, size)
    least = rule.threshold if thresholds is None else np.maximum(thresholds, rule.threshold)
    classes, rows = np.nonzero((scores > least).T)
    own = scores[rows, classes]
    inside = np.lexsort((-own, classes))  # by class, best first, then by row
    starts = np.searchsorted(classes, np.arange(scores.shape[1] + 1))
    if rule.candidates is not None:
        place = np.arange(len(classes)) - starts[classes]
        inside = inside[place < rule.candidates]
        classes = classes[place < rule.candidates]
        starts = np.searchsorted(classes, np.arange(scores.shape[1] + 1))
    rows, own = rows[inside], own[inside]
    kept = _suppressed(boxes[rows], own, classes, starts, rule)
    return Found(boxes[rows[kept]], own[kept], classes[kept].astype("int64"))


def _suppressed(
    boxes: np.ndarray,
    scores: np.ndarray,
    classes: np.ndarray,
    starts: np.ndarray,
    rule: Suppression,
) -> list[int]:
    """Places that are kept, best first, of boxes that are sorted by class and score.

    All classes go together from the best score down, so that the work ends with `rule.total`.
    """
    sizes, alive = areas(boxes), np.ones(len(boxes), bool)
    given = np.zeros(len(starts), int)
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        number = classes[place]
        if not alive[place] or (rule.per_class is not None and given[number] == rule.per_class):
            continue
        kept.append(place)
        if len(kept) == rule.total:
            break
        given[number] += 1
        worse = slice(place + 1, starts[number + 1])  # of its class
        corner = np.maximum(boxes[worse, :2], boxes[place, :2])
        sides = np.maximum(np.minimum(boxes[worse, 2:], boxes[place, 2:]) - corner, 0)
        shared = sides[:, 0] * sides[:, 1]
        union = sizes[worse] + sizes[place] - shared
        # Two boxes without area have no union: no overlap, rather than a division by zero.
        alive[worse] &= shared <= rule.iou * np.maximum(union, 1e-30)
    return kept


# torchvision ssd300_vgg16 and ssdlite320_mobilenet_v3_large.
TORCHVISION_SSD300 = Suppression(candidates=400)
TORCHVISION_SSDLITE = Suppression(threshold=0.001, iou=0.55, candidates=300, total=300)
# TensorFlow Object Detection API, ssd_* and ssdlite_*.
TENSORFLOW = Suppression(activation="sigmoid", threshold=1e-8, iou=0.6, per_class=100, total=100)
# EdgeNets and pytorch-ssd: the best 200 of a class enter, and all that leave are kept.
EDGENETS = Suppression(candidates=200, total=None, clip=False)
