"""NASNet and ResNet V2: the networks of keras.applications under our arguments."""

import inspect

import keras
import numpy as np
import pytest

import kerazoo

IDS = {
    "nasnet_mobile": keras.applications.NASNetMobile,
    "resnet50_v2": keras.applications.ResNet50V2,
}


def picture(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def scramble(model) -> None:
    """Batch norms and biases that are all different; kernels are from the start."""
    rng = np.random.default_rng(1)
    for variable in model.variables:
        if variable.ndim == 1:
            # Large enough variances keep an untrained network's values in range.
            low, high = (3, 5) if variable.name == "moving_variance" else (0.8, 1.2)
            variable.assign(rng.uniform(low, high, variable.shape))


@pytest.mark.parametrize("id", IDS)
def test_equals_keras_applications_through_its_file_format(id, tmp_path):
    theirs = IDS[id](weights=None, input_shape=(64, 64, 3), classes=11, classifier_activation=None)
    scramble(theirs)
    theirs.save(tmp_path / "w.h5")
    keras.backend.clear_session(free_memory=False)
    ours = kerazoo.create_model(
        id,
        weights=str(tmp_path / "w.h5"),
        input_shape=(64, 64, 3),
        classes=11,
        classifier_activation=None,
    )
    assert isinstance(ours, kerazoo.ZooModel)
    x = picture(2, 64, 64, 3)
    expected = np.asarray(theirs(x))
    assert np.ptp(expected) > 1e-3 * np.abs(expected).max()
    np.testing.assert_allclose(
        np.asarray(ours(x)), expected, atol=1e-5 * np.abs(expected).max(), rtol=0
    )


def test_multiply_adds_of_the_papers_table():
    # NASNet-A, tables 2 and 3: 564 M and 23.8 B.
    catalogue = kerazoo.registry.catalogue()
    assert round(catalogue["nasnet_mobile"].macs / 1e6) == 564
    assert round(catalogue["nasnet_large"].macs / 1e8) == 238


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "same"}, "`padding` must be 'symmetric', which `ResNet50V2` has in"),
        ({"batch_norm_epsilon": 1e-3}, "`batch_norm_epsilon` must be 1.001e-05, which"),
        ({"stem_strides": 1}, "`stem_strides` must be 2, which `ResNet50V2` has"),
        ({"input_shape": (31, 32, 3)}, "`input_shape` must be"),
    ],
)
def test_what_keras_applications_has_fixed(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.ResNet50V2(weights=None, **arguments)


def test_fixed_arguments_are_not_advertised():
    shown = inspect.signature(kerazoo.NASNetMobile).parameters
    assert "padding" not in shown
    assert "pooling" in shown
    # The values themselves may be given, as a saved description does.
    kerazoo.ResNet50V2(weights=None, padding="symmetric", input_shape=(32, 32, 3))


def test_nasnet_needs_known_sizes():
    with pytest.raises(ValueError, match=r"`input_shape` must be without None for `NASNetMobile`"):
        kerazoo.NASNetMobile(weights=None, input_shape=(None, None, 3))
    headless = kerazoo.NASNetMobile(weights=None, include_top=False)
    assert headless.output_shape == (None, 7, 7, 1056)


def test_resnet_v2_takes_unknown_sizes():
    static = kerazoo.ResNet50V2(weights=None, classes=3, input_shape=(65, 39, 3))
    dynamic = kerazoo.ResNet50V2(weights=None, classes=3, input_shape=(None, None, 3))
    dynamic.set_weights(static.get_weights())
    x = picture(1, 65, 39, 3)
    np.testing.assert_allclose(np.asarray(dynamic(x)), np.asarray(static(x)), atol=1e-5)
