"""Keras finds kerazoo's classes in saved models, whoever loads them, without importing them before.

Keras looks classes up in a registry that is filled when their modules are imported, and kerazoo
imports nothing until it is asked for. So as soon as both packages are there, in whatever order,
every name gets a stand-in: when Keras makes an object of it, it imports the class, which takes the
stand-in's place in the registry.
"""

import importlib
import sys
from typing import Any

# Module -> what is registered in it.
CLASSES = {
    "kerazoo.layers": (
        *("AdaptiveAveragePooling2D", "BatchNormalization", "BilinearResize2D"),
        *("ChannelShuffle", "ChannelSplit", "CropLike"),
        *("DilatedAveragePooling2D", "FLGCConv2D", "FrozenFLGCConv2D", "GatherChannels"),
        *("GroupedConv2D", "GroupedPointwiseConv2D", "InferencePReLU", "L2Normalization"),
        *("LearnedUpsampling2D", "MixConv2D", "PReLU", "SqueezeExcite"),
        "StridedDilatedDepthwiseConv2D",
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
    """Sees Keras being imported, once; to look whether it is there is no import."""

    def __init__(self) -> None:
        self._looking = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "keras" or self._looking:
            return None
        import importlib.util

        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            self._after(spec.loader)
        return spec

    def _after(self, loader: Any) -> None:
        run = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module  # the method of its class again
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            run(module)
            _register()

        loader.exec_module = exec_module


def _register() -> None:
    import keras

    known = keras.saving.get_custom_objects()
    names = {name: module for module, content in CLASSES.items() for name in content}
    base = keras.optimizers.Optimizer
    for name, kind in vars(keras.optimizers).items():
        if isinstance(kind, type) and issubclass(kind, base):
            names[f"LayerRates{name}"] = LAYER_RATES
    for name, module in names.items():
        stand_in = _stand_in(name, module)
        known.setdefault(f"kerazoo>{name}", stand_in)
        if name in PLAIN:
            known.setdefault(name, stand_in)


def _stand_in(name: str, module: str) -> type:
    """A class that Keras can make an object of: one of the class it stands for."""

    @classmethod
    def from_config(cls, config, custom_objects=None):
        import keras

        importlib.import_module(module)
        real = keras.saving.get_registered_object(f"kerazoo>{name}")
        with keras.saving.custom_object_scope(custom_objects or {}):
            return real.from_config(config)

    doc = f"Stands for `{module}.{name}` until that is needed."
    return type(name, (), {"__module__": __name__, "__doc__": doc, "from_config": from_config})
