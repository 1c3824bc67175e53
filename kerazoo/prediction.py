"""What is on pictures: one call, whatever the network and the pictures are."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.records import get_checkpoint
from kerazoo.deploy.runner import Runner, has_record
from kerazoo.open import Exported, find_exported, is_stored, open_model
from kerazoo.picture_lists import is_one_picture
from kerazoo.pictures import PictureError
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.task import check_options


@checked("weights", "like", "runtime", "preprocessing", "labels", "exact", "skip")
def predict(
    what: Any,
    pictures: Any,
    *,
    weights: str | os.PathLike | None = None,
    size: int | None = None,
    like: str | None = None,
    runtime: str | None = None,
    batch_size: int = 32,
    preprocessing: Preprocessing | None = None,
    labels: str | Sequence[str] | None = None,
    exact: bool = True,
    skip: Callable[[PictureError], None] | None = None,
    tiles: int | None = None,
    **how: Any,
) -> Any:
    """What a network finds on a picture, or on many.

    >>> kerazoo.predict("mixnet_s", "cat.jpg", top=1)             # doctest: +SKIP
    [Prediction(index=285, name='Egyptian cat', score=0.83)]
    >>> for path, found in kerazoo.predict("runs/pets", "holiday/"):  # doctest: +SKIP
    ...     print(path, found[0].name)

    Args:
        what: What `kerazoo.open.open_model` takes (a model id, an id of weights, `hf://user/repo`,
            a folder, a file of weights, a `.keras` file), what `kerazoo export` wrote, a Keras
            model, or a `Predictor` such as `kerazoo.deploy.Runner`: open one of those once where
            you call this often.
        pictures: One picture (the path or bytes of a file, a PIL picture, a uint8 array `(height,
            width, 3)`), or several: a folder, a glob, a list, or an array `(count, height, width,
            3)`. Values are 0 to 255; every picture is prepared as the network wants it.
        weights: With a model id, as `create_model` takes them; by default ImageNet's.
        size: Side of the pictures in pixels, where not the weights' own.
        like: Of weights that do not say how they were trained: as these registered ones, by id.
        runtime: As for `Runner`, which fuses and exports the network first; by default Keras as
            it is built, and for an exported network its own.
        batch_size: Pictures at a time.
        preprocessing: In place of the network's own.
        labels: Label set or names, in place of the network's own.
        exact: Whether every pixel of a JPEG is decoded, however large it is. False is sooner for
            photographs of many megapixels, with slightly other scores; see `Predictor.exact`.
        skip: Called with the error of a picture that cannot be read, which is then left out; by
            default the error is raised.
        tiles: Look at each picture as a whole and in overlapping tiles, whose longer side is so
            many pixels of the picture, for things that are small in it. Of detectors: a thing that
            is cut between tiles is told once; of segmenters: a pixel has the class that the tile
            says in which it is farthest from a seam.
        **how: Options of the network's task; of classification `top=5`, how many classes.

    Returns:
        Of one picture its prediction; of several an iterator of `(picture, prediction)` in their
        order, which computes as it is read. The prediction of a classifier is a list of
        `kerazoo.labels.Prediction(index, name, score)`, best first.

    Raises:
        ValueError: An argument outside what is accepted; a network whose task cannot predict.
        PictureError: A picture cannot be read (of one picture always, whatever `skip` is).
    """
    predictor = open_predictor(
        what,
        weights=weights,
        size=size,
        like=like,
        runtime=runtime,
        batch_size=batch_size,
        preprocessing=preprocessing,
        labels=labels,
    )
    if not exact and predictor is what:
        rule = f"left out: {type(what).__name__} has its own, the attribute `exact`"
        raise invalid("exact", exact, rule)
    if predictor is not what:
        predictor.exact = exact
    check_options(predictor.task, how)
    if not is_one_picture(pictures):
        return predictor.predictions(pictures, skip, tiles, **how)
    ((_, prediction),) = predictor.predictions([pictures], tiles=tiles, **how)
    return prediction


def open_predictor(
    what: Any,
    *,
    like: str | None = None,
    runtime: str | None = None,
    batch_size: int = 32,
    threads: int | None = None,
    preprocessing: Preprocessing | None = None,
    labels: str | Sequence[str] | None = None,
    **overrides: Any,
) -> Predictor:
    """A network, however it is called, ready for pictures.

    Args:
        what, like, runtime, batch_size, preprocessing, labels: As for `predict`.
        threads: Of another runtime than Keras, as for `Runner`.
        **overrides: For `kerazoo.open.open_model`: `weights`, `size`, arguments of the constructor.

    Raises:
        ValueError: There is no such network, or it cannot be run so.
    """
    if isinstance(what, Predictor):
        options = {"like": like, "runtime": runtime, "labels": labels, **overrides}
        for name, value in {**options, "preprocessing": preprocessing}.items():
            if value is not None:
                raise invalid(name, value, f"left out: {type(what).__name__} has its own")
        return what
    if like is not None and not is_name(what):
        # Such a network is there already: that can but say how its pictures are prepared.
        preprocessing, like = preprocessing or get_checkpoint(like).preprocessing, None
    options = {"preprocessing": preprocessing, "labels": labels, "batch_size": batch_size}
    record = isinstance(what, str | os.PathLike) and has_record(what)
    opened = what if record else open_model(what, like=like, **overrides)
    if record or runtime or isinstance(opened, Exported):
        network = opened.path if isinstance(opened, Exported) else opened
        return Runner(network, runtime or "auto", threads=threads, **options)
    return Predictor.of_model(opened, **options)


def is_name(what: Any) -> bool:
    """Whether weights are yet to be put into a network: it is not there as a whole."""
    if not isinstance(what, str | os.PathLike):
        return False
    return find_exported(what) is None and not is_stored(what)
