"""Saving as Keras users do it: networks come back where nothing of kerazoo was imported before."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import _saving
from kerazoo.layers import MixConv2D
from kerazoo.registry import catalogue, check_unchanged
from kerazoo.training.optim.layer_rates import scale_variables
from kerazoo.training.optim.rates import WarmUp
from kerazoo.training.optim.schedules import CyclicWarmRestarts
from tests.tiny import TinyNet

SHAPE = (32, 32, 3)
# A network with classes of ours; all of those are in a table (see below).
NETWORKS = ("mobilenet_v3_small_050",)
MORE = ("espnet", "espnetv2_s_0_5", "mixnet_s", "shufflenet_v1_g3_x0_25", "shufflenet_v2_x0_5")
# Looking whether Keras is there must not be taken for its import.
IMPORTS = {
    "keras first": "import keras, kerazoo",
    "kerazoo first": "import kerazoo\nimport keras.layers, keras",
    "looked for": "import importlib.util, kerazoo\nimportlib.util.find_spec('keras')\nimport keras",
}

# `{imports}` first; then every file of the folder must give the stored answer.
LOAD = """
{imports}
import json, pathlib, sys
import numpy as np
assert not any(name.startswith("kerazoo.layers") for name in sys.modules), "imported too early"
known = keras.saving.get_custom_objects()
assert "ZooModel" in known and "kerazoo>MixConv2D" in known
folder = pathlib.Path(sys.argv[1])
errors = {{}}
for path in sorted(folder.iterdir()):
    if path.suffix not in (".keras", ".h5", ".json"):
        continue
    if path.suffix == ".json":
        model = keras.models.model_from_json(path.read_text())
        model.set_weights([v for _, v in sorted(np.load(path.with_suffix(".npz")).items())])
    else:
        model = keras.saving.load_model(path)
    stored = np.load(folder / f"{{path.stem}}.npy.npz")
    found = np.asarray(model(stored["x"]))
    errors[path.name] = float(np.abs(found - stored["y"]).max())
    info = getattr(model, "info", None)
    assert info is None or info.architecture, path
    if path.stem == "compiled":
        rate = model.optimizer.learning_rate
        print(path.name, type(model.optimizer).__name__, float(rate))
        assert model.optimizer.rate_factors == {{"predictions/kernel": 0.5}}
        model.fit(stored["x"], np.zeros(2), verbose=0)
