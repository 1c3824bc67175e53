"""The one registry of pretrained weights: a frozen record per checkpoint, kept as JSON.

`records/<family>.json` holds the facts (made by `tools/make_records.py` from the publishers' own
figures); `records/own.json` holds the checkpoints that kerazoo trained itself. Neither Keras nor
TensorFlow is imported here.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo._fields import Record, field, record
from kerazoo._rules import Rule, choice, flag, integer, number, optional, row, table, text
from kerazoo.checkpoints.fetch.integrity import Digest
from kerazoo.preprocessing import Preprocessing

STANDARD_SIZE = 224
USUAL = ("imagenet", "coco", "voc", "cityscapes")  # data sets, in the order of preference
LAYOUTS = (
    *("timm", "torchvision", "keras", "kerazoo", "tensorflow"),
    *("espnetv2", "edgenets", "espnet", "deeplab"),
)
_COMMIT = Rule("a full commit of 40 digits", lambda v: isinstance(v, str) and len(v) == 40)


@dataclass(frozen=True)
class Checkpoint(Record, keys="record key"):
    """What is known about one file of trained weights.

    Args:
        id: Registered id, for `weights=`.
        model: kerazoo model id that the weights belong to.
        task: `"classification"`, ...
        dataset: What it was trained on: `"imagenet"`, `"cifar10"`, ...
        classes: Number of outputs.
        labels: Name of the label set, or None.
        source: `"hub"`, `"url"` or `"package"`.
        location: Hub repository, whole URL, or path inside the installed package.
        filename: File in the repository, or name in the cache.
        revision: Full commit of the repository, or None for the head of its main branch.
        integrity: Digests that the publisher printed. Empty: see `sources` for what is checked.
        licence: Licence of the weights, as an SPDX-like id.
        non_commercial: Whether the licence forbids commercial use; never a default then.
        layout: Naming of the tensors: `"timm"`, `"torchvision"`, `"keras"`, `"kerazoo"`, ...
        padding: `"same"` or `"symmetric"`, the convention it was trained with.
        batch_norm_epsilon: Epsilon of every batch normalisation.
        preprocessing: How pictures are made ready for it.
        metrics: `top1`, `top5` in percent, `size` in pixels, `source` of the figures.
        arguments: Further constructor arguments that it needs.
        default: Whether `weights="<dataset>"` means this one (one for each picture size).
        notes: What else a reader should know.
    """

    id: str = field(text())
    model: str = field(text())
    task: str = field(text())
    dataset: str = field(text())
    classes: int = field(integer())
    labels: str | None = field(optional(text()))
    source: str = field(choice("hub", "url", "package"))
    location: str = field(text())
    filename: str = field(text())
    revision: str | None = field(optional(_COMMIT))
    integrity: tuple[Digest, ...] = field(row(record(Digest), "a list of digests"))
    licence: str = field(text())
    non_commercial: bool = field(flag())
    layout: str = field(choice(*LAYOUTS))
    padding: str = field(choice("same", "symmetric"))
    batch_norm_epsilon: float = field(number(above=0))
    preprocessing: Preprocessing = field(record(Preprocessing))
    metrics: Mapping[str, Any] = field(table(fixed=True), {})
    arguments: Mapping[str, Any] = field(table(fixed=True), {})
    default: bool = field(flag(), False)
    notes: str = field(text(least=0), "")

    def check_together(self) -> None:
        if self.default and self.non_commercial:
            raise invalid("default", True, f"False for non-commercial weights ({self.id})")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures it was trained for, in pixels."""
        return self.preprocessing.size


@functools.cache
def _registry() -> Mapping[str, Checkpoint]:
    registry: dict[str, Checkpoint] = {}
    folder = resources.files("kerazoo.checkpoints").joinpath("records")
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".json"):
            continue
        for facts in json.loads(file.read_text("utf-8"))["checkpoints"]:
            checkpoint = Checkpoint.from_dict(facts)
            if checkpoint.id in registry:
                raise invalid("id", checkpoint.id, f"unique among all records ({file.name})")
            registry[checkpoint.id] = checkpoint
    return MappingProxyType(registry)


def all_checkpoints() -> tuple[Checkpoint, ...]:
    """Every registered checkpoint, family by family."""
    return tuple(_registry().values())


@checked("model_id")
def checkpoints_for(model_id: str) -> tuple[Checkpoint, ...]:
    """The checkpoints of one model, defaults first; empty where there are none."""
    found = [c for c in all_checkpoints() if c.model == model_id]
    return tuple(sorted(found, key=lambda c: not c.default))


@checked("checkpoint_id")
def get_checkpoint(checkpoint_id: str) -> Checkpoint:
    """The record with this id, for instance `"timm/tf_mixnet_m.in1k"`.

    Raises:
        ValueError: Unknown id; the message gives the nearest ones.
    """
    registry = _registry()
    if checkpoint_id not in registry:
        raise unknown("weights", checkpoint_id, registry)
    return registry[checkpoint_id]


def usual_dataset(model_id: str) -> str:
    """The data set whose weights a model has where nobody names one; "imagenet" without any."""
    known = {c.dataset for c in checkpoints_for(model_id) if c.default}
    return next((name for name in USUAL if name in known), USUAL[0])


@checked("model_id", "dataset", "size")
def default_checkpoint(
    model_id: str, dataset: str = "imagenet", size: int | tuple[int, int] | None = None
) -> Checkpoint:
    """The checkpoint that `weights="imagenet"` (or another data set) means for a model.

    Args:
        model_id: Model id with its width, such as `"mobilenet_v1_050"`.
        dataset: Data set it was trained on.
        size: Side of the pictures in pixels, or `(height, width)`. Where the publisher trained one
            checkpoint for each of several sizes, the one for this size is chosen; without an exact
            match, and for None, the one for 224 pixels, or the largest.

    Raises:
        ValueError: The model has no default weights for this data set.
    """
    known = checkpoints_for(model_id)
    found = [c for c in known if c.default and c.dataset == dataset]
    if not found:
        accepted = sorted({c.dataset for c in known if c.default}) + sorted(c.id for c in known)
        if not accepted:
            raise ValueError(
                f"There are no pretrained weights for `{model_id}`; use `weights=None` or a file. "
                f"Received: `weights={dataset!r}`"
            )
        raise unknown("weights", dataset, accepted)
    wanted = (size, size) if isinstance(size, int) else tuple(size) if size else None
    by_size: dict[Any, Checkpoint] = {c.size: c for c in found}
    standard = (STANDARD_SIZE, STANDARD_SIZE)
    return by_size.get(wanted) or by_size.get(standard) or by_size[max(by_size)]
