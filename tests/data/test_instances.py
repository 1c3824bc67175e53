"""Masks drawn from the outlines of COCO's files, and those that TFDS has prepared."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.checking import check_data
from kerazoo.cli import main
from kerazoo.data.masks.instances import draw, read_instances
from kerazoo.data.masks.source import masks_source, masks_splits
from kerazoo.data.masks.values import turned
from kerazoo.data.open import open_source, split_names
from tests.pictures import write_rows

SIZE = (24, 32)  # height, width
COCO = pytest.importorskip("faster_coco_eval.core.mask")


def rectangle(x1, y1, x2, y2):
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def annotation(number, category, outline, picture=1, **more):
    box = {"bbox": [0, 0, 8, 8], "iscrowd": 0}
    facts = {"id": number, "image_id": picture, "category_id": category, "segmentation": outline}
    return {**box, **facts, **more}


def runs(mask):
    """Run lengths, column by column, as COCO's crowds have them."""
    flat = mask.T.ravel().astype(int)
    ends = [*np.flatnonzero(np.diff(flat)) + 1, len(flat)]
    lengths = np.diff([0, *ends]).tolist()
    return {"size": list(mask.shape), "counts": [0, *lengths] if flat[0] else lengths}


CROWD = np.zeros(SIZE, bool)
CROWD[:, :16] = True
ROWS = [
    annotation(1, 7, [rectangle(4, 4, 8, 8)]),  # smaller, given first
    annotation(2, 3, [rectangle(2, 2, 20, 20), rectangle(24, 2, 30, 6)]),
    annotation(3, 3, runs(CROWD), iscrowd=1),
    annotation(4, 7, [rectangle(1, 1, 3, 3)], picture=2),
]


def write(folder, rows=ROWS, size=SIZE, exif=None, categories=((3, "cat"), (7, "dog"))):
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir()
    images = []
    for number in (1, 2):
        picture = Image.new("RGB", size[::-1], (90, 40 * number, 40))
        data = picture.getexif()
        if exif:
            data[0x112] = exif
        picture.save(folder / f"train2017/{number}.jpg", exif=data)
        images.append(
            {"id": number, "file_name": f"{number}.jpg", "height": size[0], "width": size[1]}
        )
    named = [{"id": id, "name": name} for id, name in categories]
    content = {"images": images, "annotations": rows, "categories": named}
    (folder / "annotations/instances_train2017.json").write_text(json.dumps(content))
    return folder


def masks_in(source):
    decoded = [tf.io.decode_png(y["mask"], 1)[..., 0].numpy() for _, y in source.pictures]
    return {int(file[-5]): mask for file, mask in zip(source.files, decoded, strict=True)}


def test_the_smaller_object_lies_on_top_and_crowds_do_not_count(tmp_path):
    folder = write(tmp_path / "set")
    assert masks_splits(folder) == split_names(folder, task="segmentation") == ("train",)
    source = open_source(folder, "train", task="segmentation")
    assert (source.task, source.classes) == ("segmentation", ("background", "cat", "dog"))
    first = masks_in(source)[1]
    expected = np.zeros(SIZE, "uint8")
    expected[:, :16] = 255
    expected[2:20, 2:20] = 1
    expected[2:6, 24:30] = 1
    expected[4:8, 4:8] = 2
    np.testing.assert_array_equal(first, expected)
    assert open_source(folder, "train").task == "detection"  # where nobody says the task
    assert any("crowd" in str(each) for each in source.findings)
    file = folder / "annotations/instances_train2017.json"
    assert open_source(file, task="segmentation").count == 2
    assert masks_source(folder, "train[1.*]").count == 1


def test_outlines_of_every_kind(tmp_path):
    """Run lengths packed as text are those of the list; parts of two points are left out."""
    packed = COCO.encode(np.asfortranarray(CROWD.astype("uint8")))["counts"]
    text = {"size": list(SIZE), "counts": packed.decode() if isinstance(packed, bytes) else packed}
    rows = [
        annotation(1, 3, text),
        annotation(2, 7, [[1, 1, 5, 5], rectangle(20, 0, 99, 99)]),
        annotation(3, 7, [], picture=2, bbox=[4, 4, 6, 8]),
        annotation(4, 3, [rectangle(20, 2, 24, 6)], picture=2),
    ]
    source = masks_source(write(tmp_path / "set", rows), "train")
    masks = masks_in(source)
    np.testing.assert_array_equal(masks[1], np.where(CROWD, 1, 0) + 2 * (np.arange(32) >= 20))
    assert (masks[2][4:12, 4:10] == 255).all()
    assert (masks[2] == 255).sum() == 48
    told = " ".join(map(str, source.findings))
    assert "objects without an outline: 1, what is in their boxes does not count" in told
    assert "parts of outlines with fewer than three points: 1" in told


