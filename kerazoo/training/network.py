"""The network of a run, with the weights that it starts from."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras

from kerazoo._errors import invalid
from kerazoo.checkpoints.load import load_trunk
from kerazoo.labels import label_names
from kerazoo.models import ZooModel
from kerazoo.registry import create_model
from kerazoo.training import distribution
from kerazoo.training.inputs import Inputs
from kerazoo.training.recipe import Recipe

log = logging.getLogger("kerazoo")

# Arguments of the constructor that a run decides itself, beside those of the task.
_DECIDED = ("weights", "classes", "input_shape", "include_top")


def build_network(
    recipe: Recipe, inputs: Inputs, weights: Any = None, trunk: tuple[Any, Any] | None = None
) -> ZooModel:
    """What a recipe says, for these data.

    Args:
        recipe: Names the network and its arguments.
        inputs: The data: their classes and the size of the pictures.
        weights: To start from (`kerazoo.checkpoints.weights.Weights`); None for drawn ones.
        trunk: Another network, as `find_teacher` gives it, whose trunk is taken over.

    Raises:
        ValueError, TypeError: A model, argument or weights that do not exist or fit.
    """
    task = inputs.task
    for name in (*_DECIDED, *task.learning):
        if name in recipe.arguments:
            rule = "left out: the run decides it (start weights are the recipe's `weights`)"
            raise invalid(f"arguments.{name}", recipe.arguments[name], rule)

    def make(
        arguments: Mapping[str, Any], weights: Any = None, classes: int | None = None
    ) -> ZooModel:
        size = (None, None) if recipe.resolution else inputs.preprocessing.size
        keras.utils.set_random_seed(recipe.seed)
        return create_model(
            recipe.model,
            weights=weights,
            input_shape=(*size, 3),
            classes=classes or len(inputs.classes),
            **task.learning,
            **arguments,
        )

    with made_as(recipe):
        # The trunk's conventions: without them its weights mean something else.
        conventions = {} if trunk is None else dict(trunk[0].arguments)
        given = conventions | recipe.arguments
        given = task.arguments(given, inputs.train, inputs.preprocessing, make)
        model = make(given, weights)
        if trunk is not None:
            load_trunk(model, trunk[1])
        if weights is not None:
            _adopt(model, recipe, inputs, weights, lambda classes: make(given, weights, classes))
    model.info = replace(
        model.info,
        preprocessing=inputs.preprocessing,
        labels=tuple(inputs.classes),
        confidence=None,  # that of the start weights is of what they had learned
    )
    return model


def _adopt(model: ZooModel, recipe: Recipe, inputs: Inputs, weights: Any, make: Any) -> None:
    """Hands the head what the start weights know of classes of the same name.

    Args:
        make: Gives the network of the start weights, for a number of classes.
    """
    labels = recipe.transfer.labels or weights.labels
    if labels is None:
        return
    names = label_names(labels) if isinstance(labels, str) else labels
    if tuple(names) == tuple(inputs.classes):
        return
    had = weights.classes or len(names)
    found = inputs.task.adopt(model, names, inputs.classes, lambda: make(had))
    if found:
        count = len(inputs.classes)
        log.info("%d of %d classes start as those of the same name.", found, count)


@contextlib.contextmanager
def made_as(recipe: Recipe) -> Iterator[None]:
    """Within it, layers are made with the recipe's dtype policy and on its devices."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype)
    try:
        with distribution.scope(recipe.strategy):
            yield
    finally:
        keras.config.set_dtype_policy(before)
