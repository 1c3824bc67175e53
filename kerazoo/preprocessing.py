"""From a picture to what a network was trained on: one description, several forms of it.

`Preprocessing` says how a checkpoint wants its pictures. The same frozen record resizes and
normalises with Pillow (`from_pil`), inside a tf.data graph (`tf_image`, `tf_decode`), on arrays of
the right size already (`normalise`) and inside a model (`keras_layers`).
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo._bounds import PICTURE_PIXELS, check_classes, check_pixels
from kerazoo._checks import check_int
from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._resize import centre_of_strip, scale_pil, scaled_and_corner
from kerazoo._rules import flag, integer, number, optional, row, word
from kerazoo.pictures import of_pil, upright
from kerazoo.placement import Placement, to_float

INTERPOLATIONS = ("bilinear", "bicubic", "lanczos", "nearest")
ROUNDINGS = ("floor", "round")
FITS = ("crop", "stretch", "pad")
_MODES = ("RGB", "L", "LA", "RGBA")  # of Pillow, whose channels are numbers to compute with


@dataclass(frozen=True)
class Preprocessing(Record, keys="preprocessing key"):
    """How pictures are made ready for one checkpoint.

    The picture is scaled, keeping its aspect ratio, so that it just covers `size /
    crop_fraction`; the centre of `size` is cut out, and each channel becomes
    `(x / 255 - mean) / std`. Pictures smaller than the crop are scaled up. For square sizes this
    is what timm and torchvision do at evaluation, to the pixel. Detectors must see the whole
    picture: see `fit`. `place` says where its pixels are then.

    Args:
        size: `(height, width)` of the result, in pixels, 16,777,216 together at the most (or what
            the environment variable KERAZOO_MAX_INPUT_PIXELS says).
        crop_fraction: Share of the scaled picture's side that the crop keeps, in (0, 1]. Default:
            0.875, without `fit="crop"` 1.
        interpolation: `"bilinear"`, `"bicubic"`, `"lanczos"` (3 lobes) or `"nearest"`.
        antialias: Widen the filter when scaling down. `False` is for `"bilinear"` alone.
        rounding: Whose whole pixels. `"floor"` is timm's and torchvision's way: sides are rounded
            down, the crop's corner half to even. `"round"` is that of TensorFlow pipelines: sides
            are rounded, the corner is rounded down, and JPEGs in tf.data go through TensorFlow's
            default decoder. Both scale to 256 for 224 / 0.875, but to 182 or 183 for 160 / 0.875.
            Small networks notice: MobileNetV1 0.5/160 moves by 2 points of top-1 between them.
        mean: Mean of red, green and blue, in units of 0 to 1.
        std: Standard deviation of red, green and blue, in units of 0 to 1.
        fit: How a picture of another aspect ratio gets to `size`. `"crop"`: as above, its ends are
            cut off. `"stretch"`: it is scaled to `size` without keeping the ratio, as the SSDs of
            TensorFlow's Object Detection API and torchvision have it. `"pad"`: it is scaled to fit
            in whole and centred on a border (letterbox), as YOLO has it. With a `crop_fraction`
            below 1 they are fitted to `size / crop_fraction`, and the centre is cut out (timm's
            `crop_mode` "squash" and "border").
        fill: Colour of the border of `fit="pad"`: red, green and blue, in units of 0 to 1. None
            for `mean`, which is 0 after normalisation.
    """

    size: tuple[int, int] = field(
        row(integer(), "two positive integers (height, width)", count=2), (224, 224)
    )
    crop_fraction: float = field(optional(number(above=0, most=1)), None)  # a number once made
    interpolation: str = field(word(*INTERPOLATIONS), "bicubic")
    antialias: bool = field(flag(), True)
    rounding: str = field(word(*ROUNDINGS), "floor")
    mean: tuple[float, ...] = field(
        row(number(least=-1e6, most=1e6), "three numbers, -1e6 to 1e6", count=3),
        (0.485, 0.456, 0.406),
    )
    std: tuple[float, ...] = field(
        row(number(least=1e-6, most=1e6), "three numbers, 1e-6 to 1e6", count=3),
        (0.229, 0.224, 0.225),
    )
    fit: str = field(word(*FITS), "crop")
    fill: tuple[float, ...] | None = field(
        optional(row(number(least=0, most=1), "three numbers from 0 to 1", count=3)), None
    )

    def check_together(self) -> None:
        if self.crop_fraction is None:
            object.__setattr__(self, "crop_fraction", 0.875 if self.fit == "crop" else 1.0)
        if self.fill is not None and self.fit != "pad":
            raise invalid("fill", self.fill, f'None with `fit="{self.fit}"`: no border')
        if not self.antialias and self.interpolation not in ("bilinear", "nearest"):
            # Pillow and TensorFlow use different cubic kernels there: no common meaning to offer.
            raise invalid("antialias", False, f"True for interpolation {self.interpolation!r}")
        check_pixels("size", self.size)
        height, width = self.scaled_size
        if height * width > PICTURE_PIXELS.value:
            rule = f"larger: {self.size} would be cut out of {height:,} x {width:,} pixels"
            raise invalid("crop_fraction", self.crop_fraction, rule)

    def with_size(self, size: int | tuple[int, int]) -> "Preprocessing":
        """The same record for another picture size, an int for a square."""
        return dataclasses.replace(self, size=(size, size) if isinstance(size, int) else size)

    def without_normalisation(self) -> "Preprocessing":
        """The same resize and crop with pixels left at 0 to 255, as float32.

        For models that normalise inside (`include_preprocessing=True`).
        """
        fill = (self.fill or self.mean) if self.fit == "pad" else None
        return dataclasses.replace(self, mean=(0.0,) * 3, std=(1 / 255,) * 3, fill=fill)

    @property
    def scaled_size(self) -> tuple[int, int]:
        """`(height, width)` that the scaled picture must cover (or have, see `fit`)."""
        # 224 / (224 / 232) can fall a hair under 232: floor must not lose a pixel to that.
        whole = {"floor": lambda side: math.floor(side + 1e-6), "round": round}[self.rounding]
        return tuple(whole(side / self.crop_fraction) for side in self.size)

    def statistics(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std for `channels` channels, in units of 0 to 1.

        One channel takes the average of red, green and blue, other counts repeat them in order:
        the rule by which RGB stem kernels are adapted, so each copy meets its own statistics.
        """
        check_int("channels", channels)
        return _spread(self.mean, channels), _spread(self.std, channels)

    def normalise(self, x: Any) -> Any:
        """Pictures of 0 to 255 -> float32 `(x / 255 - mean) / std`; `x` itself is not changed.

        Args:
            x: NumPy array, tensor of the Keras backend, or on every backend one of TensorFlow, such
                as tf.data has; with channels last. It is not resized.
        """
        shape, of_numpy = getattr(x, "shape", ()), isinstance(x, np.ndarray | np.generic)
        rank = shape.rank if hasattr(shape, "rank") else len(shape)
        if rank == 0 or (of_numpy and x.dtype.kind not in "buif"):
            raise invalid("x", x, "an array or a tensor of numbers, channels last")
        scale, offset = self._affine(x.shape[-1])
        if isinstance(x, np.ndarray):
            return x.astype("float32") * scale + offset
        if type(x).__module__.startswith("tensorflow"):
            import tensorflow as tf

            return tf.cast(x, tf.float32) * scale + offset
        from keras import ops

        return ops.add(ops.multiply(ops.cast(x, "float32"), scale), offset)

    def from_pil(self, image: Any) -> np.ndarray:
        """A PIL picture -> normalised float32 array `(height, width, channels)`.

        Modes RGB, L, LA and RGBA keep their 3, 1, 2 or 4 channels; all others (palettes, bilevel,
        16 bits, CMYK, …) become RGB as `kerazoo.open_picture` reads them. A picture with EXIF is
        turned. A strip longer than 16 times its width is cut to its centre first, since the crop
        sees no more of it.
        """
        return self.normalise(self.crop_pil(image))

    def crop_pil(self, image: Any) -> np.ndarray:
        """`from_pil` without the normalisation: a uint8 array `(height, width, channels)`."""
        from PIL import Image

        if not isinstance(image, Image.Image) or not all(image.size):
            raise invalid("image", image, "a picture of Pillow, of one pixel at least")
        image = upright(image) if image.mode in _MODES else of_pil(image)
        height, width, top, left, window = self._geometry(image.height, image.width, _choose)
        box = (window[1], window[0], window[1] + window[3], window[0] + window[2])
        if box != (0, 0, image.width, image.height):
            image = image.crop(box)
        scaled = np.asarray(scale_pil(image, height, width, self.interpolation, self.antialias))
        scaled = scaled[..., None] if scaled.ndim == 2 else scaled
        cut = scaled[max(top, 0) :, max(left, 0) :][: self.size[0], : self.size[1]]
        if cut.shape[:2] == self.size:
            return cut
        result = np.empty((*self.size, cut.shape[-1]), scaled.dtype)
        result[:] = self._border(cut.shape[-1])
        at = max(-top, 0), max(-left, 0)
        result[at[0] : at[0] + cut.shape[0], at[1] : at[1] + cut.shape[1]] = cut
        return result

    def place(self, height: Any, width: Any) -> Placement:
        """Where the pixels of a picture of that size are in the result, and back.

        Args:
            height: Of the picture; an int, or in graphs a scalar int tensor.
            width: Likewise.

        >>> Preprocessing(size=(300, 300), fit="stretch").place(600, 400).scale
        (0.75, 0.5)
        """
        where: Any = _choose
        if type(height).__module__.startswith("tensorflow"):
            import tensorflow as tf

            where = tf.where
        else:
            height, width = _side("height", height), _side("width", width)
        scaled_h, scaled_w, top, left, window = self._geometry(height, width, where)
        shown = Placement.of_window((height, width), window, (scaled_h, scaled_w))
        (ox, oy), (dx, dy) = shown.offset, (to_float(left), to_float(top))
        return dataclasses.replace(shown, offset=(ox - dx, oy - dy), size=self.size)

    def tf_image(self, image: Any) -> Any:
        """A tensor `(height, width, channels)` of 0 to 255 -> normalised, for tf.data graphs.

        Agrees with `from_pil` to about a third of a grey level on average (Pillow rounds to whole
        levels between its two passes, TensorFlow does not).
        """
        import tensorflow as tf

        shape = tf.shape(image)
        height, width, top, left, window = self._geometry(shape[0], shape[1], tf.where)
        image = image[window[0] : window[0] + window[2], window[1] : window[1] + window[3]]
        method = {"lanczos": "lanczos3"}.get(self.interpolation, self.interpolation)
        scaled = tf.image.resize(image, (height, width), method, antialias=self.antialias)
        crop = scaled[tf.maximum(top, 0) :, tf.maximum(left, 0) :][: self.size[0], : self.size[1]]
        # Cubic and Lanczos filters overshoot at edges; Pillow clips to the range of a byte.
        crop = tf.clip_by_value(tf.cast(crop, tf.float32), 0.0, 255.0)
        if self.fit == "pad":
            border = self._border(image.shape[-1]).astype("float32")
            at = tf.maximum(-top, 0), tf.maximum(-left, 0)
            crop = tf.image.pad_to_bounding_box(crop - border, *at, *self.size) + border
        crop.set_shape((*self.size, image.shape[-1]))
        scale, offset = self._affine(image.shape[-1])
        return crop * scale + offset

    def tf_decode(self, data: Any, channels: int = 3) -> Any:
        """A scalar string tensor of JPEG or PNG bytes -> normalised tensor, RGB or (1) grey.

        The pixels are those that `kerazoo.open_picture` reads: upright, and transparency on white.
        It is for graphs that are saved, and refuses other files when it runs; those it has no
        Python to read with.
        """
        from kerazoo._reading import read_picture, to_grey

        image = read_picture(data, self.rounding, python=False)
        return self.tf_image(to_grey(image) if channels == 1 else image)

    def keras_layers(self, channels: int = 3) -> list[Any]:
        """Layers that normalise 0 to 255 inside a model (`include_preprocessing=True`)."""
        from keras import layers

        scale, offset = self._affine(channels)
        return [layers.Rescaling(scale.tolist(), offset.tolist(), name="normalise")]

    def _affine(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """`scale`, `offset` with `x * scale + offset` the normalised value of a byte `x`."""
        mean, std = (np.asarray(v, "float64") for v in self.statistics(channels))
        return (1 / (255 * std)).astype("float32"), (-mean / std).astype("float32")

    def _geometry(self, height: Any, width: Any, where: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Scaled height and width, the result's top and left in it, and what is scaled.

        The last is a window of the picture: top, left, height and width.
        """
        window = (0, 0, height, width)
        if self.fit == "crop":
            window = centre_of_strip((height, width), self.size, where)
        cover, rounding = self.scaled_size, self.rounding
        return (
            *scaled_and_corner(window[2:], cover, self.size, self.fit, rounding, where),
            window,
        )

    def _border(self, channels: int) -> np.ndarray:
        """The border's colour in bytes; whole ones, so that all forms have the same."""
        return np.rint(255 * np.asarray(_spread(self.fill or self.mean, channels))).astype("uint8")


def _side(name: str, value: Any) -> int:
    """NumPy's integers are integers too."""
    return check_int(name, int(value) if isinstance(value, np.integer) else value)


def _choose(condition: bool, a: Any, b: Any) -> Any:
    """`tf.where` for Python's values."""
    return a if condition else b


def _spread(rgb: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Numbers of red, green and blue for other counts of channels."""
    check_int("channels", channels)
    check_classes("channels", channels)
    return (sum(rgb) / 3,) if channels == 1 else tuple(rgb[c % 3] for c in range(channels))