def test_masks_are_turned_as_their_pictures(tmp_path):
    """Annotated as stored, a mark in a corner ends where Pillow puts that corner."""
    from PIL import ImageOps

    stored = np.zeros(SIZE, "uint8")
    stored[:4, :10] = 1
    for orientation in range(1, 9):
        picture, buffer = Image.fromarray(stored), io.BytesIO()
        data = picture.getexif()
        data[0x112] = orientation
        picture.save(buffer, "PNG", exif=data)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
        np.testing.assert_array_equal(turned(stored, orientation), expected)
    rows = [annotation(1, 3, [rectangle(0, 0, 10, 4)])]
    lying = write(tmp_path / "lying", rows, exif=6)
    np.testing.assert_array_equal(masks_in(masks_source(lying, "train"))[1], turned(stored, 6))
    # Of a size that does not tell they are taken as upright, and that is said.
    mirrored = masks_source(write(tmp_path / "mirrored", rows, exif=2), "train")
    np.testing.assert_array_equal(masks_in(mirrored)[1], stored)
    assert any("taken as upright" in str(each) for each in mirrored.findings)


def test_pictures_of_another_size(tmp_path):
    folder = write(tmp_path / "set")
    Image.new("RGB", (9, 9)).save(folder / "train2017/2.jpg")
    with pytest.raises(ValueError, match="one that fits its annotations"):
        masks_source(folder, "train")
    assert masks_source(folder, "train", strict=False).count == 1
    report = check_data(folder, task="segmentation")
    assert any("pictures of another size than annotated: 1" in line for line in report.attention)


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ("x", "whose `segmentation` is polygons"),
        ([[1, 2, "a", 4, 5, 6]], "whose `segmentation` is polygons"),
        ([[1, 2, 3, 4, 5, 6, 7]], "whose `segmentation` is polygons"),
        ([[1, 2, float("nan"), 4, 5, 6]], "whose `segmentation` is polygons"),
        ({"size": [24, 32]}, "a `size` and `counts`"),
        ({"size": [24, 32], "counts": [5, -1]}, "a `size` and `counts`"),
        ({"size": [24, 32], "counts": [5, 10**9]}, "run lengths can be read"),
        ({"size": [24, 32], "counts": "zzzzzz"}, "run lengths can be read"),
        ({"size": [4, 4], "counts": [6, 10]}, "as its picture is"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "run lengths are of at most"),
        ([], "it has boxes alone, or nothing"),
    ],
)
def test_refusals_name_the_annotation(tmp_path, outline, message):
    folder = write(tmp_path / "set", [annotation(8, 3, outline)])
    with pytest.raises(ValueError, match=message) as error:
        masks_source(folder, "train")
    assert "annotation 8" in str(error.value) or not outline


def test_what_cocos_files_say_themselves(tmp_path):
    folder = write(tmp_path / "set", categories=((3, "background"), (7, "dog")))
    assert masks_source(folder, "train").classes == ("background", "dog")
    with pytest.raises(ValueError, match="`classes` must be left out"):
        masks_source(folder, "train", classes=["a", "b"])


def test_equal_to_cocos_own_masks(shared):
    """Every object of real pictures, where no other lies on it, is what pycocotools draws."""
    from pycocotools.coco import COCO as Reference  # noqa: N811

    file = shared / "coco_tiny/annotations/instances_val2017.json"
    found = read_instances(file)
    reference = Reference(str(file))
    by_name = {image["file_name"]: image["id"] for image in reference.imgs.values()}
    assert found.classes[:3] == ("background", "person", "bicycle")
    numbers = {c["id"]: found.classes.index(c["name"]) for c in reference.cats.values()}
    for each in found.pictures[::8]:
        annotations = reference.loadAnns(reference.getAnnIds(by_name[each.path.name]))
        expected = np.zeros(each.size, "uint8")
        for one in sorted(annotations, key=lambda a: (not a["iscrowd"], -a["area"])):
            number = 255 if one["iscrowd"] else numbers[one["category_id"]]
            expected[reference.annToMask(one) > 0] = number
        drawn = draw(each, 0)
        assert set(np.unique(drawn)) == set(np.unique(expected))
        assert (drawn != expected).mean() < 1e-3  # areas of one pixel's difference


