"""Anchors (default boxes, priors): where a detector may look, by the rules of the public sources.

Three kinds of rule say which shapes stand on each map: `SSDAnchors` (the SSD paper's, as
torchvision, Caffe, ssd.pytorch, EdgeNets and pytorch-ssd write it), `TensorFlowAnchors` (Object
Detection API) and `FittedAnchors` (made by `kerazoo.tasks.detection.fitting`). `make_anchors` turns
any of them into boxes. Rows are ordered by map, row, column, shape: the order of a head's outputs,
flattened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kerazoo._checks import check_choice
from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._rules import choice, flag, number, optional, row, word

Size = tuple[int, int]  # height, width

_SCALES = row(number(above=0), "two positive numbers or more", least=2)


class AnchorRule(Protocol):
    """What `make_anchors` asks."""

    @property
    def clip(self) -> str:
        """What is kept within the picture: see `SSDAnchors`."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """Anchors in a cell of each map."""
        ...

    def shapes(self, level: int, size: Size) -> np.ndarray:
        """Widths and heights in pixels, `(count, 2)`, for a picture of `size`."""
        ...

    def step(self, level: int, grid: Size, size: Size) -> tuple[float, float]:
        """Pixels from a cell to the one below it, and to the one beside it."""
        ...


@dataclass(frozen=True)
class SSDAnchors(Record):
    """The rule of the SSD paper (arXiv 1512.02325, section 2.2), one scale a map.

    A cell has the shapes s, √(s·s'), then for each ratio r the wide (s·√r, s/√r) and the high
    (s/√r, s·√r), where s' is the next map's scale.

    Args:
        scales: Of each map, and one more, as shares of the picture's sides: width and height of a
            shape are stretched as a picture is that is not square.
        ratios: Of each map, above 1.
        steps: Pixels between cells of each map; None divides the picture evenly.
        clip: `"no"`; `"sizes"` (no wider or higher than the picture); `"centres and sizes"`.
            Corners may lie outside in every case.
        first_between: Whether the first map has the shape √(s·s') too.
        rule: `"ssd"`, which tells it from the others in JSON.
    """

    scales: tuple[float, ...] = field(_SCALES)
    ratios: tuple[tuple[float, ...], ...] = field(
        row(row(number(above=1), "numbers above 1"), "a row of numbers above 1 for each map")
    )
    steps: tuple[float, ...] | None = field(
        optional(row(number(above=0), "a positive number for each map")), None
    )
    clip: str = field(choice("no", "sizes", "centres and sizes"), "no")
    first_between: bool = field(flag(), True)
    rule: str = field(word("ssd"), "ssd")

    def check_together(self) -> None:
        maps = len(self.ratios)
        if len(self.scales) != maps + 1:
            raise invalid("scales", self.scales, f"{maps + 1} numbers, one more than maps")
        if self.steps is not None and len(self.steps) != maps:
            raise invalid("steps", self.steps, f"{maps} numbers, one for each map, or None")

    @property
    def counts(self) -> tuple[int, ...]:
        first = 2 if self.first_between else 1
        return tuple(
            (2 if level else first) + 2 * len(ratios) for level, ratios in enumerate(self.ratios)
        )

    def shapes(self, level: int, size: Size) -> np.ndarray:
        scale, following = self.scales[level : level + 2]
        pairs = [(scale, scale)]
        if level or self.first_between:
            pairs += [((scale * following) ** 0.5,) * 2]
        for ratio in self.ratios[level]:
            wide = (scale * ratio**0.5, scale / ratio**0.5)
            pairs += [wide, wide[::-1]]
        return np.array(pairs) * (size[1], size[0])

    def step(self, level: int, grid: Size, size: Size) -> tuple[float, float]:
        if self.steps is not None:
            return self.steps[level], self.steps[level]
        return size[0] / grid[0], size[1] / grid[1]


@dataclass(frozen=True)
class TensorFlowAnchors(Record):
    """The rule of TensorFlow's Object Detection API (`ssd_anchor_generator`).

    The first map has three shapes, (0.1, 1), (s, 2), (s, ½); the others (s, 1), (s, 2), (s, ½),
    (s, 3), (s, ⅓), (√(s·s'), 1), each a scale and a ratio of width to height.

    Args:
        scales: Of each map, and one more, as shares of the picture's *shorter* side: a square stays
            square in a picture that is not.
        first: Scale of the small square on the first map.
        rule: `"tensorflow"`, as in `SSDAnchors`.
    """

    # 0.2 to 0.95 evenly, then 1. The pipeline files say 0.3333 for ⅓: 8e-5 of a side beside it.
    scales: tuple[float, ...] = field(_SCALES, (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0))
    first: float = field(number(above=0), 0.1)
    rule: str = field(word("tensorflow"), "tensorflow")

    @property
    def clip(self) -> str:
        return "no"

    @property
    def counts(self) -> tuple[int, ...]:
        return (3, *[6] * (len(self.scales) - 2))

    def shapes(self, level: int, size: Size) -> np.ndarray:
        scale, following = self.scales[level : level + 2]
        if level == 0:
            rows = [(self.first, 1), (scale, 2), (scale, 1 / 2)]
        else:
            rows = [(scale, ratio) for ratio in (1, 2, 1 / 2, 3, 1 / 3)]
            rows += [((scale * following) ** 0.5, 1)]
        return np.array([(s * r**0.5, s / r**0.5) for s, r in rows]) * min(size)

    def step(self, level: int, grid: Size, size: Size) -> tuple[float, float]:
        return size[0] / grid[0], size[1] / grid[1]


@dataclass(frozen=True)
class FittedAnchors(Record):
    """Shapes fitted to boxes of one's own: see `kerazoo.tasks.detection.fitting.fit_anchors`.

    Args:
        pairs: For each map, width and height of each shape, as shares of the picture's sides.
        rule: `"fitted"`, as in `SSDAnchors`.
    """

    pairs: tuple[tuple[tuple[float, float], ...], ...] = field(
        row(
            row(row(number(above=0), "width and height", count=2), "pairs", least=1),
            "width and height of each shape, for each map",
        )
    )
    rule: str = field(word("fitted"), "fitted")

    @property
    def clip(self) -> str:
        return "no"

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(len(pairs) for pairs in self.pairs)

    def shapes(self, level: int, size: Size) -> np.ndarray:
        return np.array(self.pairs[level]).reshape(-1, 2) * (size[1], size[0])

    def step(self, level: int, grid: Size, size: Size) -> tuple[float, float]:
        return size[0] / grid[0], size[1] / grid[1]


def make_anchors(rule: AnchorRule, grids: Sequence[Size], size: Size) -> np.ndarray:
    """The boxes of a rule.

    Args:
        rule: One of the classes here.
        grids: `(height, width)` of each feature map in cells, finest first.
        size: `(height, width)` of the network's input in pixels.

    Returns:
        float32 `(anchors, 4)`: x1, y1, x2, y2 in pixels of the input; corners may lie outside.

    Raises:
        ValueError: The rule has another number of maps.
    """
    if len(grids) != len(rule.counts):
        raise invalid(
            "grids", tuple(grids), f"{len(rule.counts)} sizes, one for each map of the rule"
        )
    sides = np.array((size[1], size[0]), "float64")
    maps = []
    for level, grid in enumerate(grids):
        step_y, step_x = rule.step(level, grid, size)
        y, x = np.meshgrid(
            (np.arange(grid[0]) + 0.5) * step_y, (np.arange(grid[1]) + 0.5) * step_x, indexing="ij"
        )
        centres = np.stack([x, y], axis=-1)[:, :, None]  # rows, columns, 1, (x, y)
        shapes = rule.shapes(level, size)[None, None]
        if rule.clip != "no":
            shapes = np.minimum(shapes, sides)
        if rule.clip == "centres and sizes":
            centres = np.clip(centres, 0, sides)
        corners = np.concatenate([centres - shapes / 2, centres + shapes / 2], axis=-1)
        maps.append(corners.reshape(-1, 4))
    return np.concatenate(maps).astype("float32")


def grids_of(size: Size, strides: Sequence[int]) -> tuple[Size, ...]:
    """Cells of maps with these strides where each halving rounds up, as SAME padding does."""
    return tuple((-(-size[0] // stride), -(-size[1] // stride)) for stride in strides)


RULES = {"ssd": SSDAnchors, "tensorflow": TensorFlowAnchors, "fitted": FittedAnchors}


def rule_from_dict(values: Mapping[str, Any]) -> AnchorRule:
    """The rule whose `to_dict` gave that.

    Raises:
        ValueError: There is no such rule, or it has no such field.
    """
    return RULES[check_choice("rule", values.get("rule"), RULES)].from_dict(values)


# The rules of the public sources -------------------------------------------------------------


def _pixels(side: int, *sizes: float) -> tuple[float, ...]:
    return tuple(size / side for size in sizes)


_2, _23 = (2.0,), (2.0, 3.0)

# TensorFlow Object Detection API, every ssd_* and ssdlite_* of its first zoo: 1917 at 300.
TENSORFLOW = TensorFlowAnchors()
# The same with a map of stride 8 before the others, for small things: ours.
TENSORFLOW_STRIDE_8 = TensorFlowAnchors((0.1, *TENSORFLOW.scales), first=0.05)

# TensorFlow's SSDLite MobileNetV2 as chuanqi305 converted it to Caffe, then cut to VOC's classes:
# the first map's small square is 0.2 instead of 0.1, √(s·s') is second in a cell. 1917 at 300.
CAFFE_SSDLITE_V2 = SSDAnchors(TENSORFLOW.scales, (_2, *(_23,) * 5), first_between=False)

# torchvision ssdlite320_mobilenet_v3_large: 3234 at 320.
TORCHVISION_SSDLITE = SSDAnchors((0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0), (_23,) * 6, clip="sizes")

# torchvision ssd300_vgg16: 8732.
TORCHVISION_SSD300 = SSDAnchors(
    scales=(0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    ratios=(_2, _23, _23, _23, _2, _2),
    steps=(8, 16, 32, 64, 100, 300),
    clip="sizes",
)

# Caffe's ssd_pascal and ssd_coco, as ssd.pytorch has them: 8732 at 300, 24564 at 512. Centres are
# clipped too: at step 32 the tenth lies at 304 of 300. Of the rules for 512 there is no array to
# compare with; sizes are 15 % to 90 % (COCO: 10 % to 90 %) of the side by the authors' script.
_SSD300 = {
    "ratios": (_2, _23, _23, _23, _2, _2),
    "steps": (8, 16, 32, 64, 100, 300),
    "clip": "centres and sizes",
}
_SSD512 = {
    "ratios": (_2, _23, _23, _23, _23, _2, _2),
    "steps": (8, 16, 32, 64, 128, 256, 512),
    "clip": "centres and sizes",
}
CAFFE_VOC300 = SSDAnchors(_pixels(300, 30, 60, 111, 162, 213, 264, 315), **_SSD300)
CAFFE_COCO300 = SSDAnchors(_pixels(300, 21, 45, 99, 153, 207, 261, 315), **_SSD300)
CAFFE_VOC512 = SSDAnchors((0.07, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05), **_SSD512)
CAFFE_COCO512 = SSDAnchors((0.04, 0.1, 0.26, 0.42, 0.58, 0.74, 0.9, 1.06), **_SSD512)

# EdgeNets (ESPNetv2-SSD): int(linspace(ceil(0.1·S), ceil(1.05·S), 7)), not the SSD paper's sizes:
# 11640 at 300, 32742 at 512.
EDGENETS_300 = SSDAnchors(
    scales=_pixels(300, 30, 77, 125, 172, 220, 267, 315),
    ratios=(_23,) * 6,
    steps=(8, 16, 32, 64, 100, 300),
    clip="centres and sizes",
)
EDGENETS_512 = SSDAnchors(
    scales=_pixels(512, 52, 133, 214, 295, 376, 457, 538),
    ratios=(_23,) * 6,
    steps=(8, 16, 32, 64, 128, 512),
    clip="centres and sizes",
)

# pytorch-ssd mb2-ssd-lite: 3000 at 300.
PYTORCH_SSD_LITE = SSDAnchors(
    scales=_pixels(300, 60, 105, 150, 195, 240, 285, 330),
    ratios=(_23,) * 6,
    steps=(16, 32, 64, 100, 150, 300),
    clip="centres and sizes",
)
