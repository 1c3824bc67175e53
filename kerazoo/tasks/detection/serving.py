"""What an exported detector says of itself, and what a server answers with it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kerazoo.tasks.detection.detector import CODES, LOGITS, detector_of
from kerazoo.tasks.detection.predictions import class_names, least_scores


def facts(model: Any, labels: Any) -> dict[str, Any]:
    """`outputs` and `labels` of an `ExportRecord`; see `Task.facts`.

    Args:
        model: A detector of kerazoo's.
        labels: Name of a label set or the names; by default the numbers of the classes from 1.
    """
    outputs = {CODES: "box codes of each anchor", LOGITS: "logits of each anchor, background first"}
    return {"outputs": outputs, "labels": class_names(model.output[LOGITS].shape[-1] - 1, labels)}


def signatures(
    record: Any, batch: bool = False, threshold: float | None = None, most: int = 100
) -> dict[str, Any]:
    """`detect`: `answer` without names, which LiteRT and ONNX files have beside the network."""

    def detect(outputs: Mapping[str, Any]) -> dict[str, Any]:
        found = _found(outputs, record, threshold, most, one=not batch)
        return {name: found[name] for name in ("boxes", "scores", "classes", "count")}

    return {"detect": detect}


def answer(
    outputs: Mapping[str, Any], record: Any, threshold: float | None = None, most: int = 100
) -> dict[str, Any]:
    """What was found in each picture, the surest first, zeros (and no name) after `count`.

    `boxes` `(batch, n, 4)`: x1, y1, x2, y2 as shares of the network's input, which are shares of
    the picture where that is stretched; `scores`, `classes` from 0 and `names` `(batch, n)`;
    `count` `(batch,)`. All boxes above the thresholds enter suppression, whatever number of
    candidates the detector's rule limits it to.
    """
    import tensorflow as tf

    found = _found(outputs, record, threshold, most)
    there = tf.range(tf.shape(found["scores"])[1])[None] < found["count"][:, None]
    names = tf.gather(tf.constant(record.labels), found["classes"])
    return {**found, "names": tf.where(there, names, "")}


def _found(
    outputs: Mapping[str, Any], record: Any, threshold: float | None, most: int, one: bool = False
) -> dict[str, Any]:
    """`boxes`, `scores`, `classes` and `count`; of one picture alone with what LiteRT has."""
    import tensorflow as tf

    from kerazoo.tasks.detection.postprocess_graph import find_in_graph, find_one_in_graph

    detector = detector_of(record)
    height, width = detector.size
    boxes = detector.coder.decode(tf.constant(detector.boxes()), outputs[CODES])
    rule = detector.suppression
    total = min(most, rule.total or most)
    rule = replace(rule, candidates=None, per_class=total, total=total, clip=True)
    least = least_scores(len(record.labels), record.confidence, threshold).tolist()
    find = find_one_in_graph if one else find_in_graph
    found = find(boxes, outputs[LOGITS], rule, detector.size, least)
    shares = found["boxes"] / tf.constant((width, height, width, height), tf.float32)
    return {**found, "boxes": tf.clip_by_value(shares, 0.0, 1.0)}
