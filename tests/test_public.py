"""The public face: packages answer to their names, late; hints say what constructors give."""

import ast
import importlib
import importlib.util
import inspect
import subprocess
import sys
import typing

import pytest

import kerazoo
from kerazoo._face import face
from tools.stubs import FACES, ROOT

PACKAGES = ("kerazoo", *(f"kerazoo.{name}" for name in FACES))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package):
    found = importlib.import_module(package)
    for name, module in found._PUBLIC.items():
        value = getattr(found, name)
        assert value is getattr(importlib.import_module(module), name)
        assert inspect.getdoc(value), f"{package}.{name} has no docstring"
        assert name in dir(found)
        # A submodule of the same name would take its place as soon as it is imported.
        assert importlib.util.find_spec(f"{package}.{name}") is None
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = found.nothing


def test_importing_a_face_imports_nothing_behind_it():
    code = f"""
import importlib, sys
for package in {PACKAGES}: importlib.import_module(package)
from kerazoo.checkpoints import get_checkpoint
get_checkpoint("timm/tf_mixnet_m.in1k")
print([m for m in ("keras", "tensorflow", "numpy.random.mtrand") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[")
    assert "keras" not in done.stdout
    assert "tensorflow" not in done.stdout


def test_a_name_is_looked_up_once(monkeypatch):
    get, names = face("kerazoo.data", {"cut": "kerazoo.data.splits"}, more=lambda: {"x": "none"})
    monkeypatch.delitem(vars(sys.modules["kerazoo.data"]), "cut", raising=False)
    assert get("cut") is vars(sys.modules["kerazoo.data"])["cut"]
    assert {"cut", "x"} <= set(names())
    monkeypatch.delitem(vars(sys.modules["kerazoo.data"]), "cut")


@pytest.mark.parametrize("name", ["MixNetM", "ResNet18", "NASNetMobile", "ESPNet"])
def test_constructors_say_that_they_give_a_model(name):
    create = getattr(kerazoo, name)
    assert typing.get_type_hints(create)["return"] is kerazoo.ZooModel
    assert inspect.signature(inspect.unwrap(create)).return_annotation is kerazoo.ZooModel
    assert list(typing.get_type_hints(create)) == [*inspect.signature(create).parameters, "return"]


def test_stub_has_the_arguments_of_constructors():
    tree = ast.parse((ROOT / "kerazoo/__init__.pyi").read_text(encoding="utf-8"))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    arguments = [a.arg for a in found["MobileNetV2"].args.args]
    assert arguments == list(inspect.signature(kerazoo.MobileNetV2).parameters)
    assert ast.unparse(found["MobileNetV2"].returns) == "ZooModel"
    compile(tree, "stub", "exec")
