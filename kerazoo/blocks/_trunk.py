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
        after_pooling: Applied to the pooled vector or map before the classifier, if any.
        per_pixel: Of segmentation networks, in place of pooling and classifier: makes the logits
            `(batch, height, width, classes)` from `classes`, `dropout_rate` and their `dtype`.
    """

    x: Any
    stride: int = 1
    features: dict[int, Any] = field(default_factory=dict)
    after_pooling: Callable[[Any], Any] | None = None
    per_pixel: Callable[..., Any] | None = None

    def advance(self, x: Any, stride: int = 1) -> None:
        """Make `x`, which lies `stride` further down, the current tensor and a feature."""
        self.x = x
        self.stride *= stride
        self.features[self.stride] = x