print(json.dumps(errors))
"""


def answer(folder, name, model, x):
    np.savez(folder / f"{name}.npy.npz", x=x, y=np.asarray(model(x)))


def store(ids, folder):
    """Networks in both formats in which Keras stores them; returns two pictures."""
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    for id in ids:
        keras.backend.clear_session(free_memory=False)
        sizes = {"classes": 5} if id == "espnet" else {"classes": 3}
        model = kerazoo.create_model(id, weights=None, input_shape=SHAPE, **sizes)
        model.save(folder / f"{id}.keras")
        answer(folder, id, model, x)
        if id != "espnet":
            answer(folder, f"{id}_whole", model, x)
            model.save(folder / f"{id}_whole.h5")
    return x


@pytest.fixture(scope="module")
def stored(tiny_net, tmp_path_factory):
    """A folder with models in every format, and what each answers."""
    folder = tmp_path_factory.mktemp("stored")
    x = store(NETWORKS, folder)
    # What is around a network does not care how many layers it has.
    model = kerazoo.create_model(tiny_net, weights=None, input_shape=SHAPE, classes=3)
    around = keras.Sequential([keras.Input(SHAPE), model, keras.layers.Softmax()])
    around.save(folder / "around.keras")
    answer(folder, "around", around, x)
    alone = keras.Sequential([keras.Input(SHAPE), MixConv2D([3, 5])])
    alone.save(folder / "alone.keras")
    answer(folder, "alone", alone, x)
    (folder / "text.json").write_text(model.to_json())
    np.savez(folder / "text.npz", **{f"{i:05}": v for i, v in enumerate(model.get_weights())})
    answer(folder, "text", model, x)
    rate = WarmUp(CyclicWarmRestarts(0.1, steps_per_epoch=4), 0.1, 4)
    optimizer = scale_variables(keras.optimizers.SGD(rate), {"predictions/kernel": 0.5})
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    model.save(folder / "compiled.keras")
    answer(folder, "compiled", model, x)
    return folder


def errors_in_a_fresh_process(folder, imports: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(imports=imports), str(folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("order", IMPORTS)
def test_everything_loads_in_a_fresh_process(stored, order):
    errors = errors_in_a_fresh_process(stored, IMPORTS[order])
    assert len(errors) == 2 * len(NETWORKS) + 4
    assert max(errors.values()) < 1e-5, errors


def test_more_networks_load_in_a_fresh_process(tmp_path):
    store(MORE, tmp_path)
    errors = errors_in_a_fresh_process(tmp_path, IMPORTS["keras first"])
    assert len(errors) == 2 * len(MORE) - 1
    assert max(errors.values()) < 1e-5, errors


def test_the_table_names_every_registered_class():
    registered = {
        name.removeprefix("kerazoo>"): kind
        for name, kind in keras.saving.get_custom_objects().items()
        if name.startswith("kerazoo>") and kind.__module__.startswith("kerazoo.")
    }
    for module, names in _saving.CLASSES.items():
        for name in names:
            keras.saving.get_custom_objects()[f"kerazoo>{name}"]
            assert getattr(sys.modules[module], name).__name__ == name
    known = {name for names in _saving.CLASSES.values() for name in names}
    assert {name for name in registered if not name.startswith("LayerRates")} <= known
    real = [name for name in known if registered.get(name, object).__module__ != "kerazoo._saving"]
    assert sorted(real) == sorted(known)


def test_clones_keep_their_info():
    model = kerazoo.create_model("mobilenet_v1_025", weights=None, input_shape=SHAPE, classes=3)
    clone = keras.models.clone_model(model)
    assert type(clone) is type(model)
    assert clone.info == model.info
    clone.set_weights(model.get_weights())
    check_unchanged(clone)
    around = kerazoo.ZooModel(inputs := keras.Input(SHAPE), model(inputs))
    assert around.info is None


def _with_activation(layer):
    config = layer.get_config()
    if "activation" in config:
        config["activation"] = "tanh"
    return type(layer).from_config(config)


def _changed(model, how: str):
    if how == "activation":
        return keras.models.clone_model(model, clone_function=_with_activation)
    if how == "attribute":
        model.get_layer("predictions").activation = keras.activations.sigmoid
        return model
    if how == "in front":
        inputs = keras.Input(SHAPE)
        before = keras.layers.Rescaling(2.0)(inputs)
        return TinyNet(weights=None, classes=3, input_tensor=before)
    behind = kerazoo.ZooModel(model.input, keras.layers.Softmax()(model.output))
    behind.info = model.info
    return behind


@pytest.mark.parametrize("how", ["activation", "attribute", "in front", "behind"])
def test_changed_networks_are_not_published_as_what_they_were(how, tiny_net, tmp_path):
    from kerazoo.publish.hub import hub_files

    model = TinyNet(weights=None, input_shape=SHAPE, classes=3)
    hub_files(model, "me/it", licence="apache-2.0")
    other = _changed(model, how)
    message = "was changed after it was made: it"
    with pytest.raises(ValueError, match=message):
        hub_files(other, "me/it", licence="apache-2.0")
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=message):
        kerazoo.create_model(tiny_net, weights=str(tmp_path / "other.keras"), classes=3)


@pytest.mark.parametrize("id", ["espnet", "mobilenet_v3_small_050", "nasnet_mobile"])
def test_unchanged_networks_are_what_their_info_says(id):
    model = kerazoo.create_model(id, weights=None, input_shape=(64, 32, 3), classes=5)
    check_unchanged(model)  # in a session that counted on: made-up names differ
    assert catalogue()[id].weights_of


def test_mixed_precision_frozen_layers_and_regularisers_are_no_change():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = kerazoo.create_model("mixnet_s", weights=None, input_shape=SHAPE, classes=3)
    finally:
        keras.config.set_dtype_policy("float32")
    model.get_layer("stem_conv").trainable = False
    model.get_layer("head_conv").kernel_regularizer = keras.regularizers.L2(1e-4)
    check_unchanged(model)
