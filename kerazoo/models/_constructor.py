"""From a family's builder to a public constructor with the habits of keras.applications."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import keras

from kerazoo._bounds import check_parameters
from kerazoo._checks import checked
from kerazoo._errors import did_you_mean, invalid, unknown
from kerazoo._initial_values import late_values
from kerazoo._keras_graph import layers_of
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.checkpoints.lineage import origins
from kerazoo.checkpoints.load import load_fitting
from kerazoo.checkpoints.local import default_preprocessing
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.shipped import reachable
from kerazoo.checkpoints.weights import tell
from kerazoo.layers._runtime import prepare
from kerazoo.models._arguments import Arguments, check_input_shape
from kerazoo.models._backbones import MADE, find_backbone
from kerazoo.models._docstring import documented
from kerazoo.models._model import ModelInfo, ZooModel
from kerazoo.models._rebuilding import check_stored
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task

# What timm calls arguments whose names here are not near.
_ELSEWHERE = {"pretrained": "weights", "in_chans": "input_shape", "global_pool": "pooling"}
_COMMON = [f for f in fields(Arguments) if f.name != "extras"]


@dataclass(frozen=True)
class Family:
    """What a constructor's wrapper has to know besides its builder.

    Attributes:
        ids: Registered id -> the builder's keyword arguments that it stands for. The first id
            stands for the constructor itself.
        size: Input height and width where nothing else decides.
        conventions: Where neither the caller nor a checkpoint decides. None for those of the
            family that its argument `backbone` names.
        dropout_rate: Before the classifier.
        stride: Total stride with `stem_strides=2`; the least input size.
        head: Name prefixes of the task's layers, which `include_top=False` leaves out.
        dilates: Whether `output_stride` can leave strides out.
        task: What it is for: a name that `kerazoo.tasks.get_task` knows.
        classes: Number of outputs where neither the caller nor a checkpoint decides.
        defaults: Defaults of the common arguments that differ from those of `Arguments`.
    """

    ids: Mapping[str, Mapping[str, Any]]
    size: int = 224
    conventions: Conventions | None = field(default_factory=Conventions)
    dropout_rate: float = 0.2
    stride: int = 32
    head: tuple[str, ...] = ("predictions",)
    dilates: bool = True
    task: str = "classification"
    classes: int = 1000
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def conventions_with(self, extras: Mapping[str, Any]) -> Conventions:
        """Those of a network with these arguments of its builder."""
        if self.conventions is not None:
            return self.conventions
        found = find_backbone(extras["backbone"]).family.conventions
        assert found is not None  # a backbone stands on no other
        return found


@checked("leading")
def constructor(
    *, leading: tuple[str, ...] = (), **facts
) -> Callable[[Callable[..., Trunk]], Callable[..., ZooModel]]:
    """Make a public constructor of a builder `(x, conventions, stem_strides, *, …) -> Trunk`.

    Args:
        leading: Parameters that come first in the signature, where keras.applications has it so.
        **facts: Fields of `Family`.
    """
    family = Family(**facts)

    def wrap(build: Callable[..., Trunk]) -> Callable[..., ZooModel]:
        own = {
            name: parameter
            for name, parameter in inspect.signature(build).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        signature = _signature(own, leading, family.defaults)

        @functools.wraps(build)
        def create(*args, **kwargs):
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                hint = _meant(kwargs, signature.parameters)
                message = f"{build.__name__}() {error}.{hint} Accepted: {signature}"
                raise TypeError(message) from None
            bound.apply_defaults()
            values = dict(bound.arguments)
            extras = {name: values.pop(name) for name in own}
            with late_values():
                model = _create(build, family, Arguments(**values, extras=extras))
            prepare(layers_of(model))
            if model.info.checkpoint:
                check_stored(model.info.checkpoint, family, create)
            return model

        made: Any = create
        made.__doc__ = documented(build, family)
        made.family, made.builder = family, build
        MADE.update(dict.fromkeys(family.ids, made))
        show_signature(made, signature)
        return made

    return wrap


def _meant(given: Mapping[str, Any], accepted: Mapping[str, Any]) -> str:
    wrong = next((name for name in given if name not in accepted), None)
    if wrong in _ELSEWHERE:
        return f" Did you mean {_ELSEWHERE[wrong]!r}?"
    return "" if wrong is None else did_you_mean(wrong, accepted)


def show_signature(create: Any, signature: inspect.Signature) -> None:
    """What `help`, editors and `typing.get_type_hints` see of a constructor."""
    create.__signature__ = signature
    del create.__wrapped__  # the builder, which gives a trunk
    shown = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    create.__annotations__ = {**shown, "return": ZooModel}


def _signature(own: Mapping[str, inspect.Parameter], leading, defaults) -> inspect.Signature:
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = {
        f.name: inspect.Parameter(
            f.name, keyword, default=defaults.get(f.name, f.default), annotation=f.type
        )
        for f in _COMMON
    }
    parameters |= {name: parameter.replace(kind=keyword) for name, parameter in own.items()}
    required = [n for n, p in parameters.items() if p.default is inspect.Parameter.empty]
    first = [*required, *leading]
    order = [*first, *(name for name in parameters if name not in first)]
    return inspect.Signature([parameters[n] for n in order], return_annotation=ZooModel)


def _create(build, family: Family, arguments: Arguments) -> ZooModel:
    arguments.check()
    if arguments.output_stride is not None and not family.dilates:
        rule = f"None: the strides of `{build.__name__}` are fixed"
        raise invalid("output_stride", arguments.output_stride, rule)
    architecture = _architecture(family, arguments.extras)
    rows = arguments.input_shape[0] if arguments.input_shape else None
    checkpoint = resolve(arguments.weights, architecture, rows, arguments.like)
    checkpoint = checkpoint and reachable(checkpoint, arguments.weights)
    decided = None not in (arguments.padding, arguments.batch_norm_epsilon)
    explicit_classes = arguments.classes is not None
    arguments = _settle(arguments, family, checkpoint)
    preprocessing = checkpoint.preprocessing if checkpoint else None
    if preprocessing is None and arguments.include_preprocessing:
        preprocessing = default_preprocessing(architecture, size=rows) or Preprocessing()
    inputs, source = _inputs(arguments, family, preprocessing)
    height, width, channels = inputs.shape[1:]
    if preprocessing is not None and height and width:
        preprocessing = preprocessing.with_size((height, width))
    x = inputs
    if preprocessing is not None and arguments.include_preprocessing:
        for layer in preprocessing.keras_layers(channels):
            x = layer(x)
    # `_settle` has decided them.
    assert arguments.padding is not None
    assert arguments.batch_norm_epsilon is not None
    conventions = Conventions(
        arguments.padding,
        arguments.batch_norm_epsilon,
        family.conventions_with(arguments.extras).batch_norm_momentum,
        output_stride=arguments.output_stride,
    )
    trunk = build(x, conventions, arguments.stem_strides, **arguments.extras)
    outputs = _outputs(trunk, arguments, family)
    model = ZooModel(source, outputs, name=arguments.name or architecture)
    # Before the variables take values (`late_values`).
    count = sum(math.prod(variable.shape) for variable in model.weights)
    check_parameters(["classes", *arguments.extras], count)
    model.info = ModelInfo(
        architecture=architecture,
        arguments=_recorded(arguments, family, architecture, inputs),
        preprocessing=preprocessing,
        labels=_labels(checkpoint, arguments),
        checkpoint=checkpoint and checkpoint.id,
        lineage=origins(checkpoint) if checkpoint else (),
        features=_table(trunk, outputs) if arguments.features_only else {},
        available=_table(trunk, trunk.maps()),
        omitted=_omitted(model, source, trunk, arguments, family),
        task=family.task,
        head=() if _headless(arguments) else family.head,
        confidence=_confidence(checkpoint, arguments),
        task_facts=trunk.facts,
    )
    if checkpoint is not None:
        load_fitting(model, checkpoint, fresh_head=explicit_classes)
        tell("" if decided else checkpoint.doubt)
    return model


def _architecture(family: Family, extras: Mapping[str, Any]) -> str:
    """The id whose arguments the caller's are; the constructor's own id otherwise."""
    own, *named = family.ids
    for name in named:
        if all(extras.get(key) == value for key, value in family.ids[name].items()):
            return name
    return own


def _settle(arguments: Arguments, family: Family, checkpoint) -> Arguments:
    """Replace every None that means "the checkpoint's, else the family's"."""
    conventions = family.conventions_with(arguments.extras)
    default = {
        "classes": family.classes,
        "dropout_rate": family.dropout_rate,
        "padding": conventions.padding,
        "batch_norm_epsilon": conventions.batch_norm_epsilon,
        "stem_strides": 2,
    }
    if checkpoint is not None:
        default |= {
            key: value
            for key, value in (
                ("classes", checkpoint.classes),
                ("padding", checkpoint.padding),
                ("batch_norm_epsilon", checkpoint.batch_norm_epsilon),
                *checkpoint.arguments.items(),
            )
            if value is not None
        }

    def settled(given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: default[name] if value is None and name in default else value
            for name, value in given.items()
        }

    given = settled({f.name: getattr(arguments, f.name) for f in fields(Arguments)})
    given["extras"] = settled(arguments.extras)
    return replace(arguments, **given)


def _inputs(arguments: Arguments, family: Family, preprocessing):
    """The tensor that the network starts from, and the input of the Keras model."""
    assert arguments.stem_strides is not None  # `_settle` has decided
    smallest = family.stride // (2 // arguments.stem_strides)
    shape = arguments.input_shape
    if arguments.input_tensor is not None:
        tensor = arguments.input_tensor
        if not keras.backend.is_keras_tensor(tensor):
            raise invalid("input_tensor", tensor, "a Keras tensor, such as `keras.Input(…)` gives")
        given = check_input_shape(tuple(tensor.shape[1:]), smallest)
        if shape is not None and tuple(shape) != given:
            raise invalid("input_shape", shape, f"that of `input_tensor`, {given}, or None")
        return tensor, keras.utils.get_source_inputs(tensor)[0]
    if shape is None:
        height, width = preprocessing.size if preprocessing else (family.size,) * 2
        if _headless(arguments):
            height = width = None
        shape = (height, width, 3)
    shape = check_input_shape(shape, smallest)
    tensor = keras.Input(shape, name="image")
    return tensor, tensor


def _headless(arguments: Arguments) -> bool:
    return arguments.features_only or not arguments.include_top


def _outputs(trunk: Trunk, arguments: Arguments, family: Family):
    """Output tensors: maps by name, the last map or vector, or what the task's head makes of it."""
    if arguments.features_only:
        maps = {name: x for name, (_, x) in trunk.maps().items()}
        names = arguments.out_features or [f"stride_{n}" for n in sorted(trunk.features)]
        for name in names:
            if name not in maps:
                raise unknown("out_features", name, maps, limit=None)
        return {name: maps[name] for name in names}
    if arguments.include_top:
        return get_task(family.task).head(trunk, arguments)
    if arguments.pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(name="avg_pool")(trunk.x)
    if arguments.pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="max_pool")(trunk.x)
    return trunk.x


