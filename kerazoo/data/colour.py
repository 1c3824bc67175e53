"""Random colours of a picture, under a seed that holds no state."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# The SSD paper's data augmentation (as its code has it): of 255; shares; turns of the colour wheel.
BRIGHTNESS, CONTRAST, SATURATION, HUE = 32 / 255, 0.5, 0.5, 18 / 360


def coloured(image: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Brightness, contrast, saturation and hue, each changed in half of the pictures.

    Args:
        image: float32 `(height, width, channels)` of 0 to 255; hue and saturation are those of
            three channels, others keep them.
        strength: 1 is what SSD does, 0 nothing.
        seed: int64 `(2,)`.
    """
    draws = tf.random.stateless_uniform((8,), seed)
    amounts, coins = 2 * draws[:4] - 1, draws[4:] < 0.5
    image = image / 255.0
    steps: list[Callable[[tf.Tensor], tf.Tensor]] = [
        lambda x: x + amounts[0] * strength * BRIGHTNESS,
        lambda x: tf.image.adjust_contrast(x, 1 + amounts[1] * strength * CONTRAST),
    ]
    if image.shape[-1] == 3:
        steps += [
            lambda x: tf.image.adjust_saturation(x, 1 + amounts[2] * strength * SATURATION),
            lambda x: tf.image.adjust_hue(x, amounts[3] * strength * HUE),
        ]
    for number, step in enumerate(steps):
        image = _perhaps(coins[number], step, image)
    return image * 255.0


def _perhaps(coin: tf.Tensor, step: Callable[[tf.Tensor], tf.Tensor], image: tf.Tensor) -> Any:
    # Hue and saturation are defined from 0 to 1 alone.
    return tf.cond(coin, lambda: tf.clip_by_value(step(image), 0.0, 1.0), lambda: image)
