"""The softmax at the end of a classifier, which training and int8 are better off without."""

from typing import Any


def without_softmax(model: Any) -> tuple[Any, bool]:
    """The tf_keras model up to its logits, with the same layers; and whether it had a softmax."""
    last = model.layers[-1]
    function = getattr(getattr(last, "activation", None), "__name__", "")
    if type(last).__name__ != "Softmax" and (type(last).__name__, function) != (
        "Activation",
        "softmax",
    ):
        return model, False
    return type(model)(model.input, last.input, name=model.name), True
