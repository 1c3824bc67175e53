"""Pictures with boxes as a `Source`, whatever format they came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid, unknown
from kerazoo.data.boxes.findings import Findings, tell
from kerazoo.data.boxes.geometry import BoxedPicture, RawPicture, settle
from kerazoo.data.labelled import choose
from kerazoo.data.source import Source
from kerazoo.data.splits import split_name, split_of

TASK = "detection"
EMPTY = -1  # class of padding


@dataclass(frozen=True)
class Annotated:
    """A split as a file or folder has it.

    Attributes:
        pictures: In order.
        classes: Names.
        ids: The data set's own numbers of these, where they are not 0, 1, 2, …
        findings: What was odd while reading.
    """

    pictures: Sequence[RawPicture]
    classes: tuple[str, ...]
    ids: tuple[int, ...] | None
    findings: Findings


def boxed_source(
    name: str,
    split: str,
    splits: Sequence[str],
    read: Callable[[str], Annotated],
    *,
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Source:
    """The pictures of a split that are there, in the order of a hash of their paths.

    Args:
        name: Of the data set.
        split: With or without a slice.
        splits: Those that there are; `("all",)` where all pictures are in one.
        read: Reads one of them.
        fractions, seed: As for `folder_source`.
        strict: Whether pictures whose boxes cannot be placed are an error; otherwise they are left
            out, and told among `Source.findings`.

    Raises:
        ValueError: No such split, no picture, or such pictures.
    """
    wanted = split_name(split)
    own = () if tuple(splits) == ("all",) else tuple(splits)
    inside, parts = split_of(wanted, own, fractions) if own else (wanted, fractions)
    if own and inside not in own:
        raise unknown("split", split, own)
    if not own and not fractions and inside != "all":
        raise unknown("split", split, ["all"])
    annotated = read(inside if own else "all")
    findings = annotated.findings
    found = [picture for raw in annotated.pictures if (picture := settle(raw, findings))]
    if strict and (refused := findings.refusals()):
        raise invalid("data", name, f"one that fits its annotations. {refused[0]}")
    if not found:
        reasons = "; ".join(map(str, findings.all())) or "it lists none"
        raise invalid("data", f"{name} {split}", f"a split with pictures: {reasons}")
    tell(f"{name} {inside}", findings.all())
    rare = _rarest(found, len(annotated.classes))
    keep = choose(split, rare, [str(each.path) for each in found], parts, seed)
    return _source(name, split, annotated, [found[i] for i in keep])


def _source(
    name: str, split: str, annotated: Annotated, pictures: Sequence[BoxedPicture]
) -> Source:
    counts = np.array([len(each.boxes) for each in pictures])
    most = max(1, int(counts.max()))
    ends = tf.constant(np.cumsum(counts))
    lengths = tf.constant(counts)
    paths = tf.constant([str(each.path) for each in pictures])
    sizes = tf.constant([each.size for each in pictures], tf.int32)
    # All boxes in a row, and what fills the places of a picture that has fewer than others.
    rows = {
        "boxes": (_flat(pictures, "boxes", "float32").reshape(-1, 4), 0.0),
        "classes": (_flat(pictures, "labels", "int64"), EMPTY),
        "crowd": (_flat(pictures, "crowd", "bool"), False),
        "areas": (_flat(pictures, "areas", "float32"), 0.0),
    }
    flat = {key: (tf.constant(values), fill) for key, (values, fill) in rows.items()}

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, dict[str, Any]]:
        end, length = tf.gather(ends, index), tf.gather(lengths, index)
        target = {"size": tf.gather(sizes, index)}
        for key, (values, fill) in flat.items():
            own = values[end - length : end]
            margin = [[0, most - length], *[[0, 0]] * (len(own.shape) - 1)]
            padded = tf.pad(own, margin, constant_values=fill)
            target[key] = tf.ensure_shape(padded, (most, *own.shape[1:]))
        return tf.io.read_file(tf.gather(paths, index)), target

    dataset = tf.data.Dataset.range(len(pictures)).map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    return Source(
        name,
        split,
        TASK,
        annotated.classes,
        len(pictures),
        dataset,
        fetch=fetch,
        files=tuple(str(each.path) for each in pictures),
        class_ids=annotated.ids,
        findings=annotated.findings.all(),
    )


def _flat(pictures: Sequence[BoxedPicture], field: str, dtype: str) -> np.ndarray:
    values = [value for each in pictures for value in getattr(each, field)]
    return np.array(values, dtype)


def _rarest(pictures: Sequence[BoxedPicture], classes: int) -> np.ndarray:
    """The rarest class in each picture, by which parts of a split get their share of each."""
    counts = np.bincount([label for each in pictures for label in each.labels], minlength=classes)
    return np.array([min(each.labels, key=lambda c: counts[c], default=EMPTY) for each in pictures])
