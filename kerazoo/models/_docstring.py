"""Docstrings of constructors: what each says of itself, and what all have in common."""

import inspect
from collections.abc import Callable
from typing import Any

from kerazoo.checkpoints.records import checkpoints_for
from kerazoo.tasks import get_task

_COMMON_DOC = """\
    include_top: Whether the pooling and the classifier are included.
    weights: `"imagenet"` (the model's default checkpoint), `"cifar10"` where registered, a
        registered id (`kerazoo info MODEL` lists them), `"hf://user/repo"`, a local file or
        folder, or None for random ones.
    input_tensor: A Keras tensor to build on.
    input_shape: `(height, width, channels)`; height and width may be None and need not be
        equal; any number of channels (the RGB stem kernel is adapted). Default: the
        checkpoint's size.
    pooling: With `include_top=False`: None (a map), `"avg"` or `"max"` (a vector).
    classes: Default: the checkpoint's, else {classes}. With another number than the checkpoint's
        the classifier starts fresh.
    classifier_activation: `"softmax"`, or None for logits.
    name: Name of the model.
    include_preprocessing: Whether the model takes pixels from 0 to 255 and normalises them
        itself; without, pass them through `kerazoo.preprocess_input`.
    dropout_rate: Before the classifier.
    padding: `"same"` (TensorFlow) or `"symmetric"` (PyTorch); default: the checkpoint's.
    batch_norm_epsilon: Default: the checkpoint's.
    stem_strides: 2, or 1 for small pictures such as 32x32.
    features_only: Return a dict of feature maps, `{{"stride_2": …, …}}`; see
        `model.feature_channels`.
    out_features: With `features_only=True`: names of the maps to return, in that order; None for
        the last one of each stride. `model.info.available` lists all there are.
    output_stride: 8 or 16, for dense maps: strides beyond it become dilation, with the same
        weights. Default: the architecture's own (32).
    like: For a local file that does not say itself how it was trained: the id of registered
        weights with the same padding, batch-norm epsilon and preprocessing.

Returns:
    A functional `kerazoo.ZooModel` from `(batch, height, width, channels)` to
    `{shape}`.

Raises:
    ValueError: for an argument outside what is accepted; the message names it.
"""


def documented(build: Callable, family: Any) -> str:
    """The builder's docstring (its own Args last), the common arguments, the known weights."""
    task = get_task(family.task)
    text = inspect.cleandoc(build.__doc__ or "")
    if "Args:" not in text:
        text += "\n\nArgs:"
    figure = task.monitor
    known = [
        f"    `{c.id}`: {figure.label} {c.metrics.get(figure.metric, '?')} %, "
        f"{c.size[0]} pixels, {c.licence}{' (default)' if c.default else ''}"
        for id in family.ids
        for c in checkpoints_for(id)
    ]
    weights = "\n".join(["\nWeights:", *known, ""]) if known else ""
    common = _COMMON_DOC.format(classes=family.classes, shape="` and `".join(task.shapes))
    return f"{text}\n{common}{weights}"
