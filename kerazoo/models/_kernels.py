"""The `kernel_sizes=` argument of the MobileNets (MixConv paper, figure 4)."""

from collections.abc import Sequence
from typing import Any

from kerazoo._checks import check_number
from kerazoo._errors import invalid
from kerazoo._rules import is_int


def depthwise_kernels(kernel_sizes: int | Sequence[int]) -> tuple[int, ...]:
    """One size (plain depthwise convolutions) or several (MixConv) as a tuple."""
    listed = isinstance(kernel_sizes, list | tuple)
    sizes: tuple[Any, ...] = tuple(kernel_sizes) if listed else (kernel_sizes,)
    if not sizes or not all(is_int(k) and k > 0 and k % 2 for k in sizes):
        raise invalid(
            "kernel_sizes", kernel_sizes, "an odd positive integer or a non-empty list of them"
        )
    return sizes


def check_alpha(alpha: float) -> float:
    """The width multiplier of the MobileNets."""
    return check_number("alpha", alpha, above=0)
