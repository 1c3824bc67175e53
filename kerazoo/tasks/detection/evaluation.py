"""COCO's figures for boxes: the twelve, AP of each class with an interval, thresholds to ship."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import counted
from kerazoo.tasks.detection.average_precision import ClassMatches, match_class

# In COCO's order. Areas are in pixels of the picture: small under 32², large over 96².
TWELVE = (
    *("AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge"),
    *("AR1", "AR10", "AR100", "ARsmall", "ARmedium", "ARlarge"),
)


@dataclass(frozen=True)
class ClassFigures:
    """What was measured of one class. Figures are 0 to 1, or None without anything to find.

    Attributes:
        name: Of the class.
        truths: Boxes to be found (no crowds).
        ap: Mean over the IoUs 0.5, 0.55, …, 0.95.
        ap50: At IoU 0.5.
        low: Of the 95 % interval of `ap`, by drawing pictures with replacement.
        high: Of the same.
        threshold: Score with the best F1 at IoU 0.5.
        precision: There.
        recall: There.
    """

    name: str
    truths: int
    ap: float | None
    ap50: float | None
    low: float | None
    high: float | None
    threshold: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class DetectionFigures:
    """What `BoxMeter` measured.

    Attributes:
        figures: COCO's twelve by name, 0 to 1; None where no truth has that size.
        classes: Of each class.
        count: Number of pictures.
        seconds: That it took.
        curves: For each class, precision at the recalls 0, 0.01, …, 1 (IoU 0.5).
    """

    figures: dict[str, float | None]
    classes: tuple[ClassFigures, ...]
    count: int
    seconds: float
    curves: dict[str, np.ndarray]

    @property
    def headline(self) -> float:
        """AP, 0 to 1; NaN without anything to find."""
        return float("nan") if self.figures["AP"] is None else self.figures["AP"]

    @property
    def thresholds(self) -> dict[str, float]:
        """The score with the best F1 of each class that has one."""
        return {c.name: c.threshold for c in self.classes if c.threshold is not None}

    def draw(self, folder: Path) -> None:
        """Nothing: what can be drawn needs the answers, see `Task.draw_figures`."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the curves."""
        return {
            "count": self.count,
            "seconds": self.seconds,
            "figures": dict(self.figures),
            "classes": [asdict(c) for c in self.classes],
        }

    def __str__(self) -> str:
        twelve = "  ".join(f"{name} {_percent(value)}" for name, value in self.figures.items())
        width = max(map(len, ("class", *(c.name for c in self.classes))))
        head = f"{'class':{width}}  truths     AP  95 % interval   AP50  threshold"
        rows = [
            f"{c.name:{width}}  {c.truths:6}  {_percent(c.ap):>5}  "
            f"{_percent(c.low):>5} to {_percent(c.high):>5}  {_percent(c.ap50):>5}  "
            f"{'–' if c.threshold is None else f'{c.threshold:.3f}':>9}"
            for c in self.classes
        ]
        return "\n".join([f"{counted(self.count, 'picture')}, %: {twelve}", head, *rows])


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


