"""A data set as pictures with their targets: the value that all readers make."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kerazoo._checks import check_int

SHOWN = 3  # places that a message names


@dataclass(frozen=True)
class Finding:
    """Something odd in the annotations of a split; `str()` of it is a line for people.

    Attributes:
        kind: What: `"boxes without area"`.
        action: What was done about it.
        places: Where, each: file and line, or id.
        fine: Whether it is in order, and merely counted.
    """

    kind: str
    action: str
    places: tuple[str, ...]
    fine: bool = False

    def __str__(self) -> str:
        rest = len(self.places) - SHOWN
        shown = "; ".join(self.places[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
        return f"{self.kind}: {len(self.places)}, {self.action} ({shown})"


@dataclass(frozen=True)
class Source:
    """A split of a data set, wherever it comes from; `open_source` finds the reader.

    Attributes:
        name: The data set's TFDS name, or the name of its folder or file.
        split: The split, slices included (`"validation[:100]"`).
        task: What a target is: that of the task of this name (`kerazoo.tasks`).
        classes: Names of the classes.
        count: Number of pictures.
        pictures: `tf.data.Dataset` of (picture, target), always in the same order. A target is a
            nest of tensors, as the task says.
        encoded: Whether a picture is a string, the bytes of a file that `kerazoo.open_picture`
            reads; otherwise it is a uint8 array `(height, width, channels)`.
        fetch: `int64 index -> (picture, target)` for tf.data graphs, where pictures can be reached
            one by one; None where they come in a stream. That of arrays also takes a vector of
            indices and gives a batch.
        files: Paths of the pictures, in order, where each is a file.
        shape: `(height, width, channels)` where all pictures are known to have one.
        class_ids: The data set's own numbers of the classes, where they are not 0, 1, 2, … (COCO
            has gaps).
        findings: What was odd in the annotations, see `Finding`.
    """

    name: str
    split: str
    task: str
    classes: tuple[str, ...]
    count: int
    pictures: Any
    encoded: bool = True
    fetch: Callable[[Any], tuple[Any, Any]] | None = None
    files: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None
    class_ids: tuple[int, ...] | None = None
    findings: tuple[Finding, ...] = ()

    def picture_name(self, index: int) -> str:
        """How to call a picture in a message: its path, or its place in the split."""
        check_int("index", index, 0, self.count - 1)
        return self.files[index] if self.files else f"{self.name} {self.split}, picture {index}"
