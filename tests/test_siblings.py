"""Faults of the kinds that docs/limits.md lists, where a sibling of what was known went wrong."""

import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras.src.backend.common import global_state
from PIL import Image

import kerazoo
from kerazoo._initial_values import late_values
from kerazoo.checkpoints.run_record import read_run
from kerazoo.cli._model import setting
from kerazoo.cli._run import change
from kerazoo.data import masks_source
from kerazoo.data.masks.values import read_classes, read_values
from kerazoo.models._arguments import Arguments
from kerazoo.models._kernels import check_alpha, depthwise_kernels
from kerazoo.pictures import PictureError
from kerazoo.predictor import listed
from kerazoo.scoring.parts import divide
from kerazoo.scoring.reading import pictures_of
from kerazoo.tasks.detection.predictions import Detections
from kerazoo.tasks.segmentation.predictions import Segments
from tests import ROOT

SMALL = {"weights": None, "input_shape": (32, 32, 3), "classes": 2}


@pytest.fixture
def detections():
    box = np.array([[1, 2, 8, 9]], "float32")
    return Detections(box, np.array([0.9], "float32"), np.array([0]), ("a",), (1,), (20, 30))


@pytest.fixture
def segments():
    return Segments(np.zeros((20, 30), "uint8"), ("a", "b"))


def fail(shape, dtype):
    raise MemoryError("no room for it")


@pytest.mark.parametrize("where", ["before", "while drawing"])
def test_a_network_that_fails_is_in_nobodys_way(where):
    """Its variables waited for ever, and whatever was built next in the process failed."""

    def build():
        with late_values():
            keras.layers.Dense(2).build((None, 3))
            keras.layers.Dense(2, kernel_initializer=fail).build((None, 3))
            if where == "before":
                raise MemoryError

    with pytest.raises(MemoryError):
        build()
    assert not global_state.get_global_attribute("uninitialized_variables")
    with late_values():
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert layer.kernel.numpy().std() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"alpha": 10**30}, "`alpha` must be smaller: at most 100,000 are taken"),
        ({"alpha": math.nan}, "`alpha` must be a positive number"),
        ({"alpha": 90_000.0}, r"`classes`, `alpha`, `kernel_sizes` .*KERAZOO_MAX_PARAMETERS"),
        ({"kernel_sizes": [3, 10**6 + 1]}, "`kernel_sizes` must be smaller"),
        ({"kernel_sizes": 3.5}, "`kernel_sizes` must be an odd positive integer"),
    ],
)
def test_what_a_constructor_asks_for_is_bounded(arguments, words):
    """As a config.json of a stranger may ask."""
    with pytest.raises(ValueError, match=words):
        kerazoo.MobileNetV1(**SMALL, **arguments)


@pytest.mark.parametrize("value", [True, math.nan, math.inf, 0, -1, "1", None, []])
def test_widths_are_positive_numbers(value):
    with pytest.raises(ValueError, match="`alpha` must be a positive number"):
        check_alpha(value)
    if value is not None:
        with pytest.raises(ValueError, match="`kernel_sizes` must be"):
            depthwise_kernels(value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dropout_rate": False},
        {"dropout_rate": math.nan},
        {"batch_norm_epsilon": True},
        {"batch_norm_epsilon": math.inf},
        {"stem_strides": True},
        {"stem_strides": 2.0},
        {"output_stride": 16.0},
        {"pooling": ["avg"]},
        {"padding": np.array(["same", "symmetric"])},
        {"name": ""},
    ],
    ids=str,
)
def test_arguments_of_all_constructors(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        Arguments(**wrong).check()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LRASPP", {"backbone": 3}),
        ("LRASPP", {"width": 10**30}),
        ("DeepLabV3", {"backbone": None}),
        ("SSDLite", {"backbone_arguments": [3]}),
        ("SSDLite", {"rules": False}),
        ("SSD", {"rules": ""}),
    ],
)
def test_arguments_of_detectors_and_segmenters(name, arguments):
    given = {"backbone": "mobilenet_v1_025", **arguments}
    wrong = next(iter(arguments))
    with pytest.raises(ValueError, match=f"`{wrong}`"):
        getattr(kerazoo, name)(**SMALL, **given)


@pytest.mark.parametrize("wrong", ["", 3, [], {}, object(), np.zeros((20, 30)), True])
def test_what_is_drawn_on(wrong, detections, segments):
    for found in (detections, segments):
        with pytest.raises(ValueError, match="`picture` must be"):
            found.draw(wrong)


def test_drawn_on_whatever_stands_for_a_picture(detections, segments, tmp_path):
    array = np.zeros((20, 30, 3), "uint8")
    Image.fromarray(array).save(tmp_path / "a.png")
    for found in (detections, segments):
        drawn = [np.asarray(found.draw(p)) for p in (array, tmp_path / "a.png")]
        np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("wrong", [{}, {"a.png": 1}, np.array("a.png"), b"x", 3, None])
def test_what_is_no_list_of_pictures(wrong):
    with pytest.raises(ValueError, match="`pictures` must be"):
        listed(wrong)


@pytest.mark.parametrize("wrong", [10**30, 0, "3", True])
def test_channels_of_statistics(wrong):
    with pytest.raises(ValueError, match="`channels` must be"):
        kerazoo.Preprocessing().statistics(wrong)


def test_a_pipe_among_masks_is_not_waited_for(tmp_path):
    """In a process of its own, which can be ended."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.eye(8, dtype="uint8")).save(tmp_path / name / "0.png")
    assert masks_source(tmp_path).count == 1
    os.mkfifo(tmp_path / "classes.txt")
    code = "from kerazoo.data.masks.layouts import _is_list; from pathlib import Path\n"
    code += f"print(_is_list(Path({str(tmp_path / 'classes.txt')!r})))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16"])
def test_masks_are_turned_as_pictures_are(mode, tmp_path):
    """One that was square lay on its side, in silence."""
    values = np.arange(16).reshape(4, 4) % (2 if mode == "1" else 16)
    kinds = {"1": bool, "I;16": "uint16"}
    picture = Image.fromarray(values.astype(kinds.get(mode, "uint8")))
    if mode == "P":
        picture.putpalette([0] * 768)
    exif = Image.Exif()
    exif[274] = 6  # the first row is the right side
    picture.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_values(tmp_path / "a.png"), np.rot90(values, -1))


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "3", "{", "9" * 5000, "\xff"])
def test_what_is_no_record_of_a_run(text, tmp_path):
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"run.json` (is not readable JSON|holds)") as refused:
        read_run(tmp_path)
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5000, "1e999999", "{"])
def test_settings_that_no_parser_reads_are_text(value):
    for read in (setting, change):
        name, found = read(f"alpha={value}")
        assert name == "alpha"
        assert found == value or not np.isfinite(found)


def test_numbers_of_classes_that_are_too_long_are_names(tmp_path):
    (tmp_path / "classes.txt").write_text("9" * 5000 + " cat\n1 dog\n")
    assert read_classes(tmp_path / "classes.txt").classes[1] == "1 dog"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_parquet_files_that_were_damaged_name_themselves(kept, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    path = tmp_path / "a.parquet"
    rows = [np.random.default_rng(i).bytes(500) for i in range(40)]
    write_table(pyarrow.table({"bytes": rows}), path, use_dictionary=False)
    (part,) = divide(path, 100)
    data = bytearray(path.read_bytes())
    for at in range(4, int(kept * len(data)), 7):
        data[at] ^= 255
    path.write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.parquet.*no whole Parquet file"):
        list(pictures_of(part))
