"""Listing, making and counting models; the catalogue; what importing costs."""

import json
import subprocess
import sys
from functools import cache

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import registry


def test_list_models():
    mixnets = kerazoo.list_models("mixnet_*")
    assert mixnets == ["mixnet_l", "mixnet_m", "mixnet_s", "mixnet_xl"]
    assert "mixnet" not in kerazoo.list_models()  # needs a table of one's own
    assert "mobilenet_v2" in kerazoo.list_models(pretrained=True)
    assert kerazoo.list_models("nothing*") == []
    with pytest.raises(ValueError, match="Unknown `task`"):
        kerazoo.list_models(task="clasification")


def test_unknown_model_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'mixnet_m'"):
        kerazoo.create_model("mixnetm")


def test_create_model_guards_what_the_id_fixes():
    with pytest.raises(ValueError, match=r"`alpha` must be 0\.35, which `mobilenet_v2_035`"):
        kerazoo.create_model("mobilenet_v2_035", alpha=0.5, weights=None)
    model = kerazoo.create_model("mobilenet_v2_035", alpha=0.35, weights=None)
    assert model.name == "mobilenet_v2_035"


def test_constructor_finds_its_variant():
    assert kerazoo.MobileNetV1(alpha=0.5, weights=None).info.architecture == "mobilenet_v1_050"
    odd = kerazoo.MobileNetV1(alpha=0.6, weights=None)
    assert odd.info.architecture == "mobilenet_v1"
    assert odd.info.arguments["alpha"] == 0.6
    with pytest.raises(ValueError, match="no pretrained weights for `mobilenet_v1`"):
        kerazoo.MobileNetV1(alpha=0.6, weights="imagenet")


def test_catalogue_is_not_stale():
    # `make catalogue` writes it; heavy models are compared in tests/models/test_every_model.py.
    from kerazoo.models._catalogue import constructors
    from tools.stubs import stubs

    for path, text in stubs().items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is stale: make catalogue"
    ids = {id for create in constructors().values() for id in create.family.ids}
    assert set(registry.catalogue()) == ids
    for name, create in constructors().items():
        for id, arguments in create.family.ids.items():
            entry = registry.catalogue()[id]
            assert (entry.constructor, dict(entry.arguments)) == (name, dict(arguments))
            assert getattr(kerazoo, name) is create


QUIET = """
import sys
import kerazoo
assert len(kerazoo.list_models(pretrained=True)) > 5
dir(kerazoo)
heavy = {"keras", "tensorflow", "jax", "torch", "PIL", "h5py"} & set(sys.modules)
assert not heavy, heavy
"""


def test_listing_imports_no_backend():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_profile_of_one_layer_by_hand():
    inputs = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)  # 4x3 places
    outputs = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x))
    counted = kerazoo.profile(keras.Model(inputs, outputs))
    assert counted.params == (27 * 4 + 4) + (4 * 5 + 5)
    assert counted.macs == 4 * 3 * 27 * 4 + 4 * 5
    assert [layer.macs for layer in counted.layers] == [4 * 3 * 27 * 4, 20]
    assert f"{counted.macs:,}" in str(counted)


def test_profile_of_unknown_and_other_sizes():
    fixed = kerazoo.create_model("mobilenet_v1_025", weights=None, input_shape=(64, 96, 3))
    free = kerazoo.create_model("mobilenet_v1_025", weights=None, input_shape=(None, None, 3))
    assert kerazoo.profile(free, (64, 96, 3)) == kerazoo.profile(fixed)
    assert kerazoo.profile(fixed, (128, 192, 3)).macs > 3.8 * kerazoo.profile(fixed).macs
    nodes = sum(len(layer._inbound_nodes) for layer in free.layers)
    kerazoo.profile(free, (64, 64, 3))
    assert sum(len(layer._inbound_nodes) for layer in free.layers) == nodes
    with pytest.raises(ValueError, match="`input_shape` must be"):
        kerazoo.profile(free)


def test_mixnet_from_a_table():
    from kerazoo.models.mixnet import MIXNET_M

    model = kerazoo.MixNet(blocks=MIXNET_M, stem_filters=24, weights=None)
    entry = registry.catalogue()["mixnet_m"]
    assert kerazoo.profile(model).params == entry.params
    info = json.loads(json.dumps(model.info.to_dict()))
    again = kerazoo.create_model("mixnet", weights=None, **info["arguments"])
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]
    with pytest.raises(ValueError, match="`blocks` must be a non-empty list"):
        kerazoo.MixNet(blocks=[], weights=None)
    with pytest.raises(ValueError, match="`width` must be a positive number"):
        kerazoo.MixNet(blocks=MIXNET_M, width=0, weights=None)


@cache
def plain_parameters(model):
    small = {"weights": None, "input_shape": (64, 64, 3), "classes": 10}
    return kerazoo.profile(kerazoo.create_model(model, **small)).params


