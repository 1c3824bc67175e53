"""What a trained segmenter knows of classes that a new one has too."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerazoo.labels import shared_classes


def adopt(
    model: Any, labels: Sequence[str], classes: Sequence[str], build: Callable[[], Any]
) -> int:
    """Copies rows of the layers that give logits, by name; see `Task.adopt`.

    Layers whose inputs have other widths are left as they are.
    """
    shared, old = shared_classes(classes, labels), build()
    if not shared:
        return 0
    to, source = list(shared), list(shared.values())
    copied = False
    for layer in model.layers:
        other = _same_layer(old, layer, len(classes), len(labels))
        if other is None:
            continue
        weights = layer.get_weights()
        for new, given in zip(weights, other.get_weights(), strict=True):
            new[..., to] = given[..., source]
        layer.set_weights(weights)
        copied = True
    return len(shared) if copied else 0


def _same_layer(old: Any, layer: Any, classes: int, before: int) -> Any:
    """The layer of `old` that makes logits of the same inputs; None where `layer` makes none."""
    if not isinstance(layer, keras.layers.Conv2D) or not layer.name.startswith(old.info.head):
        return None
    names = {each.name for each in old.layers}
    other = old.get_layer(layer.name) if layer.name in names else None
    shapes = [[tuple(x.shape) for x in each.get_weights()] for each in (layer, other) if each]
    if len(shapes) < 2 or len(shapes[0]) != len(shapes[1]):
        return None
    ends = [(new[-1], had[-1]) for new, had in zip(*shapes, strict=True)]
    inner = all(new[:-1] == had[:-1] for new, had in zip(*shapes, strict=True))
    return other if inner and set(ends) == {(classes, before)} else None
