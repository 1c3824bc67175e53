"""From a network made for training to one made to run, with the same outputs."""

import logging

import keras

from kerazoo._checks import check_choice
from kerazoo._errors import invalid
from kerazoo._graph import Graph
from kerazoo._keras_graph import is_graph, layers_of
from kerazoo._layer_facts import in_half_precision
from kerazoo.deploy.fusion.branches import sum_branches
from kerazoo.deploy.fusion.forms import TARGETS, Forms, choose_forms
from kerazoo.deploy.fusion.rules import drop_training_only, fold_backwards, fold_forwards, lower
from kerazoo.deploy.learned_groups import freeze_groups
from kerazoo.layers import FLGCConv2D

_logger = logging.getLogger("kerazoo")


def fuse(model: keras.Model, target: str = "tensorflow") -> keras.Model:
    """A copy of `model` for inference: the same outputs from fewer and faster layers.

    * Batch normalisation goes into the convolution or dense layer before it (or, where nothing is
      in between, behind it), also through concatenations, additions, channel shuffles and pooling,
      and through zero padding where it moves no zeros. Where that would change a number (shared
      layers, tensors that others take too, an activation in between) it stays.
    * A `Rescaling` in front goes into the first convolution if that is unpadded, or if the
      rescaling has no offset: zeros around a normalised picture are not normalised zeros.
    * Mixed and grouped convolutions, sums of parallel depthwise ones, and PReLU take the form that
      `target` computes fastest.
    * Learned groups are frozen (`freeze_groups`), trained or not.
    * Dropout, noise, random pictures and linear activations are left out.

    Layers of unknown classes are copied as they are, as are calls with `training=True`. Models
    inside of models are fused on their own. Regularizers are dropped; the copy is not compiled.

    Args:
        model: A built functional or sequential model in float32 with channels last.
        target: The runtime that it is for: `"tensorflow"` (also JAX and Torch), `"openvino"`,
            `"onnx"`, `"litert"`, or `"litert_int8"` where LiteRT is to compute in int8.

    Returns:
        A new functional model, of the same class if that is made of inputs and outputs (so a
        `ZooModel` stays one, with its `info`). Outputs differ by rounding, at most 1e-4 of the
        largest. `model` is not changed.

    Raises:
        ValueError: for an unknown target; a model that is not functional, or not built; layers in
            half precision, where folding is not exact; layers that cannot be copied.
    """
    check_choice("target", target, TARGETS)
    _check(model)
    fused = _fuse(model, TARGETS[target])
    _logger.info(
        "fused %s for %s: %d layers of %d", model.name, target, len(fused.layers), len(model.layers)
    )
    return fused


def _check(model) -> None:
    if isinstance(model, keras.Sequential) and not model.built:
        raise invalid("model", model.name, "built: call it once or give it an Input")
    if not isinstance(model, keras.Model) or not is_graph(model):
        raise invalid("model", model, "a functional or sequential Keras model")
    half = [layer.name for layer in layers_of(model) if in_half_precision(layer)]
    if half:
        shown = ", ".join(half[:5]) + (f" and {len(half) - 5} more" if len(half) > 5 else "")
        raise invalid(
            "model",
            shown,
            "of float32 layers: folding into half-precision weights is not exact (set the policy "
            '"float32", rebuild the model and load its weights)',
        )


def _fuse(model: keras.Model, forms: Forms) -> keras.Model:
    if any(isinstance(layer, FLGCConv2D) for layer in layers_of(model)):
        model = freeze_groups(model, allow_untrained=True)
    graph = Graph.read(model)
    drop_training_only(graph)
    lower(graph)
    _fold(graph)
    if forms.summed_branches:
        sum_branches(graph, forms.summed_branches)
        _fold(graph)
    choose_forms(graph, forms)
    fused = graph.build(lambda inner: _fuse(inner, forms))
    if hasattr(model, "info"):
        fused.info = model.info
    return fused


def _fold(graph: Graph) -> None:
    while fold_backwards(graph) or fold_forwards(graph):
        pass
