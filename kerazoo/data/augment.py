"""`Augmentation` in a tf.data graph: the layers of Keras under seeds that hold no state.

A Keras layer draws from a counter that every call moves on. In a parallel map the calls race for
it, so which picture gets which numbers changes from run to run. Here each picture (or batch) has a
seed of its own, made from the run's seed, the epoch and its number, and `Seeds` hands the layers
numbers from that: the same picture is varied in the same way however many threads there are.
"""

from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from kerazoo._reading import read_picture, read_window
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.colour import coloured
from kerazoo.data.object_crop import chosen_window
from kerazoo.placement import Placement
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
            fill = _ground(preprocessing)
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

    def mirrors(self, seed: tf.Tensor) -> Any:
        """Whether `picture` mirrors the picture of that seed: a boolean tensor, or False."""
        if not self.record.flip:
            return False
        return tf.random.stateless_uniform((), Seeds(seed).next()) < 0.5

    def picture(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Float32 `(height, width, channels)` of 0 to 255, of the final size -> the same, varied.

        The crop has been made already, see `cropped`.
        """
        seeds = Seeds(seed)
        if self.record.flip:
            seeds.next()  # it went into `mirrors`
            # Keras' RandomFlip gives the same pictures and takes four times as long.
            shape, mirrored = image.shape, self.mirrors(seed)
            image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
            image = tf.ensure_shape(image, shape)
        if self.record.colour:
            image = coloured(image, self.record.colour, seeds.next())
        if not self._operations and self._erase is None:
            return image
        batch = image[None]
        for _ in range(self.record.rand_augment):
            batch = self._one_operation(batch, seeds)
        if self._erase is not None:
            batch = _apply(self._erase, batch, seeds)
        return batch[0]

    def mix(
        self, pictures: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch with encoded targets `(batch, …)` -> MixUp or CutMix of it."""
        seeds = Seeds(seed)
        draw = tf.random.stateless_uniform((2,), seeds.next())

        def mixed(mixer: Any) -> Any:
            def run() -> tuple[tf.Tensor, tf.Tensor]:
                data = {"images": pictures, "labels": targets}  # Keras' words
                change = mixer.get_random_transformation(data, training=True, seed=seeds)
                x = mixer.transform_images(pictures, change)
                y = mixer.transform_labels(targets, change)
                return tf.ensure_shape(x, pictures.shape), tf.ensure_shape(y, targets.shape)

            return run

        branches = [*map(mixed, self._mixers), lambda: (pictures, targets)]
        chosen = tf.cast(draw[0] * len(self._mixers), tf.int32)
        chosen = tf.where(draw[1] < self.record.mix_probability, chosen, len(self._mixers))
        return tf.switch_case(chosen, branches)

    def _one_operation(self, batch: tf.Tensor, seeds: Seeds) -> tf.Tensor:
        """One of RandAugment's operations. The layer itself runs all eleven and keeps one."""
        chosen = tf.random.stateless_uniform((), seeds.next(), 0, len(self._operations), tf.int32)
        branches = [lambda layer=layer: _apply(layer, batch, seeds) for layer in self._operations]
        return tf.clip_by_value(tf.switch_case(chosen, branches), 0.0, 255.0)


def cropped(
    data: tf.Tensor,
    encoded: bool,
    record: Augmentation,
    preprocessing: Preprocessing,
    seed: Any,
    regions: Any = None,
) -> tuple[tf.Tensor, Placement]:
    """A picture's crop at the final size, float32 of 0 to 255, and where its pixels went.

    Of a JPEG only the crop is decoded.

    Args:
        data: Encoded bytes, or a uint8 array `(height, width, channels)` where not `encoded`.
        encoded: Which of the two.
        record: Where the crop may lie.
        preprocessing: The final size, and how to interpolate.
        seed: int64 `(2,)`.
        regions: For an `"objects"` crop: what it should show, `(n, 4)` in pixels.
    """
    plain = preprocessing.without_normalisation()
    if record.crop == "objects" or record.zoom_out:
        return cut_objects(data, encoded, record, preprocessing, seed, regions)
    if record.crop != "random":
        image, placement = placed_picture(data, encoded, plain)
        if record.crop == "pad":
            image, corner = _pad_and_crop(image, record, seed)
            margin = record.padding
            window = (corner[0] - margin, corner[1] - margin, *plain.size)
            placement = _chained(placement, Placement.of_window(plain.size, window, plain.size))
        return image, placement

    def choose(shape: tf.Tensor) -> tf.Tensor:
        return _window(shape, record, seed)

    if encoded:
        crop, window, shape = read_window(data, plain.rounding, choose)
    else:
        shape = tf.shape(data)[:2]
        window = choose(shape)
        crop = tf.image.crop_to_bounding_box(data, *tf.unstack(window))
    placement = Placement.of_window(_pair(shape), tuple(tf.unstack(window)), plain.size)
    return scaled(crop, plain), placement


def cut_objects(
    data: tf.Tensor,
    encoded: bool,
    record: Augmentation,
    preprocessing: Preprocessing,
    seed: Any,
    regions: Any,
) -> tuple[tf.Tensor, Placement]:
    """A window that may reach beyond the picture, at the final size; arguments as of `cropped`."""
    plain, size = preprocessing.without_normalisation(), preprocessing.size
    ratio = size[1] / size[0] if preprocessing.fit == "pad" else None

    def within(shape: tf.Tensor) -> tf.Tensor:
        """The part of the window that is picture."""
        corner, end = _ends(chosen_window(shape, record, Seeds(seed), regions, ratio))
        corner, end = tf.maximum(corner, 0), tf.minimum(end, shape)
        return tf.concat([corner, end - corner], 0)

    if encoded:
        part, inside, shape = read_window(data, plain.rounding, within)
    else:
        shape = tf.shape(data)[:2]
        inside = within(shape)
        part = tf.image.crop_to_bounding_box(data, *tf.unstack(inside))
    window = chosen_window(shape, record, Seeds(seed), regions, ratio)
    scale = tf.constant(size, tf.float32) / tf.cast(window[2:], tf.float32)
    corner, end = (
        tf.cast(tf.round(tf.cast(place - window[:2], tf.float32) * scale), tf.int32)
        for place in _ends(inside)
    )
    corner = tf.minimum(corner, tf.constant(size) - 1)
    sides = tf.maximum(end - corner, 1)
    border = _ground(preprocessing) if part.shape[-1] == 3 else 0.0
    image = _resized(part, sides, plain) - border
    image = tf.image.pad_to_bounding_box(image, *tf.unstack(corner), *size) + border
    placement = Placement.of_window(_pair(shape), tuple(tf.unstack(window)), size)
    return tf.ensure_shape(image, (*size, part.shape[-1])), placement


def _ground(preprocessing: Preprocessing) -> tuple[float, ...]:
    """Red, green and blue, 0 to 255, of what is no picture."""
    if preprocessing.fit == "pad":
        return tuple(255 * share for share in preprocessing.fill or preprocessing.mean)
    # A mean of 0 says that the pixels are not centred, not that they are black.
    mean = preprocessing.mean if any(preprocessing.mean) else Preprocessing().mean
    return tuple(255 * share for share in mean)


def _ends(window: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """First and last corner of top, left, height and width."""
    return window[:2], window[:2] + window[2:]


def rescaled(
    image: tf.Tensor, placement: Placement, preprocessing: Preprocessing
) -> tuple[tf.Tensor, Placement]:
    """A placed picture scaled to another size, that of `preprocessing`."""
    window = (0, 0, *placement.size)
    second = Placement.of_window(placement.size, window, preprocessing.size)
    return scaled(image, preprocessing), _chained(placement, second)


def scaled(pictures: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """A picture or a batch of 0 to 255 scaled to `preprocessing.size`, proportions regardless."""
    return _resized(pictures, preprocessing.size, preprocessing)


def _resized(pictures: tf.Tensor, size: Any, preprocessing: Preprocessing) -> tf.Tensor:
    name, antialias = preprocessing.interpolation, preprocessing.antialias
    method = {"lanczos": "lanczos3"}.get(name, name)
    pictures = tf.image.resize(pictures, size, method, antialias=antialias)
    pictures = tf.cast(pictures, tf.float32)
    # Cubic and Lanczos filters overshoot at edges.
    overshoots = name in ("bicubic", "lanczos")
    return tf.clip_by_value(pictures, 0.0, 255.0) if overshoots else pictures


def placed_picture(
    data: tf.Tensor, encoded: bool, preprocessing: Preprocessing
) -> tuple[tf.Tensor, Placement]:
    """A picture exactly as `preprocessing` says, for evaluation, and where its pixels went."""
    image = read_picture(data, preprocessing.rounding) if encoded else data
    placement = preprocessing.place(*_pair(tf.shape(image)[:2]))
    return preprocessing.tf_image(image), placement


def _window(shape: tf.Tensor, record: Augmentation, seed: Any) -> tf.Tensor:
    """Top, left, height and width of a random crop; all of the picture if none is found."""
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.concat([shape, [3]], 0),
        tf.zeros((1, 0, 4)),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=record.ratio,
        area_range=record.area,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], 0)


def _pad_and_crop(image: tf.Tensor, record: Augmentation, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """A part of the padded picture, of the picture's size, and its top and left in that."""
    margin = [[record.padding] * 2] * 2 + [[0, 0]]
    padded = tf.pad(image, margin, "CONSTANT" if record.padding_mode == "zeros" else "REFLECT")
    # As `tf.image.stateless_random_crop` draws it, which does not tell.
    draws = tf.random.stateless_uniform((3,), seed, maxval=tf.int32.max, dtype=tf.int32)
    corner = draws % (tf.shape(padded) - tf.shape(image) + 1)
    return tf.ensure_shape(tf.slice(padded, corner, image.shape), image.shape), corner[:2]


def _chained(first: Placement, second: Placement) -> Placement:
    """Placed by `first`, and the result of that by `second`."""
    scale = tuple(a * b for a, b in zip(first.scale, second.scale, strict=True))
    offset = tuple(
        a * b + c for a, b, c in zip(first.offset, second.scale, second.offset, strict=True)
    )
    return replace(first, scale=scale, offset=offset, size=second.size)


def _pair(shape: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    height, width = tf.unstack(tf.ensure_shape(shape, (2,)))
    return height, width


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
