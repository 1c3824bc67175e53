"""MixNet and MobileNetV1/V2 equal timm's and torchvision's, tensor by tensor."""

import keras
import numpy as np
import pytest

import kerazoo
from tests.models.parity import TOLERANCE, Reference, errors_on_jax, last_layer
from tests.processes import run_python

REFERENCES = {
    "mixnet_s": "mixnet_s",
    "mixnet_m": "mixnet_m",
    "mixnet_l": "mixnet_l",
    "tf_mixnet_s": "mixnet_s",
    "tf_mixnet_m": "mixnet_m",
    "tf_mixnet_l": "mixnet_l",
    "mobilenetv1_100": "mobilenet_v1_100",
    "mobilenetv2_050": "mobilenet_v2_050",
    "mobilenetv2_100": "mobilenet_v2_100",
    "torchvision_mobilenet_v2": "mobilenet_v2_100",
}


def point_layer(model, point: str):
    """Our layer whose output is the reference's point."""
    if point == "features":
        return model.get_layer("avg_pool")
    if point == "head" and not any(layer.name == "head_act" for layer in model.layers):
        return last_layer(model, "stage")
    return last_layer(model, f"{point}_")


@pytest.mark.parametrize("name", REFERENCES)
def test_logits_and_every_recorded_point(tmp_path, name):
    reference = Reference(name)
    model = reference.build(REFERENCES[name], tmp_path)
    points = [str(point) for point in reference.gold["points"]]
    probe = keras.Model(
        model.inputs[0], [*(point_layer(model, p).output for p in points), model.output]
    )
    *tensors, output = probe(reference.input)
    errors = {p: reference.point_error(p, t) for p, t in zip(points, tensors, strict=True)}
    errors["output"] = reference.error(output)
    print(f"parity {name}: output {errors['output']:.1e}, worst {max(errors.values()):.1e}")
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters_and_multiply_adds(name):
    reference = Reference(name)
    entry = kerazoo.registry.catalogue()[REFERENCES[name]]
    assert (entry.params, entry.macs) == (reference.spec["params"], reference.spec["macs"])


def test_conventions_are_told_apart(tmp_path):
    # The tolerance would be worth nothing if the other convention passed it too.
    reference = Reference("mixnet_s")
    model = reference.build("mixnet_s", tmp_path, padding="same", batch_norm_epsilon=1e-3)
    assert reference.error(model(reference.input)) > 100 * TOLERANCE


RELOAD = """
import sys, numpy as np, keras, kerazoo.models, kerazoo.layers
model = keras.saving.load_model(sys.argv[1])
x = np.load(sys.argv[2])
np.save(sys.argv[3], np.asarray(model(x)))
print(model.info.architecture)
"""


def test_saved_model_in_a_fresh_process(tmp_path):
    reference = Reference("tf_mixnet_s")
    model = reference.build("mixnet_s", tmp_path)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", reference.input)
    files = [str(tmp_path / name) for name in ("model.keras", "x.npy", "y.npy")]
    done = run_python(RELOAD, *files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "mixnet_s"
    assert reference.error(np.load(tmp_path / "y.npy")) <= TOLERANCE


# One process for several families: starting JAX takes longer than a network.
ON_JAX = [
    {"tf_mixnet_s": "mixnet_s"},
    {"mobilenetv2_050": "mobilenet_v2_050", "espnetv2_s_0.5": "espnetv2_s_0_5"},
]


@pytest.mark.parametrize("pairs", ON_JAX, ids="-".join)
def test_jax_backend(tmp_path, pairs):
    errors = errors_on_jax(tmp_path, pairs)
    assert set(errors) == set(pairs)
    assert max(errors.values()) <= TOLERANCE, errors
