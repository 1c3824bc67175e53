"""Every public function is given values of the wrong kind, and answers with our errors alone.

What is wrong for an argument follows from its annotation, so that a new argument is tried too.
"""

import argparse
import inspect
import math
import os
import types
import typing
from pathlib import Path

import jsonschema
import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo import data, deploy, training
from kerazoo.cli import _parser, main
from kerazoo.data import array_source
from kerazoo.tasks.classification.answers import Answers
from kerazoo.training.recipe import Recipe, load_recipe
from tests import picture_files

# What an argument is called too, as in commands and recipes.
ALSO = {"what": ("what", "model"), "name_or_path": ("recipe",)}
ODD = ("", math.nan, math.inf, True, "3", None, [], {}, b"x", 2.5, object(), ["a", 3])


class ReachedError(Exception):
    """The arguments were all accepted."""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Right values: by name, and for single functions."""
    folder = tmp_path_factory.mktemp("given")
    for i in range(4):
        path = folder / "pets" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture_files.smooth()).save(path)
    rows = [f"pets/{'ab'[i % 2]}/{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (folder / "pets.csv").write_text("\n".join(["path,label", *rows]))
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    net = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))
    arrays = np.zeros((4, 8, 8, 3), "uint8"), np.arange(4) % 2
    pets, new = str(folder / "pets"), str(folder / "new")
    return {
        "model": net,
        "what": net,
        "source": array_source(*arrays, 2),
        "preprocessing": kerazoo.Preprocessing(size=(8, 8)),
        "data": pets,
        "batch_size": 2,
        "folder": pets,
        "output": new,
        kerazoo.choose: {"task": "classification", "budget": "15 ms"},
        kerazoo.create_model: {"model": "mobilenet_v2"},
        kerazoo.from_pretrained: {"source": "no/such"},
        kerazoo.load_weights: {"source": {}},
        kerazoo.push_to_hub: {"repo_id": "someone/something"},
        kerazoo.open_picture: {"source": str(folder / "pets/a/0.png")},
        kerazoo.predict: {"pictures": arrays[0]},
        kerazoo.preprocess_input: {"x": arrays[0], "model_or_weights": "mixnet_s"},
        kerazoo.decode_predictions: {"preds": np.eye(10)},
        data.tfds_source: {"name": "none", "data_dir": pets},
        data.csv_source: {"path": str(folder / "pets.csv")},
        data.boxes_source: {"path": str(folder)},
        data.masks_source: {"path": str(folder)},
        data.array_source: {"pictures": arrays[0], "labels": arrays[1], "classes": 2},
        deploy.compare: {"path": f"{new}.keras", "pictures": arrays[0]},
        deploy.export: {"path": f"{new}.keras", "format": "keras"},
        training.train: {"recipe": load_recipe("mixnet_s_cifar10"), "data_dir": pets},
        training.load_trained: {"output": pets},
        training.finetune: {"model": "mixnet_s", "output": new},
        training.load_recipe: {"name_or_path": "mixnet_s_cifar10"},
        training.draw_confusion: {"matrix": np.eye(2, dtype=int), "classes": ["a", "b"]},
        training.draw_mistakes: {"answers": object.__new__(Answers)},
    }


def functions():
    for face in (kerazoo, data, deploy, training):
        for name in sorted(getattr(face, "_PUBLIC", None) or face.__all__):
            value = getattr(face, name)
            if inspect.isfunction(value) or value is deploy.Runner:
                yield value


def kinds(annotation) -> tuple:
    members = typing.get_args(annotation)
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return tuple(typing.get_origin(each) or each for each in (members if union else (annotation,)))


def accepts(kind, value) -> bool:
    """Whether a value may be right: what is not told here may."""
    if kind in (None, type(None)):
        return value is None
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        whole = isinstance(value, int | float) and not isinstance(value, bool)
        return whole and abs(value) < math.inf
    if kind is str or kind is os.PathLike:
        return isinstance(value, str) and bool(value)
    if isinstance(kind, type):
        names = {"Sequence": list | tuple, "Mapping": dict}
        found = names.get(kind.__name__, kind)
        if found == list | tuple and isinstance(value, list):
            return not value or all(isinstance(each, str) for each in value)
        return isinstance(value, found)
    return True


def named(error, name) -> bool:
    return any(f"`{each}" in str(error) for each in ALSO.get(name, (name,)))


def cases():
    for function in functions():
        for name, parameter in inspect.signature(function).parameters.items():
            of = kinds(parameter.annotation)
            if (
                parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
                or typing.Any in of
            ):
                continue
            if parameter.annotation is parameter.empty:
                continue
            wrong = [value for value in ODD if not any(accepts(kind, value) for kind in of)]
            yield pytest.param(function, name, wrong, id=f"{function.__name__}-{name}")


@pytest.mark.parametrize(("function", "name", "wrong"), list(cases()))
def test_values_of_another_kind_are_refused_by_name(function, name, wrong, given, monkeypatch):
    def reached(*args, **kwargs):
        raise ReachedError

    monkeypatch.setattr("kerazoo.training.finetuning.run.train", reached)
    monkeypatch.setattr("kerazoo.training.run.Run", reached)
    monkeypatch.chdir(Path(given["data"]).parent)
    before = sorted(Path().rglob("*"))
    parameters = inspect.signature(function).parameters
    arguments = {key: value for key, value in given.items() if key in parameters}
    arguments = {**arguments, **given.get(function, {})}
    bad = []
    for value in wrong:
        try:
            found = function(**{**arguments, name: value})
            if inspect.isgenerator(found):
                list(found)
            bad.append((value, "was taken"))
        except Exception as error:
            if not isinstance(error, ValueError | FileNotFoundError) or not named(error, name):
                bad.append((value, f"{type(error).__name__}: {str(error)[:160]}"))
    assert not bad
    assert sorted(Path().rglob("*")) == before


def keys(schema, before=""):
    """Key of a recipe -> the schema of its values."""
    for name, of in schema["properties"].items():
        if "properties" in of:
            yield from keys(of, f"{before}{name}.")
        else:
            yield pytest.param(f"{before}{name}", of, id=f"{before}{name}")


@pytest.mark.parametrize(("key", "schema"), list(keys(Recipe.json_schema())))
def test_keys_of_recipes_take_what_their_schema_says(key, schema):
    for value in (*ODD, -1, 0, 10**400, -(10**400), [[]], [math.nan], {"": 1}, "x" * 10**5):
        try:
            load_recipe("mixnet_s_cifar10", {key: value})
        except ValueError as error:
            if key.rpartition(".")[2] not in str(error):
                raise
        else:
            jsonschema.validate(value, schema)
            assert not isinstance(value, float) or math.isfinite(value), value


def options():
    (commands,) = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]
    for command, parser in commands.choices.items():
        for action in parser._actions:
            if action.nargs != 0:
                yield pytest.param(command, parser, action, id=f"{command}-{action.dest}")


@pytest.mark.parametrize(("command", "parser", "action"), list(options()))
def test_options_refuse_empty_text_and_no_numbers(command, parser, action, capsys):
    """Before anything heavy is imported."""
    numbers = ["", "nan", "inf", "1e999", "True", "0x1", "x"]
    given = numbers if action.type in (int, float) or action.dest.endswith("batch_size") else [""]
    for text in given:
        words = [command]
        for each in parser._actions:
            if each is action:
                words += [f"{each.option_strings[0]}={text}"] if each.option_strings else [text]
            elif each.required:
                words += [*each.option_strings[:1], (each.choices or ["1"])[0]]
        with pytest.raises(SystemExit) as stopped:
            main(words)
        errors = capsys.readouterr().err
        assert stopped.value.code == 2
        name = action.option_strings[0] if action.option_strings else action.metavar or action.dest
        assert f"error: argument {name}" in errors or f"/{name}:" in errors, errors