@pytest.mark.parametrize("kernel_sizes", [[3], 5, 13, [3, 5, 7], [3, 5, 7, 9, 11, 13]])
@pytest.mark.parametrize("model", ["mobilenet_v1_025", "mobilenet_v2_035"])
def test_kernel_sizes_of_the_mobilenets(model, kernel_sizes):
    small = {"weights": None, "input_shape": (64, 64, 3), "classes": 10}
    net = kerazoo.create_model(model, kernel_sizes=kernel_sizes, **small)
    sizes = [kernel_sizes] if isinstance(kernel_sizes, int) else kernel_sizes
    found = set()
    for layer in net.layers:
        if type(layer).__name__ in ("DepthwiseConv2D", "MixConv2D"):
            kernels = getattr(layer, "kernels", None) or [layer.kernel]
            found |= {tuple(k.shape[0] for k in kernels)}
    assert found == {tuple(sizes)}
    more = kerazoo.profile(net).params - plain_parameters(model)
    assert (more == 0) == (sizes == [3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_sizes": 4}, "`kernel_sizes` must be an odd"),
        ({"kernel_sizes": []}, "`kernel_sizes` must be an odd"),
        ({"alpha": -1}, "`alpha` must be a positive number"),
        ({"shortcut": "bottlenecks"}, "`shortcut` must be one of"),
        ({"bottleneck_activation": "relu"}, "`bottleneck_activation` must be one of"),
    ],
)
def test_wrong_family_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.MobileNetV2(weights=None, **arguments)


def test_mobilenet_v2_ablations_differ_as_the_paper_says():
    small = {"weights": None, "input_shape": (32, 32, 3), "classes": 3, "alpha": 0.35}
    adds = {
        shortcut: [
            layer.name
            for layer in kerazoo.MobileNetV2(shortcut=shortcut, **small).layers
            if isinstance(layer, keras.layers.Add)
        ]
        for shortcut in ("bottleneck", "expansion", "none")
    }
    assert len(adds["bottleneck"]) == 10  # table 2: repeats without stride or change of width
    assert adds["none"] == []
    assert adds["expansion"]
    relu = kerazoo.MobileNetV2(bottleneck_activation="relu6", **small)
    linear = kerazoo.MobileNetV2(**small)
    relu.set_weights(linear.get_weights())
    x = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
    assert not np.allclose(np.asarray(relu(x)), np.asarray(linear(x)))
    assert np.asarray(relu.get_layer("stage3_block2_project_act").output.shape)[-1] == 16


class TestModelsFromOutside:
    @pytest.fixture(autouse=True)
    def forgotten_afterwards(self, monkeypatch):
        monkeypatch.setattr(registry, "_outside", {})
        yield
        registry._listed.cache_clear()

    def made(self, id="thin_net"):
        from kerazoo.blocks import Trunk, conv_bn
        from kerazoo.models import constructor

        @constructor(ids={id: {}, f"{id}_2": {"width": 2}}, size=32, stride=2)
        def ThinNet(x, conventions, stem_strides, *, width: int = 1) -> Trunk:
            """A stem."""
            stem = conv_bn(x, 8 * width, 3, conventions, "stem", stem_strides)
            return Trunk.from_stem(stem, conventions, stem_strides)

        return ThinNet

    def test_it_is_known_by_its_ids(self, tmp_path):
        assert "thin_net" not in kerazoo.list_models()
        create = kerazoo.register_model(self.made())
        assert kerazoo.list_models("thin*") == ["thin_net", "thin_net_2"]
        entry = registry.get_entry("thin_net_2")
        assert (entry.task, entry.input_size) == ("classification", (32, 32))
        assert entry.params == 3 * 3 * 3 * 16 + 2 * 16 + 16 * 1000 + 1000
        model = kerazoo.create_model("thin_net_2", weights=None, classes=3)
        assert model.info.architecture == "thin_net_2"
        assert registry.get_constructor(entry) is create
        model.save(tmp_path / "thin.keras")
        assert kerazoo.open_model(tmp_path / "thin.keras").info.architecture == "thin_net_2"
        assert kerazoo.open.find(tmp_path / "thin.keras").model == "thin_net_2"
        with pytest.raises(AttributeError):
            _ = kerazoo.ThinNet  # the package's own names stay its own

    def test_ids_that_are_taken(self):
        with pytest.raises(ValueError, match=r"`ids` must be an id that no.*mixnet_s"):
            kerazoo.register_model(self.made("mixnet_s"))
        kerazoo.register_model(self.made())
        kerazoo.register_model(self.made())  # the module was reloaded
        with pytest.raises(ValueError, match="made by the decorator"):
            kerazoo.register_model(print)

    def test_installed_packages_name_their_modules(self, monkeypatch):
        loaded = []

        class Point:
            def load(self):
                loaded.append(kerazoo.register_model(outside))

        outside = self.made()
        monkeypatch.setattr(
            registry.importlib.metadata,
            "entry_points",
            lambda group: [Point()] if group == "kerazoo.models" else [],
        )
        registry._load_packages.cache_clear()
        assert "thin_net" in kerazoo.list_models()
        kerazoo.list_models()
        assert loaded == [outside]
        registry._load_packages.cache_clear()
