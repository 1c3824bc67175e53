"""Checkpoints of TensorFlow 1, alone and in archives: read, not run; hostile archives are refused.

The zoo's own files are out of reach here. Their names are those of its graphs, written down anew.
"""

import io
import re
import tarfile

import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo._bounds import UNPACKED_BYTES
from kerazoo.checkpoints.load import variables_by_path
from kerazoo.checkpoints.read.tensors import read_tensors, tensor_names

VARIABLES = {"gamma", "beta", "moving_mean", "moving_variance"}
SMALL = {"alpha": 0.25, "input_shape": (64, 64, 3), "classes": 3, "weights": None}


def theirs(path: str, blocks: list[str], version: int) -> str:
    """The Object Detection API's name of one of our variables."""
    layer, variable = path.split("/")
    layer, kind = layer.rsplit("_", 1)
    root = f"FeatureExtractor/MobilenetV{version}/"
    inner = f"{root}MobilenetV1/" if version == 1 else root
    last = {1: "Conv2d_13_pointwise", 2: "layer_19"}[version]
    depthwise = layer.endswith("_depthwise")
    found = re.match(r"(boxes|classes|extra)(\d)", layer)
    if found and found[1] != "extra":
        part = {"boxes": "BoxEncodingPredictor", "classes": "ClassPredictor"}[found[1]]
        name = f"BoxPredictor_{int(found[2]) - 1}/{part}{'_depthwise' * depthwise}"
    elif layer.endswith("_narrow"):
        name = f"{root}{last}_1_Conv2d_{int(found[2]) + 1}_1x1_99"
    elif found:
        end = "_depthwise" * depthwise
        name = f"{root}{last}_2_Conv2d_{int(found[2]) + 1}_3x3_s2_99{end}"
    elif layer == "stem":
        name = inner + {1: "Conv2d_0", 2: "Conv"}[version]
    elif layer == "head":
        name = f"{inner}Conv_1"
    else:
        block, part = layer.rsplit("_", 1)
        number = blocks.index(block)
        own = f"expanded_conv_{number}/{part}" if number else f"expanded_conv/{part}"
        name = inner + {1: f"Conv2d_{number + 1}_{part}", 2: own}[version]
    if kind == "bn":
        return f"{name}/BatchNorm/{variable}"
    kernel = "depthwise_weights" if depthwise else "weights"
    return f"{name}/{kernel if variable == 'kernel' else 'biases'}"


def save(prefix, arrays) -> None:
    names = list(arrays)
    tensors = [tf.constant(arrays[name]) for name in names]
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
    )


def archive(path, files) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("model", "version"), [("ssd_mobilenet_v1", 1), ("ssdlite_mobilenet_v2", 2)]
)
def test_names_of_the_object_detection_api(model, version, tmp_path):
    net = kerazoo.create_model(model, **SMALL)
    found = (re.match(r"stage\d+_block\d+", layer.name) for layer in net.layers)
    blocks = list(dict.fromkeys(match[0] for match in found if match))
    arrays = {
        theirs(path, blocks, version): np.asarray(v) for path, v in variables_by_path(net).items()
    }
    assert len(arrays) == len(variables_by_path(net))
    save(tmp_path / "model.ckpt", {**arrays, "global_step": np.int64(200000)})
    path = tmp_path / "model.ckpt.index"
    if version == 2:
        files = [
            (f"net_2018/{name}", (tmp_path / name).read_bytes())
            for name in ("model.ckpt.index", "model.ckpt.data-00000-of-00001")
        ]
        path = tmp_path / "net_2018.tar.gz"
        archive(path, [("net_2018/pipeline.config", b"model {}"), *files])
    again = kerazoo.create_model(model, **{**SMALL, "weights": str(path)})
    for name, variable in variables_by_path(net).items():
        ours = np.asarray(variables_by_path(again)[name])
        np.testing.assert_array_equal(ours, np.asarray(variable), err_msg=name)


@pytest.fixture
def parts(tmp_path):
    save(tmp_path / "model.ckpt", {"a/weights": np.ones((2, 3), "float32")})
    names = ("model.ckpt.index", "model.ckpt.data-00000-of-00001")
    return [(name, (tmp_path / name).read_bytes()) for name in names]


def test_nothing_lands_outside(tmp_path, parts):
    """Names in an archive choose no place on this machine."""
    path = tmp_path / "net.tar.gz"
    archive(path, [(f"../../{name}", content) for name, content in parts])
    assert tensor_names(path) == ("a/weights",)
    np.testing.assert_array_equal(read_tensors(path)["a/weights"], np.ones((2, 3)))
    assert not (tmp_path.parent.parent / "model.ckpt.index").exists()


def test_what_is_no_checkpoint(tmp_path, parts, monkeypatch):
    path = tmp_path / "net.tar.gz"

    def refused(files, words):
        archive(path, files)
        with pytest.raises(ValueError, match=rf"not a readable checkpoint.*\({words}"):
            read_tensors(path)

    refused(parts[:1], "no checkpoint in it")
    refused([*parts, *parts], "more than one checkpoint")
    refused([(parts[0][0], b"nothing"), parts[1]], "")
    monkeypatch.setenv(UNPACKED_BYTES.variable, "1000")
    refused([("zeros.bin", bytes(10**6)), *parts], r"its [\d,]+ bytes would become 1,000,000")
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        read_tensors(path)
    path = tmp_path / "model.ckpt.index"
    path.with_name("model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(ValueError, match=r"there is no `model\.ckpt\.data.+` beside it"):
        read_tensors(path)
