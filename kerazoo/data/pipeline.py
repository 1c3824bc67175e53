"""Batches for training, the same for the same seed, and batches for evaluation."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid, unknown
from kerazoo._rules import is_int
from kerazoo.data.augment import Augmenter, cropped, fold_in, placed_picture, rescaled
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.batchwise import is_small, small_batches
from kerazoo.data.corrupt import Corrupt, Tally, picture_error
from kerazoo.data.mosaic import mosaics
from kerazoo.data.order import as_it_is, numbered_rows
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task

# Random numbers for different ends come from different branches of the seed.
_SHUFFLE, _CROP, _PICTURE, _MIX, _MOSAIC = range(5)


@dataclass(frozen=True)
class TrainingData:
    """What `training_data` makes.

    Attributes:
        batches: `tf.data.Dataset` of (float32 pictures, targets), without end: give `fit` the
            `steps`.
        steps: Whole batches in an epoch; the few pictures left over differ from epoch to epoch.
        classes: Names of the classes.
        encoded: Whether targets are as the task's loss takes them, not as the source has them.
        on_corrupt: `"skip"` or `"fail"`.
    """

    batches: Any
    steps: int
    classes: tuple[str, ...]
    encoded: bool
    on_corrupt: str
    tally: Tally

    def corrupt(self) -> list[Corrupt]:
        """Pictures that could not be decoded so far, by name and reason; `len()` counts them."""
        return self.tally.corrupt()

    @contextlib.contextmanager
    def naming_corrupt(self) -> Iterator[None]:
        """Around a loop over `batches`: TensorFlow's error becomes one that names the pictures.

        Raises:
            PictureError: In place of TensorFlow's error, where a picture caused it.

        With data and a model of yours:

        >>> with data.naming_corrupt():  # doctest: +SKIP
        ...     model.fit(data.batches, steps_per_epoch=data.steps)
        """
        try:
            yield
        except tf.errors.OpError as error:
            if not (found := self.corrupt()):
                raise
            raise picture_error(found) from error


@checked("source", "preprocessing", "augmentation", "cache", "encode")
def training_data(
    source: Source,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None = None,
    *,
    batch_size: int,
    seed: int = 0,
    epoch: int = 0,
    step: int = 0,
    size: int | tuple[int, int] | None = None,
    on_corrupt: str = "skip",
    cache: bool = False,
    shuffle_buffer: int = 8192,
    parallel: int | None = None,
    encode: bool = False,
    model: Any = None,
    shares: np.ndarray | None = None,
) -> TrainingData:
    """Shuffled, augmented, normalised batches.

    Order and augmentation follow from `seed`, the epoch and each picture's number alone: the same
    seed gives the same batches, bit for bit, whatever the number of threads, and `epoch=3, step=7`
    goes on exactly where an uninterrupted run would be (but for skipped pictures, which shift what
    follows them). Arrays that are only shifted and mirrored (`crop="pad"` or `"none"`, at their own
    size) are treated by the batch, ten times as fast.

    Args:
        source: The pictures; for TFDS sets opened with `shards=4` or more they mix better.
        preprocessing: Size, interpolation and normalisation. Its crop counts for augmentations
            that do not crop at random.
        augmentation: By default `Augmentation()`.
        batch_size: Pictures in a batch.
        seed: Any int.
        epoch: Where to start, counted from 0.
        step: How many batches of that epoch to leave out, below `steps`.
        size: Of the pictures in the batches, where that is not the preprocessing's: for training
            on smaller pictures at first. A padded or central crop is made as always and scaled
            then; a random one is scaled to this size at once.
        on_corrupt: `"skip"` leaves out pictures that cannot be decoded, and counts them;
            `"fail"` stops at the first, with an error that `naming_corrupt` explains.
        cache: Keep encoded pictures in memory after the first epoch (sources in a stream only;
            arrays are in memory, and files in that of the operating system).
        shuffle_buffer: Pictures to choose from, for sources that come in a stream. The others are
            shuffled as a whole, without a buffer.
        parallel: Calls at a time; by default as TensorFlow finds best.
        encode: Targets as the loss of the source's task takes them. MixUp and CutMix, which mix
            targets, do so in any case.
        model: The network that learns, for tasks whose encoded targets depend on it.
        shares: How often each picture is shown in an epoch on average, by default once
            (`kerazoo.data.balance.picture_shares`); for sources with `fetch`.

    Raises:
        ValueError: A source with fewer pictures than a batch, an argument out of range, or an
            augmentation that the task's targets cannot follow.
    """
    augmentation = augmentation or Augmentation()
    check_int("parallel", parallel, optional=True)
    _check(source, batch_size, seed, epoch, step, on_corrupt, shuffle_buffer, shares)
    _check_task(source, augmentation)
    steps, calls = source.count // batch_size, parallel or tf.data.AUTOTUNE
    root, tally = tf.constant([seed, 0], tf.int64), Tally(source)
    final = preprocessing if size is None else preprocessing.with_size(size)
    augmenter = Augmenter(augmentation, final)
    if shares is None and is_small(source, augmentation, preprocessing):
        batches = small_batches(
            source,
            preprocessing,
            final,
            augmentation,
            tf.data.Dataset.range(epoch, tf.int64.max),
            (epoch, step),
            batch_size,
            (fold_in(root, _SHUFFLE), fold_in(root, _CROP)),
            calls,
        )
    else:
        rows = numbered_rows(
            *(source, fold_in(root, _SHUFFLE), epoch, steps * batch_size),
            *(tally, cache, shuffle_buffer, shares),
        )
        load = _loader(source, preprocessing, augmenter, root, tally)
        rows = rows.skip(step * batch_size).map(load, num_parallel_calls=calls)
        if on_corrupt == "skip":
            rows = rows.ignore_errors()
        batches = rows.batch(batch_size, drop_remainder=True)
    if augmentation.mosaic:
        how = augmentation.mosaic, fold_in(root, _MOSAIC), epoch * steps + step
        batches = mosaics(batches, get_task(source.task), *how)
    encode = encode or augmentation.mixes
    if encode:
        encoded = _encoder(source, augmenter, fold_in(root, _MIX), model)
        batches = batches.enumerate(epoch * steps + step).map(encoded, num_parallel_calls=calls)
    options = tf.data.Options()
    options.deterministic = True
    batches = batches.prefetch(tf.data.AUTOTUNE).with_options(options)
    return TrainingData(batches, steps, source.classes, encode, on_corrupt, tally)


@checked("source", "preprocessing", "encode", "beside")
def evaluation_batches(
    source: Source,
    preprocessing: Preprocessing,
    batch_size: int,
    limit: int | None = None,
    *,
    on_corrupt: str = "fail",
    encode: bool = False,
    model: Any = None,
    beside: bool = False,
) -> tf.data.Dataset:
    """(float32 pictures, targets) in order, once, exactly as `preprocessing` says.

    Args:
        source: The pictures.
        preprocessing: How they are resized, cropped and normalised.
        batch_size: Pictures at a time; the last batch may be smaller.
        limit: Only this many pictures, the first ones.
        on_corrupt: `"fail"` ends the data with TensorFlow's error at a picture that cannot be
            decoded, `"skip"` leaves it out; `find_corrupt` names them.
        encode: Targets moved with their pictures, as the loss of the source's task takes them; by
            default they are those of the source, in pixels of the original.
        model: As for `training_data`.
        beside: Whether the source's targets come beside the encoded ones: (pictures, (encoded,
            targets)).
    """
    check_int("batch_size", batch_size)
    check_int("limit", limit, optional=True)
    _check_on_corrupt(on_corrupt)
    task = get_task(source.task)

    @as_it_is
    def decode(data: tf.Tensor, target: Any) -> tuple[tf.Tensor, Any]:
        image, placement = placed_picture(data, source.encoded, preprocessing)
        moved = task.move(target, placement) if encode else target
        return image, (moved, target) if beside else moved

    def encoded(pictures: tf.Tensor, targets: Any) -> tuple[tf.Tensor, Any]:
        if not beside:
            return pictures, task.encode(targets, source.classes, model)
        moved, given = targets
        return pictures, (task.encode(moved, source.classes, model), given)

    rows = source.pictures.take(source.count if limit is None else limit)
    rows = rows.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    if on_corrupt == "skip" and source.encoded:  # their number is unknown then
        rows = rows.ignore_errors()
    batches = rows.batch(batch_size)
    if encode:
        batches = batches.map(as_it_is(encoded))
    return batches.prefetch(2)


def _check(source, batch_size, seed, epoch, step, on_corrupt, shuffle_buffer, shares) -> None:
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, -(2**63)),
        ("epoch", epoch, 0),
        ("step", step, 0),
        ("shuffle_buffer", shuffle_buffer, 1),
    ):
        if not is_int(value) or not least <= value < 2**63:
            raise invalid(name, value, f"an int, {least} or more" if least >= 0 else "an int")
    if batch_size > source.count:
        rule = f"at most the number of pictures, {source.count} in {source.name!r} {source.split!r}"
        raise invalid("batch_size", batch_size, rule)
    if step >= source.count // batch_size:
        raise invalid("step", step, f"below the {source.count // batch_size} steps of an epoch")
    _check_on_corrupt(on_corrupt)
    if shares is not None:
        rule = f"an array of {source.count} numbers above 0, one for each picture"
        if not isinstance(shares, np.ndarray) or shares.shape != (source.count,):
            raise invalid("shares", shares, rule)
        if shares.dtype.kind != "f" or not (np.isfinite(shares) & (shares > 0)).all():
            raise invalid("shares", f"an array of {shares.dtype}", rule)


def _check_task(source: Source, augmentation: Augmentation) -> None:
    task = get_task(source.task)
    if augmentation.mixes and not task.mixes:
        values = {"mixup": augmentation.mixup, "cutmix": augmentation.cutmix}
        raise invalid("augmentation", values, f"without mixing: targets of {task.name} stay apart")
    if augmentation.rand_augment and task.placed:
        # Among its operations are rotation and shear, and nothing tells which one was drawn.
        rule = f"0 for {task.name}, whose targets would not follow the pictures"
        raise invalid("rand_augment", augmentation.rand_augment, rule)
    if augmentation.mosaic and not task.joins:
        rule = f"0 for {task.name}, whose targets cannot lie side by side"
        raise invalid("mosaic", augmentation.mosaic, rule)
    if augmentation.crop == "objects" and not task.placed:
        rule = f"another one for {task.name}, whose targets are nowhere in the picture"
        raise invalid("crop", augmentation.crop, rule)


def _check_on_corrupt(on_corrupt: str) -> None:
    if on_corrupt not in ("skip", "fail"):
        raise unknown("on_corrupt", on_corrupt, ("skip", "fail"))


def _encoder(source: Source, augmenter: Augmenter, branch: tf.Tensor, model: Any) -> Any:
    """Encodes the targets of a numbered batch, and mixes it where that is wanted."""
    task = get_task(source.task)

    @as_it_is
    def encoded(number: tf.Tensor, batch: tuple) -> tuple[tf.Tensor, Any]:
        pictures, targets = batch[0], task.encode(batch[1], source.classes, model)
        if not augmenter.record.mixes:
            return pictures, targets
        return augmenter.mix(pictures, targets, fold_in(branch, number))

    return encoded


def _loader(
    source: Source,
    preprocessing: Preprocessing,
    augmenter: Augmenter,
    root: tf.Tensor,
    tally: Tally,
) -> Any:
    crop, vary = fold_in(root, _CROP), fold_in(root, _PICTURE)
    record, final = augmenter.record, augmenter.preprocessing
    cut = preprocessing if record.crop == "pad" or not record.cuts else final

    task = get_task(source.task)

    @as_it_is
    def load(number: tf.Tensor, index: tf.Tensor, row: Any) -> tuple[tf.Tensor, Any]:
        with tf.control_dependencies([tally.begin(index)]):
            row = tf.nest.map_structure(tf.identity, row)
        data, target = source.fetch(row) if source.fetch else row
        seed = fold_in(fold_in(crop, number), index)
        regions = task.regions(target) if record.crop == "objects" else None
        image, placement = cropped(data, source.encoded, record, cut, seed, regions)
        with tf.control_dependencies([image]):
            tally.done(index)
        if cut.size != final.size:
            image, placement = rescaled(image, placement, final)
        seed = fold_in(fold_in(vary, number), index)
        image = augmenter.picture(image, seed)
        target = task.move(target, placement.mirror(augmenter.mirrors(seed)))
        # Not `preprocessing.normalise`: that computes with the backend of Keras, which may be JAX.
        scale, offset = final._affine(image.shape[-1])
        return image * scale + offset, target

    return load
