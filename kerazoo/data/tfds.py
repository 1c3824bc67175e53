"""Data sets that TFDS has prepared on disk."""

import os
from pathlib import Path
from typing import Any

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid, unknown
from kerazoo.data.boxes.annotated import TASK as OF_BOXES
from kerazoo.data.boxes.prepared import has_boxes, prepared_source
from kerazoo.data.labelled import TASK
from kerazoo.data.masks.prepared import mask_feature, prepared_masks
from kerazoo.data.masks.source import TASK as OF_MASKS
from kerazoo.data.source import Source
from kerazoo.data.splits import default_split


@checked("name", "split", "task", "data_dir")
def tfds_source(
    name: str,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike,
    shards: int = 1,
    task: str | None = None,
    **options: Any,
) -> Source:
    """Opens a split that TFDS has prepared under `data_dir`; nothing is ever downloaded.

    The pictures stay encoded, so that each model decodes and resizes them in its own way.

    Args:
        name: TFDS name, for instance `"imagenet2012"` or `"cifar10"`; of boxes `"coco/2017"`,
            `"voc/2007"`.
        split: For instance `"validation"` or `"test[:1000]"`. By default the data set's
            `"validation"`, or `"test"` where it has none.
        data_dir: The TFDS folder that holds `<name>/<version>`.
        shards: Files read at once, their pictures interleaved. With 1 the first pictures are the
            same however many are asked for; training reads several, to mix them better.
        task: What the data are for, where a set has more than one kind of target; by default a
            label for each picture counts, else boxes, else masks.
        **options: Of masks: `classes` and `ignore`, what their values mean (see
            `kerazoo.data.masks.prepared`).

    Raises:
        ValueError: No such folder, data set or split, or neither pictures with one label each nor
            with boxes or masks.
    """
    check_int("shards", shards)
    builder = _builder(name, Path(data_dir))
    if split is None:
        split = default_split(tuple(builder.info.splits), "evaluate")
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    kind = _kind(name, features, task)
    if wrong := set(options) - ({"classes", "ignore"} if kind == OF_MASKS else set()):
        rule = "left out for a TFDS set, which has its own splits and classes"
        raise invalid(min(wrong), options, rule)
    pixels = mask_feature(features) if kind == OF_MASKS else None
    rows = builder.as_dataset(
        split=_checked_split(builder, split),
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=shards, try_autocache=False),
        decoders=dict.fromkeys(filter(None, ("image", pixels)), tfds.decode.SkipDecoding()),
    )
    count = builder.info.splits[split].num_examples
    if kind == OF_BOXES:
        return prepared_source(name, split, features, rows, count)
    if pixels is not None:
        return prepared_masks(name, split, features[pixels], pixels, rows, count, **options)
    pictures = rows.map(lambda row: (row["image"], row["label"]))
    shape = features["image"].shape
    shape = shape if all(shape) else None
    classes = tuple(features["label"].names)
    return Source(name, split, TASK, classes, count, pictures, shape=shape)


def tfds_splits(name: str, data_dir: str | os.PathLike) -> list[str]:
    """Names of the splits of a set that TFDS has prepared under `data_dir`; raises as above."""
    return list(_builder(name, Path(data_dir)).info.splits)


def _kind(name: str, features: dict[str, Any], task: str | None) -> str:
    """The task that a set is opened for."""
    import tensorflow_datasets as tfds

    there = {
        TASK: isinstance(features.get("label"), tfds.features.ClassLabel),
        OF_BOXES: has_boxes(features),
        OF_MASKS: mask_feature(features) is not None,
    }
    kinds = [kind for kind, found in there.items() if found]
    if not isinstance(features.get("image"), tfds.features.Image) or not kinds:
        rule = "a data set with the feature `image` and a `label`, `objects` or a mask"
        raise invalid("name", name, rule)
    return task if task in kinds else kinds[0]


def _builder(name: str, data_dir: Path) -> Any:
    if not data_dir.is_dir():
        raise invalid("data_dir", str(data_dir), "an existing folder with TFDS data sets")
    # `cifar10/3.0.2/`, and `coco/2017/1.1.0/` of sets that come in several forms.
    here = [
        found.parents[1].relative_to(data_dir).as_posix()
        for depth in ("*", "*/*")
        for found in data_dir.glob(f"{depth}/*/features.json")
    ]
    if name not in here:
        if not here:
            raise invalid("data_dir", str(data_dir), "a folder that holds <data set>/<version>")
        raise unknown("name", name, here)
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "Reading TFDS sets needs tensorflow-datasets, which is not installed: "
            'pip install "kerazoo[data]"'
        ) from error
    # Read from the files' own description: the version at hand need not be the newest TFDS knows.
    versions = [v for v in (data_dir / name).iterdir() if (v / "features.json").exists()]
    newest = max(versions, key=lambda folder: [int(n) for n in folder.name.split(".")])
    return tfds.builder_from_directory(newest)


def _checked_split(builder: Any, split: str) -> str:
    splits = builder.info.splits
    if split.partition("[")[0] not in splits:
        raise unknown("split", split, splits)
    try:
        empty = not splits[split].num_examples
    except ValueError as error:  # a slice that TFDS cannot parse, or out of bounds
        raise invalid("split", split, f"a split or a slice of one: {error}") from error
    if empty:
        raise invalid("split", split, "a slice that holds at least one picture")
    return split
