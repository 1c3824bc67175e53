"""Freezing, rates by layer and batch-norm statistics, on networks that train for a few steps."""

import json

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.training.optim.layer_rates import scale_variables
from kerazoo.training.recipe import load_recipe
from kerazoo.training.recipe_sections import Transfer
from kerazoo.training.transfer.batch_norm import (
    batch_norms,
    has_folded_batch_norm,
    restore_batch_norm,
    settle_batch_norm,
)
from kerazoo.training.transfer.layers import blocks, fits, prepare, rate_factors, scale_rates
from tests import ROOT
from tests.processes import run_jax
from tests.tiny import DEEP

RNG = np.random.default_rng(0)
PICTURES = RNG.normal(size=(16, 32, 32, 3)).astype("float32")
LABELS = RNG.integers(0, 4, 16)


def network(id="mobilenet_v1_025", **arguments):
    """A few layers are enough for what computes; names of stages want more of them."""
    keras.utils.set_random_seed(1)
    given = {"input_shape": (32, 32, 3), "classes": 4, "dropout_rate": 0.0, **arguments}
    return kerazoo.create_model(id, weights=None, **given)


def values(model) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in model.variables}


def changed(model, before) -> set[str]:
    """Paths of the variables that two steps of training change."""
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(PICTURES, LABELS, batch_size=8, verbose=0)
    return {path for path, value in values(model).items() if (value != before[path]).any()}


def test_linear_probe_trains_the_classifier_and_keeps_statistics(tiny_net):
    model = network(tiny_net)
    prepare(model, Transfer(freeze="backbone"))
    before = values(model)
    scores = model(PICTURES, training=False).numpy()
    # Frozen batch norms work in inference mode, kerazoo's own kernel included.
    np.testing.assert_array_equal(model(PICTURES, training=True).numpy(), scores)
    assert changed(model, before) == {"predictions/kernel", "predictions/bias"}


def test_batch_norm_can_go_on_learning_in_frozen_layers(tiny_net):
    model = network(tiny_net)
    prepare(model, Transfer(freeze="backbone", batch_norm="train"))
    found = changed(model, values(model))
    kinds = {path.rpartition("/")[2] for path in found if "_bn/" in path}
    assert kinds == {"gamma", "beta", "moving_mean", "moving_variance"}
    assert {path for path in found if "_bn/" not in path} == {
        "predictions/kernel",
        "predictions/bias",
    }


def test_batch_norm_can_be_frozen_alone(tiny_net):
    model = network(tiny_net)
    prepare(model, Transfer(batch_norm="frozen"))
    found = changed(model, values(model))
    assert not [path for path in found if "_bn/" in path]
    assert {"stem_conv/kernel", "stage2_block1_pointwise_conv/kernel"} <= found


def frozen(model, **settings) -> set[str]:
    prepare(model, Transfer(**settings))
    return {layer.name for layer in model.layers if layer.weights and not layer.trainable}


def test_layers_are_frozen_by_pattern():
    found = frozen(network(), freeze=["stem", "stage2_block1", "*_block2_pointwise_bn"])
    assert {name.partition("_")[0] for name in found} >= {"stem", "stage2", "stage5"}
    assert "stage2_block1_depthwise_conv" in found
    assert "stage2_block2_pointwise_bn" in found
    assert "stage2_block2_pointwise_conv" not in found
    assert "predictions" not in found


def test_layers_are_frozen_up_to_a_stage_with_all_they_depend_on():
    assert {name.partition("_")[0] for name in frozen(network(), freeze_until="stage3")} == {
        "stem",
        "stage1",
        "stage2",
        "stage3",
    }
    # A side branch that joins later is not among them, one that joins before is.
    image = keras.Input((4,), name="image")
    early = keras.layers.Dense(3, name="early")(image)
    late = keras.layers.Dense(3, name="late")(image)
    middle = keras.layers.Dense(3, name="middle")(early)
    last = keras.layers.Dense(2, name="last")(keras.layers.add([middle, late]))
    assert frozen(keras.Model(image, last), freeze_until="middle") == {"early", "middle"}


