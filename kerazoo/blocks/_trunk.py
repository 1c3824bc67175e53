"""What a family's builder hands to the shared code that makes models."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Trunk:
    """A network under construction: the current tensor and the features passed so far.

    Attributes:
        x: The current tensor; at the end, what global pooling takes.
        stride: Stride of `x` against the input picture.
        features: Last tensor at each stride before the head: `{2: …, 4: …, …}`.
        head: What the architecture itself has of its task's head, if anything; its task calls it
            (`kerazoo.tasks`): for classification with what was pooled, for segmentation to get
            the logits of every pixel.
    """

    x: Any
    stride: int = 1
    features: dict[int, Any] = field(default_factory=dict)
    head: Callable[..., Any] | None = None

    def advance(self, x: Any, stride: int = 1) -> None:
        """Make `x`, which lies `stride` further down, the current tensor and a feature."""
        self.x = x
        self.stride *= stride
        self.features[self.stride] = x
