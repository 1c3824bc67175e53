"""Segmenters equal the originals: drawn weights, trained weights, every published form."""

import json

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.models.deeplab_v3 import DeepLabV3
from kerazoo.models.espnet import ESPNet, ESPNetC
from kerazoo.models.espnetv2_segmentation import ESPNetV2Segmentation
from kerazoo.models.lraspp import LRASPP
from tests.models.parity import TOLERANCE, Reference
from tests.references import REFERENCES

SAME_MASK = 0.999  # share of the pixels: tests/references/README.md
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def check(gold, logits, key="logits_sub", mask=True):
    """Logits at the places that the reference kept, and the whole mask."""
    y = np.asarray(logits).transpose(0, 3, 1, 2)
    found = y[:, :, gold["logits_rows"]][..., gold["logits_cols"]]
    error = np.abs(found - gold[key]).max() / np.abs(gold[key]).max()
    assert error <= TOLERANCE, error
    if mask:
        assert (y.argmax(1) == gold["mask"]).mean() >= SAME_MASK


NETWORKS = {
    "espnetv2_seg_s_1.0_pascal": (lambda **k: ESPNetV2Segmentation(scale=1.0, **k), (256, 256)),
    "espnet_p2_q8": (lambda **k: ESPNet(q=8, **k), (256, 512)),
    "espnet_p2_q8_published": (lambda **k: ESPNet(q=8, fine_picture=False, **k), (256, 512)),
    "espnet_c_p2_q8": (lambda **k: ESPNetC(q=8, **k), (256, 512)),
    "torchvision_lraspp_mobilenet_v3_large": (LRASPP, (224, 320)),
}
UNUSED = {"espnetv2_seg_s_1.0_pascal": 224}  # numbers of the original's that it never uses


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_original(name):
    reference = Reference(name)
    make, size = NETWORKS[name]
    epsilon = 1e-3 if "torchvision" in name else reference.conventions["batch_norm_epsilon"]
    model = make(input_shape=(*size, 3), padding="symmetric", batch_norm_epsilon=epsilon)
    kerazoo.load_weights(model, reference.weights())
    check(reference.gold, model(reference.input))
    counted = kerazoo.profile(model)
    assert counted.params + UNUSED.get(name, 0) == reference.spec["params"]
    assert counted.macs == reference.spec["macs"]


def test_deeplab_with_its_second_head_and_without():
    reference = Reference("torchvision_deeplabv3_mobilenet_v3_large")
    how = {"input_shape": (224, 320, 3), "padding": "symmetric", "batch_norm_epsilon": 1e-3}
    model = DeepLabV3(auxiliary=True, **how)
    kerazoo.load_weights(model, reference.weights())
    found = model(reference.input)
    check(reference.gold, found["logits"])
    check(reference.gold, found["auxiliary"], "aux_logits_sub", mask=False)
    assert kerazoo.profile(model).params == reference.spec["params"]
    # In use the second head is left out, and what a file has of it.
    alone = DeepLabV3(**how)
    kerazoo.load_weights(alone, reference.weights())
    np.testing.assert_array_equal(alone(reference.input), found["logits"])
    assert kerazoo.profile(alone).params == reference.spec["details"]["params_without_aux"]


def test_mistakes_would_show():
    reference = Reference("torchvision_lraspp_mobilenet_v3_large")
    how = {"input_shape": (224, 320, 3), "padding": "symmetric", "batch_norm_epsilon": 1e-3}
    for wrong in ({"low_feature": "stride_8"}, {"batch_norm_epsilon": 1e-5}, {"padding": "same"}):
        model = LRASPP(**{**how, **wrong})
        kerazoo.load_weights(model, reference.weights())
        with pytest.raises(AssertionError):
            check(reference.gold, model(reference.input))


@pytest.mark.parametrize("form", ["espnet_p2_q8", "espnet_p2_q8_published"])
def test_each_decoder_takes_its_own_weights_alone(form):
    reference = Reference(form)
    other = ESPNet(q=8, fine_picture=form != "espnet_p2_q8", input_shape=(64, 64, 3))
    with pytest.raises(ValueError, match="1 of another shape: decoder_fine_conv/kernel"):
        kerazoo.load_weights(other, reference.weights())