def test_a_network_inside_a_model_is_frozen_too():
    def learning(**settings):
        backbone = network(include_top=False, pooling="avg")
        head = keras.layers.Dense(4, name="head")
        model = keras.Sequential([keras.Input((32, 32, 3)), backbone, head])
        prepare(model, Transfer(**settings))
        return {v.path.split("/")[-2].partition("_")[0] for v in model.trainable_variables}

    assert learning(freeze="backbone") == {"head"}
    assert learning(freeze_until="stage4") == {"stage5", "head"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "stage33"}, "Unknown `freeze`. Did you mean 'stage3'"),
        ({"freeze": ["stem", "block_7*"]}, "Unknown `freeze`.*block_7"),
        ({"freeze_until": "predictoins"}, "Did you mean 'predictions'"),
        ({"freeze": "*"}, "leave a layer to learn"),
        ({"freeze_until": "predictions"}, "leave a layer to learn"),
    ],
)
def test_wrong_choices_name_layers(settings, message, tiny_net):
    with pytest.raises(ValueError, match=message):
        prepare(network(DEEP), Transfer(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": []}, "transfer.freeze"),
        ({"freeze_until": 3}, "transfer.freeze_until` must be a pattern"),
        ({"batch_norm": "off"}, 'transfer.batch_norm` must be "auto"'),
        ({"restore_batch_norm": "yes"}, "transfer.restore_batch_norm"),
        ({"rates": {"stem": -1.0}}, "transfer.rates` must be a table of factors, 0 or more"),
        ({"layer_decay": 1.5}, "transfer.layer_decay` must be a number above 0 and at most 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Transfer(**settings)


def test_settings_are_a_section_of_a_recipe():
    recipe = load_recipe(
        "mixnet_s_cifar10",
        {"transfer.freeze": "backbone", "transfer.layer_decay": 0.8, "transfer.rates": {"a": 2}},
    )
    assert recipe.transfer == Transfer(freeze="backbone", layer_decay=0.8, rates={"a": 2})
    assert load_recipe(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("stage1_block1_expand_conv", "stage1_block1", True),
        ("stage1_block10_expand_conv", "stage1_block1", False),
        ("stage10_block1_expand_conv", "stage1", False),
        ("stem_conv", "stem*", True),
        ("stem_conv", "conv", False),
        ("predictions", "predictions", True),
        ("stage4_block2_se", "stage[34]_*_se", True),
    ],
)
def test_patterns(name, pattern, expected):
    assert fits(name, pattern) is expected


def test_rates_fall_from_block_to_block():
    model = network("resnet10")
    names = [block[0].name.rpartition("_block1")[0] or block[0].name for block in blocks(model)]
    assert names == ["stem_conv", "stage1", "stage2", "stage3", "stage4", "predictions"]
    factors = rate_factors(model, Transfer(layer_decay=0.5, rates={"stem_bn": 0, "st*": 4.0}))
    assert factors["predictions"] == 1
    assert factors["stage4_block1_1_conv"] == 4 * 0.5
    assert factors["stage1_block1_2_bn"] == 4 * 0.5**4
    assert factors["stem_conv"] == 4 * 0.5**5
    assert factors["stem_bn"] == 0
    assert len(factors) == len([layer for layer in model.layers if layer.weights])
    with pytest.raises(ValueError, match=r"Unknown `rates`\. Did you mean 'stage4'"):
        rate_factors(model, Transfer(rates={"stage44": 0.5}))


def test_blocks_of_networks_with_names_of_their_own():
    names = ["conv2_block3_1_conv", "conv2_block3_out_bn", "block1a_expand_bn", "block_12_project"]
    names += [
        "separable_conv_1_normal_left1_7",
        "adjust_bn_7",
        "normal_conv_1_stem_2",
        "stem_conv1",
    ]
    image = x = keras.Input((2,))
    for name in [*names, "top"]:
        x = keras.layers.Dense(2, name=name)(x)
    found = [[layer.name for layer in block] for block in blocks(keras.Model(image, x))]
    expected = [names[0:2], names[2:3], names[3:4], names[4:6], names[6:7], names[7:8], ["top"]]
    assert found == expected


OPTIMIZERS = sorted(
    kind.__name__
    for kind in vars(keras.optimizers).values()
    if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
    if kind.__name__ not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_takes_factors(kind):
    def stepped(rate, factors):
        pair = [keras.Variable(np.full((3, 2), 0.5 + i, "float32"), name=f"v{i}") for i in (0, 1)]
        optimizer = getattr(keras.optimizers, kind)(learning_rate=rate, weight_decay=0.1)
        if factors:
            optimizer = scale_variables(optimizer, {pair[0].path: 0.25})
        gradient = np.arange(6, dtype="float32").reshape(3, 2) - 2.2
        for _ in range(2):
            optimizer.apply([keras.ops.convert_to_tensor(gradient)] * 2, pair)
        return [v.numpy() for v in pair], optimizer

    (scaled, plain), optimizer = stepped(0.2, factors=True)
    # One variable moves, and shrinks, as at a quarter of the rate, the other at all of it.
    np.testing.assert_allclose(scaled, stepped(0.05, factors=False)[0][0], rtol=1e-6)
    np.testing.assert_array_equal(plain, stepped(0.2, factors=False)[0][1])
    assert (scaled != stepped(0.2, factors=False)[0][0]).any()
    assert isinstance(optimizer, getattr(keras.optimizers, kind))


def probe_network():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, name="stem_conv")(image)
    x = keras.layers.BatchNormalization(name="stem_bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(4, name="predictions", dtype="float32")(x))
    rng = np.random.default_rng(2)  # every backend draws numbers of its own
    for name in ("stem_conv", "predictions"):
        kernel = model.get_layer(name).kernel
        kernel.assign(rng.normal(0, 0.3, kernel.shape))
    return model


def compiled(factors=True):
    model = probe_network()
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(0.1, 20),
        weight_decay=0.05,
        use_ema=True,
        ema_momentum=0.9,
        gradient_accumulation_steps=2,
        global_clipnorm=1.0,
    )
    if factors:
        optimizer = scale_rates(optimizer, model, Transfer(rates={"stem_conv": 0.0}))
    wrapped = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(wrapped, loss, jit_compile=False)
    return model


def steps(model, count):
    for _ in range(count):
        model.train_on_batch(PICTURES, LABELS)
    return model


def test_rates_with_everything_that_wraps_an_optimizer(tmp_path):
    model = compiled()
    before = values(model)
    steps(model, 6)
    assert (values(model)["stem_conv/kernel"] == before["stem_conv/kernel"]).all()
    assert (values(model)["predictions/kernel"] != before["predictions/kernel"]).any()
    # The state is that of the plain optimizer, and all of it comes back.
    assert len(model.optimizer.variables) == len(steps(compiled(False), 1).optimizer.variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inner = loaded.optimizer.inner_optimizer
    assert isinstance(inner, keras.optimizers.AdamW)
    assert inner.rate_factors == {"stem_conv/kernel": 0.0, "stem_conv/bias": 0.0}
    steps(model, 3)
    steps(loaded, 3)
    for a, b in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # An average starts as the first value, up to rounding.
    np.testing.assert_allclose(
        values(model)["stem_conv/kernel"], before["stem_conv/kernel"], rtol=1e-5
    )


def test_optimizers_that_cannot_take_factors():
    built = keras.optimizers.SGD()
    built.build([keras.Variable(1.0)])
    several = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD()))
    for optimizer, message in ((built, "not built yet"), (several, "a single rate")):
        with pytest.raises(ValueError, match=f"`optimizer` must be .*{message}"):
            scale_variables(optimizer, {"a": 0.5})


def test_settled_statistics_are_those_of_training(tiny_net):
    model = network(tiny_net, dropout_rate=0.5)
    weights = model.get_weights()
    settle_batch_norm(model, [(PICTURES, LABELS)])
    settled = values(model)
    model.set_weights(weights)
    # One batch without memory of those before: training sets the statistics to the batch's own.
    for layer in batch_norms(model):
        layer.momentum = 0.0
    model(PICTURES, training=True)
    for path, value in values(model).items():
        if "seed_generator" not in path:
            np.testing.assert_allclose(settled[path], value, rtol=2e-4, atol=1e-5, err_msg=path)
    first = next(v for v in model.variables if v.path == "stem_bn/moving_mean").numpy()
    # Several batches count by their pictures.
    model.set_weights(weights)
    settle_batch_norm(model, [PICTURES[:12], PICTURES[12:]])
    np.testing.assert_allclose(values(model)["stem_bn/moving_mean"], first, rtol=1e-5, atol=1e-6)
    # Frozen ones keep theirs, and what comes after them sees what it sees in training.
    model.set_weights(weights)
    frozen = batch_norms(model)[0]
    frozen.trainable, before = False, [np.array(v) for v in frozen.variables]
    settle_batch_norm(model, [PICTURES])
    settled = values(model)
    model.set_weights(weights)
    model(PICTURES, training=True)
    for path, value in values(model).items():
        if "seed_generator" not in path:
            np.testing.assert_allclose(settled[path], value, rtol=2e-4, atol=1e-5, err_msg=path)
    for a, b in zip(frozen.variables, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_statistics_need_batches_and_batch_norms():
    with pytest.raises(ValueError, match="`batches` must be an iterable of at least one batch"):
        settle_batch_norm(network(), [])
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` must be a model with batch normalisation"):
        settle_batch_norm(plain, [PICTURES])
    without = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(scale=False)])
    with pytest.raises(ValueError, match="with scale and shift"):
        restore_batch_norm(without, [PICTURES])


def test_folded_batch_norm_is_restored_on_real_pictures(shared):
    from kerazoo.data.pipeline import evaluation_batches
    from kerazoo.data.tfds import tfds_source

    weights = shared / "weights/mobilenet_0.25_128_imagenet_dequant.weights.h5"
    model = kerazoo.create_model(
        "mobilenet_v1_025", weights=str(weights), input_shape=(128, 128, 3), dropout_rate=0.0
    )
    source = tfds_source("imagenet2012", data_dir=shared / "tfds")
    batches = evaluation_batches(source, model.info.preprocessing, 50, 200)
    pictures = np.concatenate([x for x, _ in batches])[:100]

    def outputs(training):
        before = model.get_weights()
        scores = model(pictures, training=training).numpy()
        model.set_weights(before)
        return scores

    def agreement(training):
        return np.mean(outputs(training).argmax(-1) == expected.argmax(-1))

    expected = outputs(training=False)
    assert has_folded_batch_norm(model)
    assert agreement(training=True) < 0.1  # batch statistics make another function of it
    restore_batch_norm(model, batches)
    assert not has_folded_batch_norm(model)
    assert np.abs(outputs(training=False) - expected).max() < 2e-5
    assert agreement(training=True) > 0.7
    # The statistics are those of the tensors before each batch norm.
    norm = model.get_layer("stage3_block1_depthwise_bn")
    before = keras.Model(model.input, norm.input)(np.concatenate([x for x, _ in batches]))
    mean, variance = keras.ops.moments(keras.ops.cast(before, "float64"), [0, 1, 2])
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance.numpy(), rtol=1e-3)


def test_folded_batch_norm_is_restored(tiny_net):
    """The same function as before; in training too, where batch statistics had made another."""
    model = network(tiny_net)
    for norm in batch_norms(model):
        norm.moving_variance.assign(np.full(norm.moving_variance.shape, 1 - norm.epsilon))
        norm.beta.assign(np.random.default_rng(2).normal(0.2, 0.5, norm.beta.shape))
    assert has_folded_batch_norm(model)
    weights, expected = model.get_weights(), model(PICTURES, training=False).numpy()
    assert np.abs(model(PICTURES, training=True).numpy() - expected).max() > 1e-2
    model.set_weights(weights)
    restore_batch_norm(model, [PICTURES[:12], PICTURES[12:]])
    assert not has_folded_batch_norm(model)
    np.testing.assert_allclose(model(PICTURES, training=False), expected, atol=2e-5)
    # The statistics are those of the tensors before each batch norm.
    norm = model.get_layer("stage1_block1_depthwise_bn")
    before = keras.Model(model.input, norm.input)(PICTURES)
    mean, variance = keras.ops.moments(keras.ops.cast(before, "float64"), [0, 1, 2])
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance.numpy(), rtol=1e-3)
    np.testing.assert_allclose(model(PICTURES, training=True), expected, atol=1e-2)


def test_random_weights_are_not_folded_batch_norms(tiny_net):
    assert not has_folded_batch_norm(network(tiny_net))


JAX = """
import json, sys
import keras, numpy as np
sys.path.insert(0, sys.argv[1])
from tests.training.transfer.test_transfer import LABELS, PICTURES, batch_norms, compiled, steps
from kerazoo.training.transfer.batch_norm import settle_batch_norm

model = steps(compiled(), 4)
found = {v.path: v.numpy().tolist() for v in model.trainable_variables}
settle_batch_norm(model, [PICTURES])
found["settled"] = batch_norms(model)[0].moving_variance.numpy().tolist()
print(json.dumps([keras.backend.backend(), found]))
"""


def test_jax_agrees():
    pytest.importorskip("jax")
    done = run_jax(JAX, ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    backend, found = json.loads(done.stdout.splitlines()[-1])
    assert backend == "jax"
    model = steps(compiled(), 4)
    for v in model.trainable_variables:
        np.testing.assert_allclose(found[v.path], v.numpy(), rtol=2e-3, atol=2e-4, err_msg=v.path)
    settle_batch_norm(model, [PICTURES])
    expected = batch_norms(model)[0].moving_variance.numpy()
    np.testing.assert_allclose(found["settled"], expected, rtol=1e-4)