def _table(trunk: Trunk, names) -> dict[str, tuple[int, int]]:
    """Name -> stride and channels."""
    maps = trunk.maps()
    return {name: (maps[name][0], maps[name][1].shape[-1]) for name in names}


def _omitted(model, source, trunk: Trunk, arguments: Arguments, family: Family) -> tuple[str, ...]:
    """Name prefixes of the layers that the full network has and `model` has not."""
    if not _headless(arguments):
        return ()
    kept = {layer.name for layer in model.layers}
    whole = keras.Function(source, trunk.x).operations
    dropped = dict.fromkeys(layer.name for layer in whole if layer.name not in kept)
    # A stage that is dropped whole goes by its first word: the names are saved with the model.
    words = {name.partition("_")[0] for name in kept}
    prefixes = [f"{w}_" if (w := name.partition("_")[0]) not in words else name for name in dropped]
    return (*dict.fromkeys(prefixes), *family.head)


def _labels(checkpoint, arguments: Arguments):
    if checkpoint is None or _headless(arguments):
        return None
    return checkpoint.labels if arguments.classes == checkpoint.classes else None


def _confidence(checkpoint, arguments: Arguments):
    if checkpoint is None or _headless(arguments):
        return None
    return checkpoint.confidence if arguments.classes == checkpoint.classes else None


def _recorded(arguments: Arguments, family: Family, architecture: str, inputs) -> dict[str, Any]:
    """The arguments that rebuild this network, as JSON values."""
    skipped = ("weights", "like", "input_tensor", "name", "extras")
    recorded = {
        f.name: _plain(getattr(arguments, f.name)) for f in _COMMON if f.name not in skipped
    }
    recorded["input_shape"] = list(inputs.shape[1:])
    if callable(recorded["classifier_activation"]):
        recorded["classifier_activation"] = keras.activations.serialize(
            recorded["classifier_activation"]
        )
    implied = family.ids[architecture]
    return recorded | {k: _plain(v) for k, v in arguments.extras.items() if k not in implied}


def _plain(value):
    """Table rows and tuples as JSON values; constructors accept both."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
