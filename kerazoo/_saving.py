"""Keras finds kerazoo's classes in saved models, whoever loads them, without importing them before.

Keras looks classes up in a registry that is filled when their modules are imported, and kerazoo
imports nothing until it is asked for. So as soon as both packages are there, in whatever order,
every name gets a stand-in: when Keras makes an object of it, it imports the class, which takes the
stand-in's place in the registry.
"""

import importlib
import importlib.util
import inspect
import sys
from typing import Any

# Module -> what is registered in it.
CLASSES = {
    "kerazoo.layers": (
        *("BatchNormalization", "ChannelShuffle", "ChannelSplit", "CropLike"),
        *("DilatedAveragePooling2D", "FLGCConv2D", "FrozenFLGCConv2D", "GatherChannels"),
        *("GroupedConv2D", "GroupedPointwiseConv2D", "InferencePReLU", "LearnedUpsampling2D"),
        *("MixConv2D", "PReLU", "SqueezeExcite", "StridedDilatedDepthwiseConv2D"),
    ),
    "kerazoo.models": ("ZooModel",),
    "kerazoo.training.optim.rates": ("WarmUp",),
    "kerazoo.training.optim.schedules": ("CyclicWarmRestarts",),
}
LAYER_RATES = "kerazoo.training.optim.layer_rates"  # one class for each optimizer of Keras
# Whole models in `.h5` name their own class without a package.
PLAIN = ("ZooModel",)


def introduce() -> None:
    """Make the names known to Keras, now or when it is imported."""
    if hasattr(sys.modules.get("keras"), "saving"):
        _register()
    else:
        sys.meta_path.insert(0, _Watch())


class _Watch:
    """Sees Keras being imported, once."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            _after(spec.loader)
        return spec


def _after(loader: Any) -> None:
    run = loader.exec_module

    def exec_module(module: Any) -> None:
        del loader.exec_module  # the method of its class again
        run(module)
        _register()

    loader.exec_module = exec_module


def _register() -> None:
    import keras

    known = keras.saving.get_custom_objects()
    names = {name: module for module, content in CLASSES.items() for name in content}
    base = keras.optimizers.Optimizer
    for name, kind in vars(keras.optimizers).items():
        if inspect.isclass(kind) and issubclass(kind, base):
            names[f"LayerRates{name}"] = LAYER_RATES
    for name, module in names.items():
        stand_in = _stand_in(name, module)
        known.setdefault(f"kerazoo>{name}", stand_in)
        if name in PLAIN:
            known.setdefault(name, stand_in)


def _stand_in(name: str, module: str) -> type:
    @classmethod
    def from_config(cls, config, custom_objects=None):
        import keras

        importlib.import_module(module)
        real = keras.saving.get_registered_object(f"kerazoo>{name}")
        with keras.saving.custom_object_scope(custom_objects or {}):
            return real.from_config(config)

    doc = f"Stands for `{module}.{name}` until that is needed."
    return type(name, (), {"__module__": __name__, "__doc__": doc, "from_config": from_config})
