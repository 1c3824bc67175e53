"""Every public class, method and function of every public package, with values that make no sense.

What there is, is found by looking: whatever becomes public is tried from that day on, and fails
here until somebody says how it is called rightly.
"""

import datetime
import importlib
import inspect
import math
import typing
from collections.abc import Sequence

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo import blocks
from kerazoo.data import array_source
from kerazoo.tasks.detection.predictions import Detections
from kerazoo.tasks.segmentation.predictions import Segments
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import Run
from tests.test_arguments import accepts, kinds

FACES = ("", ".data", ".deploy", ".training", ".scoring", ".checkpoints", ".optimize", ".layers")
FACES += (".blocks", ".models")
ODD = ("", math.nan, math.inf, True, "3", None, [], {}, b"x", 2.5, object(), ["a", 3], -1, 0)
ODD += (10**400, 1j, datetime.date(2026, 11, 28), (3,), np.zeros(3), {"a": math.nan}, print)
# What the library hands out, and nobody makes.
RESULTS = {"Scored", "TrainingData", "Source", "Bridge", "Compressing", "QuantizeAware", "Weights"}
RESULTS |= {"Checkpoint", "ModelInfo", "ZooModel", "Trunk", "PicturePyramid"}
ERRORS = {"DownloadError", "PictureError"}
# Tried by tests/test_arguments.py, constructors of networks by some of their arguments.
TRIED = ("kerazoo", "kerazoo.data", "kerazoo.deploy", "kerazoo.training")
# Of Keras: what makes a layer's values, and what is done to them. Its own words are clear.
OF_KERAS = ("initializer", "regularizer", "constraint", "activation")
OURS = ("The argument `", "Unknown `", "Cannot read", "There are no pretrained weights")
# What an argument is called in commands and files.
ALSO = {"values": ("preprocessing", "recipe"), "checkpoint_id": ("checkpoint_id", "weights")}
SAID_BY_KERAS = ("Could not interpret", "Unknown `config`", "Expected `shape`", "Could not locate")


def network():
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))


def maps(channels=8):
    return keras.Input((8, 8, channels))


# How they are called rightly, where anything has to be given.
RIGHT = {
    "AdaptiveAveragePooling2D": {"scale": 0.5},
    "BilinearResize2D": {"scale": 2.0},
    "ChannelShuffle": {"groups": 2},
    "FLGCConv2D": {"filters": 8, "kernel_size": 1},
    "FrozenFLGCConv2D": {"group_channels": [[0, 1], [2, 3]], "group_filters": [2, 2]},
    "GatherChannels": {"indices": [0, 1]},
    "GroupedPointwiseConv2D": {"filters": 8},
    "LearnedUpsampling2D": {"filters": 8},
    "MixConv2D": {"kernel_sizes": [3, 5]},
    "SqueezeExcite": {"filters": 4},
    "InvertedResidual": {"filters": 8},
    "Residual": {"filters": 8, "repeats": 1},
    "Separable": {"filters": 8},
    "EESP": {"filters": 8},
    "scale_width": {"rows": [blocks.InvertedResidual(8)], "multiplier": 1.0},
    "round_filters": {"filters": 8},
    "checkpoints_for": {"model_id": "mixnet_s"},
    "get_checkpoint": {"checkpoint_id": "mixnet_s_cifar10"},
    "default_checkpoint": {"model_id": "mixnet_s"},
    "score": {"what": "mixnet_s", "pictures": [], "output": "scores"},
    "constructor": {"ids": {"some_net": {}}, "size": 32},
    "cluster": {"model": None},
    "prune": {"model": None, "steps": 2},
    "quantize_aware": {"model": None, "representative": np.zeros((2, 8, 8, 3))},
    "to_tf_keras": {"model": None},
    "optimize": {"model": None, "data": "pets", "output": "new", "method": "prune"},
    "fine_tune": {"model": None, "batches": [], "steps": 1},
    "largest_difference": {"bridge": None, "x": np.zeros((1, 8, 8, 3))},
}
HEAVY = {"score", "optimize", "fine_tune"}  # what may be right would do work
WORDS = {"section", "keys"}  # of records within records, for their messages
# Builders of blocks take tensors; what their other arguments are, their rows say.
BUILDERS = {"conv_bn", "depthwise_bn", "inverted_residual_stages", "residual_stages"}
BUILDERS |= {"separable_stages", "shuffle_unit_v1", "shuffle_unit_v2", "eesp_stages"}


def public():
    """Package and name of everything public that can be called."""
    for name in FACES:
        package = importlib.import_module(f"kerazoo{name}")
        names = package._PUBLIC if hasattr(package, "_PUBLIC") else package.__all__
        for each in sorted(names):
            if callable(value := getattr(package, each)):
                yield package.__name__, each, value


