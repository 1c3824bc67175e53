"""Whether a network is a classifier, and of the right classes."""

from typing import Any

from kerazoo._errors import invalid


def check(model: Any, source: Any = None) -> None:
    """Raises `ValueError` unless `model` can be exported, measured and predicted with.

    Args:
        model: A Keras model, functional or sequential and built.
        source: A `kerazoo.data.source.Source` whose classes and RGB pictures it must be for.
    """
    if not getattr(model, "inputs", None):
        raise invalid("model", model.name, "functional, or sequential and built")
    shapes = [tuple(x.shape) for x in (*model.inputs, *model.outputs)]
    fits = len(shapes) == 2 and len(shapes[0]) == 4 and len(shapes[1]) == 2 and shapes[1][1]
    if source is not None and not (fits and shapes[1][1] == len(source.classes)):
        rule = f"a classifier of the {len(source.classes)} classes of {source.name!r}"
        raise invalid("model", f"{model.name} with output shape {model.output_shape}", rule)
    if not fits:
        rule = "a classifier: one input (batch, height, width, channels), one output (batch, n)"
        raise invalid("model", shapes, rule)
    if source is not None and shapes[0][-1] != 3:
        raise invalid("model", f"{model.name} for {shapes[0][-1]} channels", "for RGB")
