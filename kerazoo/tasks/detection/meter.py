"""COCO's figures of a detector, from its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.labels import label_names, shared_classes
from kerazoo.tasks.detection.candidates import candidates, class_count
from kerazoo.tasks.detection.detector import detector_of
from kerazoo.tasks.detection.evaluation import BoxMeter, DetectionFigures
from kerazoo.tasks.detection.postprocess import Found, find
from kerazoo.tasks.detection.targets import EMPTY


@dataclass(frozen=True)
class Classes:
    """Which class of a network is which of a data set.

    Attributes:
        names: Those that both know, as the data set calls them.
        of_network: Place among `names` of each class of the network, -1 for none.
        of_source: The same of each class of the data set.
    """

    names: tuple[str, ...]
    of_network: np.ndarray
    of_source: np.ndarray


def common_classes(network: Any, count: int, source: Any) -> Classes:
    """Matches classes by name, whatever their order.

    Args:
        network: A `kerazoo.predictor.Predictor`.
        count: Classes of its outputs, background left out.
        source: A `kerazoo.data.source.Source`.

    Raises:
        ValueError: There is none in common.
    """
    labels = getattr(network.record, "labels", None)
    if labels is None:
        if count != len(source.classes):
            rule = f"a detector of the {len(source.classes)} classes of {source.name!r}"
            raise invalid("model", f"{network.name} of {count} classes without names", rule)
        return Classes(source.classes, np.arange(count), np.arange(count))
    names = label_names(labels) if isinstance(labels, str) else labels
    shared = shared_classes(source.classes, names)
    if not shared:
        some = ", ".join(map(repr, names[:5]))
        rule = f"a detector of a class of {source.name!r}, such as {source.classes[0]!r}"
        raise invalid("model", f"{network.name} of {some}, …", rule)
    of_source, of_network = np.full(len(source.classes), -1), np.full(count, -1)
    for place, (own, other) in enumerate(shared.items()):
        of_source[own] = of_network[other] = place
    return Classes(tuple(source.classes[number] for number in shared), of_network, of_source)


class Decoder:
    """Boxes in pixels of upright pictures from a network's outputs, at its source's low threshold.

    Args:
        network: A `kerazoo.predictor.Predictor` of a detector.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self._detector = detector_of(network.record)

    def __call__(self, outputs: Mapping[str, Any], sizes: Sequence[Any]) -> list[Found]:
        """What was found in each picture of a batch.

        Args:
            outputs: `codes` and `logits`, the batch first, or what `tiles.merge` made of them.
            sizes: Height and width of each picture, upright.
        """
        offered = candidates(outputs, self._detector)
        found = []
        for boxes, scores, size in zip(offered.boxes, offered.scores, sizes, strict=True):
            height, width = (int(side) for side in size)
            if not offered.merged:
                back = self._network.preprocessing.place(height, width).inverse
                boxes = back.boxes(boxes).astype("float32")
            found.append(find(boxes, scores, offered.rule, (height, width)))
        return found


class DetectionMeter:
    """See `kerazoo.tasks.learning.Meter`.

    Args:
        source: The pictures.
        network: A `kerazoo.predictor.Predictor`.
        quick: Whether AP alone is wanted: without intervals, and without COCO's other figures.
    """

    def __init__(self, source: Any, network: Any, quick: bool = False) -> None:
        self._source, self._network, self._quick = source, network, quick
        self._decode = Decoder(network)
        self._boxes: BoxMeter | None = None
        self.classes: Classes

    def update(self, outputs: Mapping[str, Any], targets: Any) -> None:
        """Takes in a batch: `codes`, `logits`, and targets in pixels of the upright pictures."""
        if self._boxes is None:
            count = class_count(outputs)
            self.classes = common_classes(self._network, count, self._source)
            self._boxes = BoxMeter(self.classes.names, draws=0 if self._quick else 500)
        for number, found in enumerate(self._decode(outputs, targets["size"])):
            truth = {key: values[number] for key, values in targets.items()}
            self._boxes.add(*self._matched(truth, found))

    def _matched(self, truth: Mapping[str, Any], found: Found) -> tuple[dict, Any, Any, Any]:
        """Truths and detections of the classes that both know."""
        classes = self.classes
        there = truth["classes"] > EMPTY
        there[there] = classes.of_source[truth["classes"][there]] >= 0
        own = {key: truth[key][there] for key in ("boxes", "crowd", "areas") if key in truth}
        own["classes"] = classes.of_source[truth["classes"][there]]
        numbers = classes.of_network[found.classes]
        kept = numbers >= 0
        return own, found.boxes[kept], found.scores[kept], numbers[kept]

    @property
    def boxes(self) -> BoxMeter:
        """What was taken in so far.

        Raises:
            ValueError: Nothing was.
        """
        if self._boxes is None:
            raise ValueError("No picture was measured.")
        return self._boxes

    def result(self, seconds: float) -> DetectionFigures:
        """The figures of all pictures so far.

        Raises:
            ValueError: There is none.
        """
        return self.boxes.result(seconds, quick=self._quick)