def right(name, value):
    given = dict(RIGHT.get(name, {}))
    if "model" in given:
        given["model"] = network()
    needed = {
        key
        for key, each in inspect.signature(value).parameters.items()
        if each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    }
    assert needed <= given.keys(), f"how is {name} called? say it in RIGHT: {needed - given.keys()}"
    return given


def theirs():
    for package, name, value in public():
        known = RESULTS | ERRORS | BUILDERS
        if name in known or (package in TRIED and not inspect.isclass(value)):
            continue
        if package not in TRIED or name in ("Augmentation", "Preprocessing"):
            yield pytest.param(name, value, id=name)


def complaint(call, name, must):
    """What is wrong with how a call ends; None if nothing is."""
    try:
        call()
    except ValueError as error:
        text = str(error)
        if any(f"`{each}" in text for each in ALSO.get(name, (name,))):
            return None
        if text.startswith(SAID_BY_KERAS) or (not must and text.startswith(OURS)):
            return None
        return f"{type(error).__name__}: {text[:200]}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "was taken" if must else None


def tried(function, given, odd=ODD, heavy=False):
    bad = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name in WORDS:
            continue
        of, untyped = kinds(parameter.annotation), parameter.annotation is parameter.empty
        free = untyped or typing.Any in (*of, *typing.get_args(parameter.annotation))
        for value in odd:
            if value is parameter.default:
                continue
            must = not free and not any(accepts(kind, value) for kind in of)
            if isinstance(value, np.ndarray | list) and {tuple, Sequence} & set(of):
                continue  # what is in them is looked at where they are used
            if not must and heavy:
                continue
            found = complaint(lambda n=name, v=value: function(**{**given, n: v}), name, must)
            if found:
                bad.append((name, repr(value)[:30], found))
    return bad


# `make faults` tries all values.
SOME_OR_ALL = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.faults)])


@SOME_OR_ALL
@pytest.mark.parametrize(("name", "value"), list(theirs()))
def test_arguments_of_whatever_is_public(name, value, every, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = [v for v in ODD[::every] if not callable(v)] if name == "constructor" else ODD[::every]
    assert not tried(value, right(name, value), odd, name in HEAVY)
    assert not list(tmp_path.iterdir())


def held():
    """What users hold and call methods of."""
    box = np.array([[1, 2, 8, 9]], "float32")
    on = np.zeros((20, 30, 3), "uint8")
    yield Detections(box, np.array([0.9], "float32"), np.array([0]), ("a",), (1,), (20, 30), on)
    yield Segments(np.zeros((20, 30), "uint8"), ("a", "b"), on)
    prepared = kerazoo.Preprocessing(size=(8, 8))
    yield prepared
    yield prepared.place(20, 30)
    arrays = np.zeros((4, 8, 8, 3), "uint8"), np.arange(4) % 2
    yield array_source(*arrays, 2)
    yield Run(load_recipe("mixnet_s_cifar10"), "run")
    yield load_recipe("mixnet_s_cifar10")


GIVEN = {
    "save": {"path": "x.png"},
    "save_mask": {"path": "x.png"},
    "to": {"format": "coco"},
    "with_size": {"size": 16},
    "statistics": {"channels": 3},
    "normalise": {"x": np.zeros((8, 8, 3), "uint8")},
    "from_pil": {"image": Image.new("RGB", (9, 9))},
    "crop_pil": {"image": Image.new("RGB", (9, 9))},
    "place": {"height": 20, "width": 30},
    "points": {"points": np.zeros((1, 2))},
    "boxes": {"boxes": np.zeros((1, 4))},
    "mask": {"mask": np.zeros((20, 30), "uint8")},
    "of_window": {"picture": (20, 30), "window": (0, 0, 20, 30), "size": (8, 8)},
    "picture_name": {"index": 0},
}
# Within graphs, where TensorFlow complains; what `train` calls, in its order.
WITHIN = {
    "fetch",
    "of_window",
    "tf_image",
    "tf_decode",
    "load",
    "build",
    "compile",
    "begin",
    "fit",
    "finish",
    "facts",
}


def methods():
    for thing in held():
        for name, method in inspect.getmembers(thing, callable):
            if name[0] != "_" and name not in WITHIN and inspect.signature(method).parameters:
                given = {"values": thing.to_dict()} if name == "from_dict" else GIVEN.get(name, {})
                yield pytest.param(method, given, id=f"{type(thing).__name__}-{name}")


@SOME_OR_ALL
@pytest.mark.parametrize(("method", "given"), list(methods()))
def test_arguments_of_methods(method, given, every, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if given:
        method(**given)
    assert not tried(method, given, ODD[::every])
