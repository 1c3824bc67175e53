"""A network of keras.applications as a constructor like the others.

The body comes from keras.applications, layer names included, so that its weight files fit; pooling,
classifier, preprocessing, features and loading are ours.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from kerazoo._errors import invalid
from kerazoo._keras_graph import replay
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.models._constructor import constructor, show_signature
from kerazoo.models._model import ZooModel

FIXED = ("padding", "batch_norm_epsilon", "stem_strides")


def _replay(body: keras.Model, x):
    """The same layers anew on `x`: its last tensor, and the output of each layer by name.

    NASNet makes its layers inside name scopes, which end up in the variables' paths; remade here
    they have `<layer>/<variable>` like everybody's.
    """
    outputs = {}

    def remake(layer):
        fresh = type(layer).from_config(layer.get_config())

        def call(*args, **kwargs):
            outputs[layer.name] = fresh(*args, **kwargs)
            return outputs[layer.name]

        return call

    return replay(body, [x], remake), outputs


def application(
    id: str,
    create: Callable[..., keras.Model],
    features: Mapping[int, str],
    conventions: Conventions,
    *,
    size: int = 224,
    static: bool = False,
) -> Callable[[Callable], Callable[..., ZooModel]]:
    """Make a constructor of a function that has the public name and docstring.

    Args:
        id: Registered id.
        create: The constructor in `keras.applications`.
        features: Stride -> layer whose output is the last of that stride.
        conventions: What keras.applications has built in; `FIXED` arguments can only say the same.
        size: Default height and width.
        static: Whether height and width must be known, since the padding depends on them.
    """

    def wrap(described: Callable) -> Callable[..., ZooModel]:
        name = described.__name__

        def build(x, chosen, stem_strides) -> Trunk:
            if static and None in x.shape[1:3]:
                raise invalid(
                    "input_shape",
                    tuple(x.shape[1:]),
                    f"without None for `{name}`: its padding in keras.applications depends on it",
                )
            body = create(
                include_top=False, weights=None, input_tensor=keras.Input(tuple(x.shape[1:]))
            )
            last, outputs = _replay(body, x)
            maps = {stride: outputs[layer] for stride, layer in features.items()}
            return Trunk(last, chosen.passed(max(features)), maps)

        build.__name__ = build.__qualname__ = name
        build.__module__, build.__doc__ = described.__module__, described.__doc__
        inner = constructor(
            ids={id: {}}, size=size, conventions=conventions, dropout_rate=0.0, dilates=False
        )(build)
        fixed = {
            "padding": conventions.padding,
            "batch_norm_epsilon": conventions.batch_norm_epsilon,
            "stem_strides": 2,
        }
        signature = inspect.signature(inner)

        @functools.wraps(inner)
        def outer(*args, **kwargs) -> ZooModel:
            bound = signature.bind_partial(*args, **kwargs).arguments if args else kwargs
            for argument, value in fixed.items():
                given = bound.get(argument)
                if given is not None and given != value:
                    raise invalid(
                        argument, given, f"{value!r}, which `{name}` has in keras.applications"
                    )
            headless = bound.get("features_only") or bound.get("include_top") is False
            if static and headless and bound.get("input_shape", bound.get("input_tensor")) is None:
                kwargs["input_shape"] = (size, size, 3)
            return inner(*args, **kwargs)

        shown = [p for p in signature.parameters.values() if p.name not in FIXED]
        made: Any = outer
        made.family = inner.family
        show_signature(made, signature.replace(parameters=shown))
        return made

    return wrap
