"""The `kernel_sizes=` argument of the MobileNets (MixConv paper, figure 4)."""

from collections.abc import Sequence

from kerazoo._errors import invalid


def depthwise_kernels(kernel_sizes: int | Sequence[int]) -> tuple[int, ...]:
    """One size (plain depthwise convolutions) or several (MixConv) as a tuple."""
    sizes = (kernel_sizes,) if isinstance(kernel_sizes, int) else tuple(kernel_sizes or ())
    odd = all(isinstance(k, int) and not isinstance(k, bool) and k > 0 and k % 2 for k in sizes)
    if not sizes or not odd:
        raise invalid(
            "kernel_sizes", kernel_sizes, "an odd positive integer or a non-empty list of them"
        )
    return sizes


def check_alpha(alpha: float) -> float:
    """The width multiplier of the MobileNets."""
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or alpha <= 0:
        raise invalid("alpha", alpha, "a positive number")
    return alpha