class BoxMeter:
    """Collects truths and detections picture by picture, in pixels of the upright picture.

    Args:
        names: Of the classes.
        draws: Bootstrap draws of the intervals; 0 for none.

    All detections above the source's low threshold belong here: one for display lowers AP.

    Attributes:
        pictures: What was taken in: `truths`, `labels`, `crowd` and `areas` of the boxes to be
            found; `boxes`, `scores` and `classes` of what was found.
    """

    def __init__(self, names: Sequence[str], draws: int = 500):
        self.names, self.draws = tuple(names), draws
        self.pictures: list[dict[str, np.ndarray]] = []

    def add(
        self, truth: Mapping[str, Any], boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray
    ) -> None:
        """Takes in one picture.

        Args:
            truth: `"boxes"` `(m, 4)` and `"classes"` `(m,)` from 0; optionally `"crowd"`, bool
                `(m,)`: neither to be found nor wrong to find (VOC's "difficult" too), and
                `"areas"` `(m,)` where they are not the boxes'.
            boxes: `(n, 4)` of detections.
            scores: `(n,)`.
            classes: `(n,)`, from 0.
        """
        truths = np.asarray(truth["boxes"], "float64").reshape(-1, 4)
        sides = truths[:, 2:] - truths[:, :2]
        self.pictures.append(
            {
                "truths": truths,
                "labels": np.asarray(truth["classes"], "int64").reshape(-1),
                "crowd": np.asarray(truth.get("crowd", np.zeros(len(truths))), bool).reshape(-1),
                "areas": np.asarray(truth.get("areas", sides.prod(axis=1)), "float64").reshape(-1),
                "boxes": np.asarray(boxes, "float64").reshape(-1, 4),
                "scores": np.asarray(scores, "float64").reshape(-1),
                "classes": np.asarray(classes, "int64").reshape(-1),
            }
        )

    def result(self, seconds: float = 0.0, quick: bool = False) -> DetectionFigures:
        """The figures of all pictures so far, which took so many seconds.

        Args:
            seconds: For the record.
            quick: Whether AP and AP50 are all of the twelve that is wanted: they follow from the
                classes', without faster-coco-eval.
        """
        matches = [self._matches(number) for number in range(len(self.names))]
        return DetectionFigures(
            _means(matches) if quick else self._twelve(),
            tuple(self._of_class(n, m) for n, m in zip(self.names, matches, strict=True)),
            len(self.pictures),
            seconds,
            {n: m.precision_at_recalls() for n, m in zip(self.names, matches, strict=True)},
        )

    def interval(self, draws: int = 200, seed: int = 0) -> tuple[float, float] | None:
        """95 % bootstrap interval of AP over all classes; None where there is nothing to find."""
        matches = [m for n in range(len(self.names)) if (m := self._matches(n)).truths.sum()]
        count = len(self.pictures)
        if not matches:
            return None
        generator = np.random.default_rng(seed)
        figures = []
        for _ in range(draws):
            times = np.bincount(generator.integers(count, size=count), minlength=count)
            found = [m.average_precision(times.astype("float64")).mean() for m in matches]
            if known := [f for f in found if not np.isnan(f)]:
                figures.append(np.mean(known))
        low, high = np.percentile(figures, (2.5, 97.5))
        return float(low), float(high)

    def _matches(self, number: int) -> ClassMatches:
        pictures = []
        for p in self.pictures:
            mine, found = p["labels"] == number, p["classes"] == number
            pictures.append(
                (p["truths"][mine], p["crowd"][mine], p["boxes"][found], p["scores"][found])
            )
        return match_class(pictures)

    def _of_class(self, name: str, matches: ClassMatches) -> ClassFigures:
        precision = matches.average_precision()
        low, high = matches.interval(self.draws) if self.draws else (float("nan"),) * 2
        threshold, at, recall = matches.best_f1() or (None, None, None)
        return ClassFigures(
            name=name,
            truths=int(matches.truths.sum()),
            ap=_known(precision.mean()),
            ap50=_known(precision[0]),
            low=_known(low),
            high=_known(high),
            threshold=threshold,
            precision=at,
            recall=recall,
        )

    def _twelve(self) -> dict[str, float | None]:
        """By faster-coco-eval."""
        truth, found = self._coco()
        if not truth["annotations"]:
            return dict.fromkeys(TWELVE)
        try:
            from faster_coco_eval import COCO, COCOeval_faster
        except ImportError as error:
            raise ImportError(
                'Boxes are evaluated by faster-coco-eval: pip install "kerazoo[detection]"'
            ) from error
        with contextlib.redirect_stdout(io.StringIO()):
            reference = COCO(truth)
            run = COCOeval_faster(reference, reference.loadRes(found), "bbox")
            run.run()
        return {n: _known(float(v)) for n, v in zip(TWELVE, run.stats[:12], strict=True)}

    def _coco(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Truths and detections as COCO's files have them."""
        truths, found = [], []
        for picture, p in enumerate(self.pictures, 1):
            for box, label, crowd, area in zip(
                p["truths"], p["labels"], p["crowd"], p["areas"], strict=True
            ):
                truths.append(
                    {
                        "id": len(truths) + 1,
                        **_annotation(picture, label, box),
                        "area": float(area),
                        "iscrowd": int(crowd),
                    }
                )
            found += [
                {**_annotation(picture, label, box), "score": float(score)}
                for box, label, score in zip(p["boxes"], p["classes"], p["scores"], strict=True)
            ]
        return {
            "images": [{"id": i + 1} for i in range(len(self.pictures))],
            "annotations": truths,
            "categories": [{"id": i + 1, "name": n} for i, n in enumerate(self.names)],
        }, found


def _means(matches: Sequence[ClassMatches]) -> dict[str, float | None]:
    """AP and AP50 of the classes that there are."""
    found = [m.average_precision() for m in matches if m.truths.sum()]
    if not found:
        return dict.fromkeys(("AP", "AP50"))
    each = np.array(found)
    return {"AP": float(each.mean()), "AP50": float(each[:, 0].mean())}


def _annotation(picture: int, label: int, box: np.ndarray) -> dict[str, Any]:
    x1, y1, x2, y2 = map(float, box)
    return {
        "image_id": picture,
        "category_id": int(label) + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
    }


def _known(value: float) -> float | None:
    """None for NaN and for COCO's -1, which both say that there was nothing to find."""
    return None if np.isnan(value) or value < 0 else float(value)
