"""Data sets as pictures with their labels: one description, and the sets that TFDS prepared."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid, unknown


@dataclass(frozen=True)
class Source:
    """A split of a classification data set, wherever it comes from.

    `load_source` makes one of a TFDS set; `kerazoo.data.folder` of folders, CSV files and arrays.

    Attributes:
        name: The data set's TFDS name, or the name of its folder or file.
        split: The split, slices included (`"validation[:100]"`).
        classes: Names of the classes.
        count: Number of pictures.
        pictures: `tf.data.Dataset` of (picture, int64 label), always in the same order.
        encoded: Whether a picture is a string of JPEG, PNG, GIF or BMP bytes; otherwise it is a
            uint8 array `(height, width, channels)`.
        fetch: `int64 index -> (picture, label)` for tf.data graphs, where pictures can be reached
            one by one; None where they come in a stream. That of arrays also takes a vector of
            indices and gives a batch.
        files: Paths of the pictures, in order, where each is a file.
        shape: `(height, width, channels)` where all pictures are known to have one.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    count: int
    pictures: Any
    encoded: bool = True
    fetch: Callable[[Any], tuple[Any, Any]] | None = None
    files: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None

    def picture_name(self, index: int) -> str:
        """How to call a picture in a message: its path, or its place in the split."""
        return self.files[index] if self.files else f"{self.name} {self.split}, picture {index}"


def load_source(
    name: str, split: str | None = None, *, data_dir: str | os.PathLike, shards: int = 1
) -> Source:
    """Opens a split that TFDS has prepared under `data_dir`; nothing is ever downloaded.

    The pictures stay encoded, so that each model decodes and resizes them in its own way.

    Args:
        name: TFDS name, for instance `"imagenet2012"` or `"cifar10"`.
        split: For instance `"validation"` or `"test[:1000]"`. By default the data set's
            `"validation"`, or `"test"` where it has none.
        data_dir: The TFDS folder that holds `<name>/<version>`.
        shards: Files read at once, their pictures interleaved. With 1 the first pictures are the
            same however many are asked for; training reads several, to mix them better.

    Raises:
        ValueError: No such folder, data set or split, or not pictures with one label each.
    """
    builder = _builder(name, Path(data_dir))
    if split is None:
        split = "validation" if "validation" in builder.info.splits else "test"
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    if not isinstance(features.get("image"), tfds.features.Image) or not isinstance(
        features.get("label"), tfds.features.ClassLabel
    ):
        raise invalid("name", name, "a data set with the features `image` and `label`")
    pictures = builder.as_dataset(
        split=_checked_split(builder, split),
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=shards, try_autocache=False),
        decoders={"image": tfds.decode.SkipDecoding()},
    ).map(lambda row: (row["image"], row["label"]))
    count = builder.info.splits[split].num_examples
    shape = features["image"].shape
    shape = shape if all(shape) else None
    return Source(name, split, tuple(features["label"].names), count, pictures, shape=shape)


def tfds_splits(name: str, data_dir: str | os.PathLike) -> list[str]:
    """Names of the splits of a set that TFDS has prepared under `data_dir`; raises as above."""
    return list(_builder(name, Path(data_dir)).info.splits)


def _builder(name: str, data_dir: Path) -> Any:
    if not data_dir.is_dir():
        raise invalid("data_dir", str(data_dir), "an existing folder with TFDS data sets")
    here = [folder.name for folder in data_dir.iterdir() if any(folder.glob("*/features.json"))]
    if name not in here:
        if not here:
            raise invalid("data_dir", str(data_dir), "a folder that holds <data set>/<version>")
        raise unknown("name", name, here)
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "Reading data sets needs the package tensorflow-datasets, which is not installed."
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
