"""What a family's builder hands to the shared code that makes models."""

from dataclasses import dataclass, field
from typing import Any

from kerazoo.blocks.conventions import Conventions


@dataclass
class Trunk:
    """A network under construction: the current tensor and the maps passed so far.

    Attributes:
        x: The current tensor; at the end, what the head takes.
        conventions: For the next block: they know how far the strides have come.
        features: Last tensor at each stride before the head: `{2: …, 4: …, …}`.
        taps: Further tensors by name, each with its stride: `{"stem": (2, …), …}`.
        head: What the architecture itself has of its task's head, if anything; its task calls it
            (`kerazoo.tasks`): for classification with what was pooled, for segmentation to get
            the logits of every pixel.
        facts: What the task has to know to read the outputs, as JSON values; its head says it.
    """

    x: Any
    conventions: Conventions = field(default_factory=Conventions)
    features: dict[int, Any] = field(default_factory=dict)
    taps: dict[str, tuple[int, Any]] = field(default_factory=dict)
    head: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """Stride of `x` against the input picture."""
        return self.conventions.stride

    @classmethod
    def from_stem(cls, x: Any, conventions: Conventions, stride: int) -> "Trunk":
        """Begin after a stem, whose output `x` is no feature, but a tap."""
        trunk = cls(x, conventions.passed(stride))
        trunk.tap("stem", x)
        return trunk

    def advance(self, x: Any, stride: int = 1) -> None:
        """Make a block's output `x`, nominally `stride` further down, current and a feature."""
        self.x = x
        self.conventions = self.conventions.passed(stride)
        if self.stride not in self.features:
            self.tap(f"stride_{self.stride}_first", x)
        self.features[self.stride] = x

    def finish(self, x: Any) -> None:
        """Make `x`, which the last convolution before the head gave, the last tensor."""
        self.x = x
        self.tap("head", x)

    def tap(self, name: str, x: Any, stride: int | None = None) -> None:
        """Give a tensor a name by which `out_features` can ask for it.

        Args:
            name: `"stage3"`, `"stride_16_expansion"`, …; a name that there is gets the new tensor.
            x: The tensor.
            stride: Of it, where that is not the trunk's.
        """
        self.taps[name] = (stride or self.stride, x)

    def maps(self) -> dict[str, tuple[int, Any]]:
        """Name -> stride and tensor of all that `out_features` can choose; strides come first."""
        found = {f"stride_{stride}": (stride, x) for stride, x in sorted(self.features.items())}
        return found | self.taps
