"""ESPNetv2 equals the authors' PyTorch network, and is a good Keras citizen."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

import kerazoo
from kerazoo.checkpoints.layouts.espnetv2 import is_unused
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.records import checkpoints_for, default_checkpoint
from kerazoo.models.espnetv2 import BASES, SCALES, ESPNetV2, table, widths
from tests.models.parity import TOLERANCE, Reference
from tests.processes import run_python

SMALL = {"scale": 0.5, "weights": None, "classifier_activation": None}
REFERENCES = {f"espnetv2_s_{s}": f"espnetv2_s_{s.replace('.', '_')}" for s in ("0.5", "1.0", "2.0")}
POINTS = {
    "stem": "stem_act",
    "level2": "stage1_block1_act",
    "level3_0": "stage2_block1_act",
    "level3": "stage2_block4_act",
    "level4_0": "stage3_block1_act",
    "level4": "stage3_block8_act",
    "level5_0": "stage4_block1_act",
    "level5": "stage4_block4_act",
    "expand_dw": "head_depthwise_act",
    "head": "head_act",
    "features": "avg_pool",
}
RNG = np.random.default_rng(9)


@pytest.mark.parametrize("name", REFERENCES)
def test_logits_and_every_recorded_point(tmp_path, name):
    reference = Reference(name)
    model = reference.build(REFERENCES[name], tmp_path)
    points = [str(point) for point in reference.gold["points"]]
    layers = [model.get_layer(POINTS[point]).output for point in points]
    *tensors, output = keras.Model(model.input, [*layers, model.output])(reference.input)
    errors = {p: reference.point_error(p, t) for p, t in zip(points, tensors, strict=True)}
    errors["output"] = reference.error(output)
    print(f"parity {name}: output {errors['output']:.1e}, worst {max(errors.values()):.1e}")
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize(
    ("name", "scale"),
    [("espnetv2_s_1.0_pascal_256x256", 1.0), ("espnetv2_s_0.5_city_512x256", 0.5)],
)
def test_trained_encoders_on_a_photograph(shared, name, scale):
    # Segmentation networks of the same authors have this network, to stride 16, as their encoder.
    reference = Reference(f"real_{name}")
    tensors = read_tensors(shared / f"weights/espnetv2_seg/{name}.pth")
    encoder = {
        key.removeprefix("base_net."): array
        for key, array in tensors.items()
        if key.startswith("base_net.")
    }
    full = ESPNetV2(scale=scale, weights=None, features_only=True)
    points = ("stem", "level2", "level3", "level4")
    model = keras.Model(full.input, [full.get_layer(POINTS[p]).output for p in points])
    kerazoo.load_weights(model, encoder)
    facts = reference.spec["input"]
    pixels = np.asarray(Image.open(shared / "parity/images" / facts["images"][0]), "float32")
    x = (pixels / 255 - np.float32(facts["mean"])) / np.float32(facts["std"])
    for point, tensor in zip(points, model(x[None]), strict=True):
        assert reference.point_error(point, tensor) <= TOLERANCE, point


def weights_in(entries) -> int:
    """Trainable numbers: batch-norm statistics and counters are none."""
    kinds = ("bn_mean", "bn_var", "bn_count")
    return sum(int(np.prod(e["shape"])) for e in entries if e["kind"] not in kinds)


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters_and_multiply_adds(name):
    # The original counts layers that it never runs; ours does not have them.
    spec = Reference(name).spec
    entry = kerazoo.registry.catalogue()[REFERENCES[name]]
    unused = weights_in([e for e in spec["entries"] if is_unused(e["name"])])
    assert unused > 1000
    assert entry.params + unused == weights_in(spec["entries"]) == spec["params"]
    assert entry.macs == spec["macs"]


@pytest.mark.parametrize("name", REFERENCES)
def test_unused_tensors_are_just_those_of_the_reference(name):
    spec = Reference(name).spec
    never_run = tuple(spec["details"]["unused_in_forward"])
    for e in spec["entries"]:
        if e["kind"] != "bn_count":
            assert is_unused(e["name"]) == (e["name"].rpartition(".")[0] in never_run), e["name"]
            assert is_unused(e["name"]) == is_unused(f"module.{e['name']}")


def test_conventions_are_told_apart(tmp_path):
    reference = Reference("espnetv2_s_0.5")
    for other in ({"padding": "same"}, {"batch_norm_epsilon": 1e-3}):
        model = reference.build("espnetv2_s_0_5", tmp_path, **other)
        assert reference.error(model(reference.input)) > 10 * TOLERANCE, other


def test_every_tensor_of_a_file_is_accounted_for():
    reference = Reference("espnetv2_s_0.5")
    tensors = reference.weights()
    model = ESPNetV2(**SMALL)
    # As the authors saved them, from several devices.
    kerazoo.load_weights(model, {f"module.{name}": array for name, array in tensors.items()})
    assert reference.error(model(reference.input)) <= TOLERANCE
    strange = tensors | {"level2_0.eesp.module_act.bias": np.zeros(16, "float32")}
    with pytest.raises(ValueError, match=r"1 unexpected.*level2_0.eesp.module_act.bias"):
        kerazoo.load_weights(model, strange)
    lacking = {n: a for n, a in tensors.items() if n != "level3.1.module_act.weight"}
    with pytest.raises(ValueError, match=r"1 missing.*stage2_block3_act/alpha"):
        kerazoo.load_weights(model, lacking)


@pytest.mark.parametrize("scale", SCALES)
def test_each_scale_has_published_weights_with_a_digest(scale):
    model = f"espnetv2_s_{str(scale).replace('.', '_')}"
    published = [c for c in checkpoints_for(model) if c.dataset == "imagenet"]
    assert [c.layout for c in published] == ["espnetv2"]
    checkpoint = default_checkpoint(model)
    assert (checkpoint.padding, checkpoint.batch_norm_epsilon) == ("symmetric", 1e-5)
    assert checkpoint.preprocessing.interpolation == "bilinear"
    assert [d.kind for d in checkpoint.integrity] == ["git_blob_sha1"]
    assert f"espnetv2_s_{scale}.pth" in checkpoint.location
    assert "b78e323039908f31347d8ca17f49d5502ef1a594" in checkpoint.location


def test_widths_follow_the_original_rule():
    assert [widths(s) for s in SCALES] == [
        (16, 16, 1024), (32, 32, 1024), (40, 32, 1024), (48, 32, 1024), (64, 32, 1280)
    ]  # fmt: skip
    for base in BASES:
        channels = [min(32, base), *(row.filters for row in table(base))]
        assert all((b - a) % 16 == 0 for a, b in itertools.pairwise(channels)), base


@pytest.mark.parametrize("scale", [0, -1, 2.5, "1.0", True, None])
def test_scale_is_a_number_up_to_two(scale):
    with pytest.raises(ValueError, match=r"`scale` must be a number above 0.*Received: `scale="):
        ESPNetV2(scale=scale, weights=None)


@pytest.mark.parametrize("scale", [0.01, 0.25, 0.75, 1.1])
def test_scale_whose_groups_do_not_divide(scale):
    with pytest.raises(ValueError, match=r"`scale` must be one of.*\(16, 32, 40.*not divide"):
        ESPNetV2(scale=scale, weights=None)


@pytest.mark.parametrize(("size", "stem_strides"), [(31, 2), (15, 1)])
def test_picture_too_small_for_the_pooled_shortcut(size, stem_strides):
    with pytest.raises(ValueError, match=rf"`input_shape` must be.*at least {size + 1}"):
        ESPNetV2(**SMALL, input_shape=(size, 64, 3), stem_strides=stem_strides)


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("size", [(65, 47), (32, 96)])
def test_unknown_sizes_give_the_numbers_of_static_ones(padding, size):
    static = ESPNetV2(**SMALL, padding=padding, input_shape=(*size, 3))
    dynamic = ESPNetV2(**SMALL, padding=padding, input_shape=(None, None, 3))
    dynamic.set_weights(static.get_weights())
    x = RNG.standard_normal((1, *size, 3)).astype("float32")
    np.testing.assert_allclose(static(x), dynamic(x), rtol=1e-4, atol=1e-5)


def test_features_and_small_pictures():
    model = ESPNetV2(**SMALL, features_only=True, input_shape=(65, 47, 3))
    shapes = {name: tuple(x.shape) for name, x in model(np.zeros((1, 65, 47, 3))).items()}
    assert shapes == {
        "stride_2": (1, 33, 24, 16),
        "stride_4": (1, 17, 12, 32),
        "stride_8": (1, 9, 6, 64),
        "stride_16": (1, 5, 3, 128),
        "stride_32": (1, 3, 2, 256),
    }
    tiny = ESPNetV2(**SMALL, stem_strides=1, classes=10, input_shape=(32, 32, 3))
    assert tiny.get_layer("stage4_block4_act").output.shape == (None, 2, 2, 256)
    assert tiny(np.zeros((1, 32, 32, 3))).shape == (1, 10)
    assert ESPNetV2(**SMALL, include_top=False, pooling="avg").output_shape == (None, 1024)


def one_step(model, seed=0):
    """Loss and gradients of every trainable variable for four random pictures of 64x64."""
    import tensorflow as tf

    shape = (4, *model.input_shape[1:])
    x = np.random.default_rng(seed).standard_normal(shape).astype("float32")
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = ops.mean(
            keras.losses.sparse_categorical_crossentropy(np.arange(4), logits, from_logits=True)
        )
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    return float(loss), dict(zip([v.path for v in variables], gradients, strict=True))


def test_a_training_step_reaches_every_variable():
    keras.utils.set_random_seed(1)
    model = ESPNetV2(**SMALL, input_shape=(64, 64, 3), classes=10, dropout_rate=0)
    before, gradients = one_step(model)
    assert len(gradients) == 290  # tensors of the original that are trained and used
    for path, gradient in gradients.items():
        assert gradient is not None, path
        assert np.isfinite(gradient).all(), path
        assert np.abs(gradient).max() > 0, path
    keras.optimizers.SGD(0.01).apply(list(gradients.values()), model.trainable_variables)
    assert one_step(model)[0] < before


def test_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = ESPNetV2(**SMALL, input_shape=(64, 64, 3), classes=10)
    finally:
        keras.config.set_dtype_policy(before)
    assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}
    act = model.get_layer("stage3_block1_act")
    assert (act.compute_dtype, model.output.dtype) == ("bfloat16", "float32")
    loss, gradients = one_step(model)
    assert np.isfinite(loss)
    assert all(g is not None and np.isfinite(g).all() for g in gradients.values())


RELOAD = """
import sys, numpy as np, keras, kerazoo.models, kerazoo.layers
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], np.asarray(model(np.load(sys.argv[2]))))
print(model.info.architecture)
"""


def test_saved_model_in_a_fresh_process(tmp_path):
    model = ESPNetV2(**SMALL, input_shape=(None, None, 3), classes=7)
    x = RNG.standard_normal((1, 45, 64, 3)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    files = [str(tmp_path / name) for name in ("model.keras", "x.npy", "y.npy")]
    done = run_python(RELOAD, *files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "espnetv2_s_0_5"
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), atol=1e-5)