def test_every_tensor_of_a_file_is_accounted_for():
    reference = Reference("espnet_c_p2_q8")
    model = ESPNetC(q=8, input_shape=(32, 32, 3))
    tensors = {f"module.{name}": array for name, array in reference.weights().items()}
    kerazoo.load_weights(model, tensors)
    with pytest.raises(ValueError, match=r"1 unexpected.*module.level2_0.c9.conv.weight"):
        kerazoo.load_weights(model, tensors | {"module.level2_0.c9.conv.weight": np.zeros(3)})
    lacking = {n: a for n, a in tensors.items() if n != "module.classifier.conv.weight"}
    with pytest.raises(ValueError, match=r"1 missing.*predictions/kernel"):
        kerazoo.load_weights(model, lacking)


def trained(name):
    spec = json.loads((REFERENCES / f"specs/{name}.json").read_text())
    return spec, np.load(REFERENCES / f"golden/{name}.npz")


def photographs(shared, spec, count):
    names = spec["input"]["images"][:count]
    return np.stack(
        [np.asarray(Image.open(shared / "parity/images" / n), "float32") for n in names]
    )


@pytest.mark.parametrize(
    ("name", "scale", "classes"),
    [("espnetv2_s_1.0_pascal_256x256", 1.0, 21), ("espnetv2_s_0.5_city_512x256", 0.5, 20)],
)
def test_trained_espnetv2(shared, name, scale, classes):
    spec, gold = trained(f"real_{name}")
    x = (photographs(shared, spec, 4) / 255 - MEAN) / STD
    model = ESPNetV2Segmentation(scale=scale, classes=classes, input_shape=x.shape[1:])
    kerazoo.load_weights(model, shared / f"weights/espnetv2_seg/{name}.pth")
    check(gold, model(x))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("real_espnet_p2_q3_city", "espnet_city_p2_q3"),
        ("real_espnet_c_p2_q3_city", "espnet_c_p2_q3"),
    ],
)
def test_trained_espnet(shared, name, make):
    spec, gold = trained(name)
    pixels = photographs(shared, spec, 2)
    file = shared / "weights/espnet" / spec["weights"]["file"]
    # All that the authors' input needs follows from the names in the file.
    model = kerazoo.create_model(make, weights=str(file), input_shape=pixels.shape[1:])
    check(gold, model(kerazoo.preprocess_input(pixels, model)))
    assert model.info.arguments["channel_order"] == "bgr"


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        *((f"espnetv2_s_{scale}_pascal_384x384", 21) for scale in ("0.5", "1.0", "2.0")),
        ("espnetv2_s_1.0_city_1024x512", 20),
    ],
)
def test_arrays_with_reference_outputs(shared, name, classes):
    file = shared / f"weights/seg_det/{name}.npz"
    reference = np.load(file.with_name(f"{name}_reference.npz"))
    picture = reference["input0"]
    model = kerazoo.create_model(
        f"espnetv2_seg_s_{name[11:14].replace('.', '_')}",
        weights=str(file),
        classes=classes,
        input_shape=picture.shape,
    )
    y = np.asarray(model(kerazoo.preprocess_input(picture[None], model)))[0]
    gold = reference["logits0_every16"]
    assert np.abs(y[::16, ::16] - gold).max() <= TOLERANCE * np.abs(gold).max()
    assert (y.argmax(-1) == reference["classes0"]).mean() >= SAME_MASK


def test_what_comes_with_the_package_is_the_published_network(shared):
    model = kerazoo.open_model("segmentation")
    file = shared / "weights/seg_det/espnetv2_s_1.0_pascal_384x384.npz"
    other = ESPNetV2Segmentation(scale=1.0, input_shape=(384, 384, 3))
    kerazoo.load_weights(other, file)
    for ours, theirs in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_deeplab_of_tensorflow_agrees_with_its_8_bit_file(shared):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    folder = shared / "weights/seg_det"
    file = folder / "deeplabv3_mnv2_pascal_quant_dequant_f16.npz"
    model = kerazoo.create_model(
        "deeplabv3_mobilenet_v2_100", weights=None, input_shape=(513, 513, 3)
    )
    kerazoo.load_weights(model, file)
    picture = Image.open(shared / "coco_tiny/val2017/000000010764.jpg").resize((513, 513))
    pixels = np.asarray(picture)[None]
    network = interpreter(str(folder / "deeplabv3_mnv2_pascal_quant.tflite"), num_threads=2)
    network.allocate_tensors()
    network.set_tensor(network.get_input_details()[0]["index"], pixels)
    network.invoke()
    theirs = network.get_tensor(network.get_output_details()[0]["index"])
    ours = np.asarray(model((pixels.astype("float32") - 128) / 128)).argmax(-1)
    assert set(np.unique(ours)) >= {0, 15}  # background and person
    assert (ours == theirs).mean() > 0.98
