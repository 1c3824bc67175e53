"""`Augmentation` in a tf.data graph: the layers of Keras under seeds that hold no state.

A Keras layer draws from a counter that every call moves on. In a parallel map the calls race for
it, so which picture gets which numbers changes from run to run. Here each picture (or batch) has a
seed of its own, made from the run's seed, the epoch and its number, and `Seeds` hands the layers
numbers from that: the same picture is varied in the same way however many threads there are.
"""

from typing import Any

import keras
import tensorflow as tf

from kerazoo.data.augmentation import Augmentation
from kerazoo.preprocessing import Preprocessing

fold_in = tf.random.experimental.stateless_fold_in


class Seeds(keras.random.SeedGenerator):
    """A seed generator without a variable: the n-th draw in a graph is a function of `seed`."""

    def __init__(self, seed: tf.Tensor) -> None:
        # The parent's variable is what this class does without.
        self._seed, self._draws = seed, 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        """A seed for one random operation."""
        self._draws += 1
        return fold_in(self._seed, self._draws)


class Augmenter:
    """The layers that an `Augmentation` asks for, and how they are applied."""

    def __init__(self, record: Augmentation, preprocessing: Preprocessing) -> None:
        self.record, self.preprocessing = record, preprocessing
        # Pixels of 0 to 255 do not fit half precision: a global mixed policy must not reach them.
        kind = {"dtype": "float32"}
        layers = keras.layers
        self._operations, self._erase, self._mixers = [], None, []
        if record.rand_augment:
            augment = layers.RandAugment(factor=record.rand_augment_factor, **kind)
            shape = (None, *preprocessing.size, 3)
            self._operations = [
                _ready(getattr(augment, name), shape) for name in augment._AUGMENT_LAYERS
            ]
        if record.erase:
            # A mean of 0 says that the pixels are not centred, not that they are black.
            mean = preprocessing.mean if any(preprocessing.mean) else Preprocessing().mean
            fill = tuple(255 * m for m in mean)
            self._erase = layers.RandomErasing(
                # A pair: of a single number Keras draws the probability itself between 0 and it.
                factor=(record.erase, record.erase),
                scale=record.erase_side,
                fill_value=fill if record.erase_fill == "mean" else None,
                **kind,
            )
            _ready(self._erase)
        if record.mixup:
            self._mixers.append(_ready(layers.MixUp(alpha=record.mixup, **kind)))
        if record.cutmix:
            # Keras draws `alpha` between the two; a pair of equals is the paper's constant.
            self._mixers.append(
                _ready(layers.CutMix(factor=(record.cutmix, record.cutmix), **kind))
            )

    def picture(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Float32 `(height, width, channels)` of 0 to 255, of the final size -> the same, varied.

        The crop has been made already, see `cropped`.
        """
        seeds = Seeds(seed)
        if self.record.flip:
            # Keras' RandomFlip gives the same pictures and takes four times as long.
            image = tf.image.stateless_random_flip_left_right(image, seeds.next())
        if not self._operations and self._erase is None:
            return image
        batch = image[None]
        for _ in range(self.record.rand_augment):
            batch = self._one_operation(batch, seeds)
        if self._erase is not None:
            batch = _apply(self._erase, batch, seeds)
        return batch[0]

    def mix(
        self, pictures: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch with soft labels `(batch, classes)` -> MixUp or CutMix of it."""
        seeds = Seeds(seed)
        draw = tf.random.stateless_uniform((2,), seeds.next())

        def mixed(mixer: Any) -> Any:
            def run() -> tuple[tf.Tensor, tf.Tensor]:
                data = {"images": pictures, "labels": labels}
                change = mixer.get_random_transformation(data, training=True, seed=seeds)
                x, y = (
                    mixer.transform_images(pictures, change),
                    mixer.transform_labels(labels, change),
                )
                return tf.ensure_shape(x, pictures.shape), tf.ensure_shape(y, labels.shape)

            return run

        branches = [*map(mixed, self._mixers), lambda: (pictures, labels)]
        chosen = tf.cast(draw[0] * len(self._mixers), tf.int32)
        chosen = tf.where(draw[1] < self.record.mix_probability, chosen, len(self._mixers))
        return tf.switch_case(chosen, branches)

    def _one_operation(self, batch: tf.Tensor, seeds: Seeds) -> tf.Tensor:
        """One of RandAugment's operations. The layer itself runs all eleven and keeps one."""
        chosen = tf.random.stateless_uniform((), seeds.next(), 0, len(self._operations), tf.int32)
        branches = [lambda layer=layer: _apply(layer, batch, seeds) for layer in self._operations]
        return tf.clip_by_value(tf.switch_case(chosen, branches), 0.0, 255.0)


def cropped(
    data: tf.Tensor, encoded: bool, record: Augmentation, preprocessing: Preprocessing, seed: Any
) -> tf.Tensor:
    """A picture's crop at the final size, float32 of 0 to 255; of a JPEG only the crop is decoded.

    Args:
        data: Encoded bytes, or a uint8 array `(height, width, channels)` where not `encoded`.
        encoded: Which of the two.
        record: Where the crop may lie.
        preprocessing: The final size, and how to interpolate.
        seed: int64 `(2,)`.
    """
    plain = preprocessing.without_normalisation()
    if record.crop != "random":
        image = plain_picture(data, encoded, plain)
        return _pad_and_crop(image, record, seed) if record.crop == "pad" else image
    if encoded:
        crop = tf.cond(
            tf.io.is_jpeg(data),
            lambda: _jpeg_crop(data, record, plain, seed),
            lambda: _array_crop(decode_other(data), record, seed),
        )
        crop = tf.ensure_shape(crop, (None, None, 3))
    else:
        crop = _array_crop(data, record, seed)
    return scaled(crop, plain)


def scaled(pictures: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """A picture or a batch of 0 to 255 scaled to `preprocessing.size`, proportions regardless."""
    name, antialias = preprocessing.interpolation, preprocessing.antialias
    method = {"lanczos": "lanczos3"}.get(name, name)
    pictures = tf.image.resize(pictures, preprocessing.size, method, antialias=antialias)
    pictures = tf.cast(pictures, tf.float32)
    # Cubic and Lanczos filters overshoot at edges.
    overshoots = name in ("bicubic", "lanczos")
    return tf.clip_by_value(pictures, 0.0, 255.0) if overshoots else pictures


def plain_picture(data: tf.Tensor, encoded: bool, preprocessing: Preprocessing) -> tf.Tensor:
    """A picture exactly as `preprocessing` says, for evaluation."""
    if not encoded:
        return preprocessing.tf_image(data)
    image = tf.cond(
        tf.io.is_jpeg(data),
        lambda: preprocessing.tf_decode(data),
        lambda: preprocessing.tf_image(decode_other(data)),
    )
    return tf.ensure_shape(image, (*preprocessing.size, 3))


def decode_other(data: tf.Tensor) -> tf.Tensor:
    """PNG, GIF (its first frame) or BMP bytes -> uint8 RGB."""
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    return tf.ensure_shape(image, (None, None, 3))


def _jpeg_crop(data: tf.Tensor, record: Augmentation, plain: Preprocessing, seed: Any) -> tf.Tensor:
    begin, size = _window(tf.io.extract_jpeg_shape(data), record, seed)
    transform = "INTEGER_ACCURATE" if plain.rounding == "floor" else ""
    window = tf.concat([begin, size], 0)
    return tf.io.decode_and_crop_jpeg(data, window, channels=3, dct_method=transform)


def _array_crop(image: tf.Tensor, record: Augmentation, seed: Any) -> tf.Tensor:
    begin, size = _window(tf.shape(image), record, seed)
    return tf.image.crop_to_bounding_box(image, begin[0], begin[1], size[0], size[1])


def _window(shape: tf.Tensor, record: Augmentation, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """`(top, left)` and `(height, width)` of a random crop; all of the picture if none is found."""
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.zeros((1, 0, 4)),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=record.ratio,
        area_range=record.area,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    return begin[:2], size[:2]


def _pad_and_crop(image: tf.Tensor, record: Augmentation, seed: Any) -> tf.Tensor:
    margin = [[record.padding] * 2] * 2 + [[0, 0]]
    mode = "CONSTANT" if record.padding_mode == "zeros" else "REFLECT"
    return tf.image.stateless_random_crop(tf.pad(image, margin, mode), image.shape, seed)


def _ready(layer: Any, shape: tuple | None = None) -> Any:
    # We call the two halves of the layer, not the layer: they must compute with TensorFlow even
    # where the model runs on another backend.
    layer.backend.set_backend("tensorflow")
    if shape is not None and not layer.built:
        layer.build(shape)
    return layer


def _apply(layer: Any, batch: tf.Tensor, seeds: Seeds) -> tf.Tensor:
    change = layer.get_random_transformation(batch, training=True, seed=seeds)
    return tf.ensure_shape(tf.cast(layer.transform_images(batch, change), tf.float32), batch.shape)
