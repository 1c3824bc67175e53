"""Networks that Keras ships too: the same weights file gives the same numbers in both."""

import h5py
import keras
import numpy as np
import pytest

import kerazoo


def legacy_h5(model, path) -> str:
    """Save in the layout of the files that keras.applications downloads."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return str(path)


def randomise(model) -> None:
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "seed_generator" in variable.path:
            continue
        spread = 2 / np.sqrt(np.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 0.1
        centre = 1.0 if variable.path.endswith(("gamma", "moving_variance")) else 0.0
        variable.assign(centre + spread * rng.normal(size=variable.shape).clip(-3, 3))


@pytest.mark.parametrize(
    ("reference", "ours", "alpha", "size"),
    [
        # Even sizes only: Keras' MobileNet pads ((0, 1), (0, 1)) whatever the size, which is
        # TensorFlow's rule at even sizes alone.
        (keras.applications.MobileNet, "mobilenet_v1_025", 0.25, 64),
        (keras.applications.MobileNetV2, "mobilenet_v2_035", 0.35, 64),
        (keras.applications.MobileNetV2, "mobilenet_v2_035", 0.35, 75),
    ],
)
def test_legacy_file_gives_the_same_probabilities(reference, ours, alpha, size, tmp_path):
    keras.backend.clear_session(free_memory=False)
    shape = (size, size, 3)
    theirs = reference(input_shape=shape, alpha=alpha, weights=None, classes=1000)
    randomise(theirs)
    # V2's epsilon and ours are both 1e-3; nothing is said about conventions: they are the default.
    model = kerazoo.create_model(
        ours, input_shape=shape, weights=legacy_h5(theirs, tmp_path / "w.h5")
    )
    x = np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")
    expected = np.asarray(theirs(x))
    assert expected.max() > 2 / 1000  # not a flat answer
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5 * expected.max() + 1e-7)


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.0, 1.3, 1.4])
def test_widths_equal_keras_applications(alpha):
    keras.backend.clear_session(free_memory=False)
    theirs = keras.applications.MobileNetV2(alpha=alpha, weights=None)
    ours = kerazoo.MobileNetV2(alpha=alpha, weights=None)
    shapes = [sorted(tuple(v.shape) for v in m.trainable_variables) for m in (ours, theirs)]
    assert shapes[0] == shapes[1]