tfds = pytest.importorskip("tensorflow_datasets")


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return io.BytesIO(buffer.getvalue())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The pets as TFDS stores them, and a set whose masks have names."""
    root = tmp_path_factory.mktemp("tfds")
    kinds = tfds.features
    picture, mask = kinds.Image(encoding_format="jpeg"), kinds.Image(shape=(None, None, 1))
    trimap = np.full((12, 16, 1), 2, "uint8")[..., 0]
    trimap[2:8, 2:8], trimap[4:6, 4:6] = 3, 1
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), (90, 80, 10)).save(buffer, "JPEG")
    row = {"image": io.BytesIO(buffer.getvalue()), "label": 1, "segmentation_mask": png(trimap)}
    features = {"image": picture, "label": kinds.ClassLabel(names=["cat", "dog"])}
    pets = {**features, "segmentation_mask": mask}
    write_rows(root, "oxford_iiit_pet", pets, {"test": [_fresh(row) for _ in range(2)]})
    write_rows(root, "unknown", pets, {"test": [_fresh(row)]})
    streets = {
        "image": picture,
        "segmentation_label": kinds.LabeledImage(
            labels=["a", "b", "c", "d"], shape=(None, None, 1)
        ),
    }
    street = {"image": row["image"], "segmentation_label": row["segmentation_mask"]}
    write_rows(root, "streets", streets, {"test": [_fresh(street)]})
    return root, trimap


def _fresh(row):
    return {k: io.BytesIO(v.getvalue()) if hasattr(v, "getvalue") else v for k, v in row.items()}


def test_pets_of_tfds(prepared):
    root, trimap = prepared
    source = open_source("oxford_iiit_pet", "test", data_dir=root, task="segmentation")
    assert (source.task, source.count) == ("segmentation", 2)
    assert source.classes == ("pet", "background")
    for _, target in source.pictures:
        mask = tf.io.decode_png(target["mask"], 1)[..., 0].numpy()
        np.testing.assert_array_equal(mask, np.array([0, 0, 1, 255], "uint8")[trimap])
    assert open_source("oxford_iiit_pet", "test", data_dir=root).task == "classification"


def test_names_of_values_are_the_sets_own_or_given(prepared):
    root, _ = prepared
    options = {"data_dir": root, "task": "segmentation"}
    assert open_source("streets", "test", data_dir=root).classes == ("a", "b", "c", "d")
    found = open_source("unknown", "test", **options)
    assert found.classes == ("class 1", "class 2", "class 3")
    given = open_source("unknown", "test", classes={1: "x", 2: "y"}, ignore=(3,), **options)
    assert given.classes == ("x", "y")
    with pytest.raises(ValueError, match="`fractions` must be left out"):
        open_source("unknown", "test", fractions={"train": 1.0}, **options)
    wrong = open_source("unknown", "test", classes={1: "x", 2: "y"}, **options)
    with pytest.raises(tf.errors.OpError, match="of the values 1, 2, 255; it has 3"):
        list(wrong.pictures)


def test_a_mask_of_another_size_than_its_picture(prepared, tmp_path):
    root, trimap = prepared
    from kerazoo.data.masks.prepared import prepared_masks

    source = open_source("oxford_iiit_pet", "test", data_dir=root)
    row = {"image": next(iter(source.pictures))[0], "m": tf.constant(png(trimap[:5]).getvalue())}
    rows = tf.data.Dataset.from_tensors(row)
    broken = prepared_masks("x", "test", None, "m", rows, 1, classes={1: "a", 2: "b", 3: "c"})
    with pytest.raises(tf.errors.OpError, match="of 16 x 12 pixels, as its picture is stored"):
        list(broken.pictures)


def test_check_looks_at_either(prepared, tmp_path, capsys):
    root, _ = prepared
    options = ["--data-dir", str(root), "--task", "segmentation"]
    assert main(["check", "oxford_iiit_pet", *options]) == 0
    assert "for segmentation" in (printed := capsys.readouterr().out)
    assert "background" in printed
    folder = write(tmp_path / "set")
    main(["check", str(folder), "--task", "segmentation"])
    assert "COCO, for segmentation" in (printed := capsys.readouterr().out)
    assert "dog" in printed
    assert main(["check", str(folder), "--task", "classification"]) == 2
    assert "`task` must be" in capsys.readouterr().err
