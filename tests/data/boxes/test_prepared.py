"""`coco/2017` and `voc` of TFDS: their features, in a set of three pictures."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.open import open_source
from kerazoo.data.pipeline import evaluation_batches, training_data
from kerazoo.preprocessing import Preprocessing
from tests.pictures import write_rows

tfds = pytest.importorskip("tensorflow_datasets")

SIZES = [(40, 60), (50, 30), (64, 64)]
# ymin, xmin, ymax, xmax as shares of the picture.
BOXES = [
    [(0.25, 0.5, 0.75, 1.0), (0.0, 0.0, 0.5, 0.5)],
    [],
    [(0.1, 0.2, 0.1, 0.9), (0.25, 0.25, 0.5, 0.75)],  # the first has no area
]
LABELS = [[1, 0], [], [0, 2]]
ODD = [[False, True], [], [False, False]]


def encoded(size, form):
    buffer = io.BytesIO()
    Image.new("RGB", size[::-1], (90, 120, 40)).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Both sets as TFDS stores them, `objects` with COCO's and with VOC's features."""
    root = tmp_path_factory.mktemp("tfds")
    features = tfds.features
    label = features.ClassLabel(names=["cat", "dog", "bird"])
    common = {"bbox": features.BBoxFeature(), "label": label}
    kinds = {
        "coco/2017": {**common, "is_crowd": np.bool_, "area": np.int64},
        "voc/2007": {**common, "is_difficult": np.bool_, "is_truncated": np.bool_},
    }
    for name, objects in kinds.items():
        rows = [_row(number, objects) for number in range(3)]
        given = {"image": features.Image(), "objects": features.Sequence(objects)}
        write_rows(root, name, given, {"validation": rows})
    return root


def _row(number, objects):
    boxes = [tfds.features.BBox(*box) for box in BOXES[number]]
    values = {
        "bbox": boxes,
        "label": LABELS[number],
        "is_crowd": ODD[number],
        "is_difficult": ODD[number],
        "is_truncated": [True] * len(boxes),
        "area": [77] * len(boxes),
    }
    picture = encoded(SIZES[number], "JPEG" if number else "PNG")
    return {"image": io.BytesIO(picture), "objects": {key: values[key] for key in objects}}


@pytest.mark.parametrize(("name", "area"), [("coco/2017", 77.0), ("voc/2007", 20.0 * 30.0)])
def test_boxes_are_in_pixels(prepared, name, area):
    source = open_source(name, data_dir=prepared, purpose="evaluate")
    assert (source.task, source.count, source.split) == ("detection", 3, "validation")
    assert source.classes == ("cat", "dog", "bird")
    targets = {tuple(t["size"].numpy()): t for _, t in source.pictures}
    assert set(targets) == set(SIZES)
    first = {key: value.numpy() for key, value in targets[40, 60].items()}
    np.testing.assert_allclose(first["boxes"][:2], [[30, 10, 60, 30], [0, 0, 30, 20]], atol=1e-4)
    assert first["classes"][:3].tolist() == [1, 0, -1]
    assert first["crowd"][:3].tolist() == [False, True, False]
    assert first["areas"][0] == pytest.approx(area)
    assert (targets[50, 30]["classes"].numpy() == -1).all()
    last = targets[64, 64]
    assert last["classes"].numpy()[:2].tolist() == [2, -1]
    np.testing.assert_allclose(last["boxes"].numpy()[0], [16, 16, 48, 32], atol=1e-4)


def test_batches_for_training_and_evaluation(prepared):
    source = open_source("coco/2017", data_dir=prepared, purpose="evaluate")
    size = Preprocessing(size=(32, 32), fit="stretch")
    ((pictures, targets),) = evaluation_batches(source, size, 3)
    assert pictures.shape == (3, 32, 32, 3)
    assert targets["boxes"].shape[0] == 3
    data = training_data(source, size, batch_size=3, shuffle_buffer=3)
    _, moved = next(iter(data.batches))
    assert float(tf.reduce_max(moved["boxes"])) <= 32


def test_more_boxes_than_there_is_room_for_are_an_error():
    from kerazoo.data.boxes import prepared as module

    row = {
        "image": tf.constant(encoded((8, 8), "PNG")),
        "objects": {
            "bbox": tf.tile([[0.1, 0.1, 0.5, 0.5]], (module.MOST + 1, 1)),
            "label": tf.zeros(module.MOST + 1, tf.int64),
        },
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match="Too many boxes in a picture"):
        module._row(row)


def test_names_that_are_there(prepared):
    with pytest.raises(ValueError, match=r"Unknown `name`\. Did you mean 'coco/2017'"):
        open_source("coco/2014", "validation", data_dir=prepared)
