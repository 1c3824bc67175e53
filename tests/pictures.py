"""Pictures that every clone has: drawn from a seed, or scikit-image's photographs.

Tests that need pictures, and not these or those pictures, take them from here. `stand_ins` writes
data sets as TFDS keeps them under the names, classes and shapes of CIFAR-10 and ImageNet, so that
recipes and commands that name those can run; what is learned from them says nothing of the real
ones.
"""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from kerazoo.labels import label_names

# Of scikit-image's package data: NASA's and SpaceX's are in the public domain, the others CC0.
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
KINDS = 10  # of drawn pictures


def drawn(kind: int, rng: np.random.Generator, height: int = 32, width: int = 32) -> np.ndarray:
    """A shape or a pattern of one of ten kinds, uint8 `(height, width, 3)`.

    Place, size, both colours and the noise are the generator's; nothing but the form tells the
    kinds apart.
    """
    radius = rng.uniform(0.3, 0.45) * min(height, width)
    y, x = np.mgrid[:height, :width]
    u = (x - width * rng.uniform(0.4, 0.6)) / radius
    v = (y - height * rng.uniform(0.4, 0.6)) / radius
    far = np.hypot(u, v)
    form = (
        far < 1,  # disc
        np.maximum(abs(u), abs(v)) < 0.85,  # square
        (v < 0.8) & (v > 2 * abs(u) - 0.9),  # triangle
        (far > 0.6) & (far < 1),  # ring
        ((abs(u) < 0.3) | (abs(v) < 0.3)) & (far < 1),  # cross
        np.sin(6 * v) > 0,  # lines across
        np.sin(6 * u) > 0,  # lines down
        np.sin(4 * (u + v)) > 0,  # slanted lines
        np.sin(5 * u) * np.sin(5 * v) > 0,  # chequers
        (np.sin(6 * u) > 0.3) & (np.sin(6 * v) > 0.3),  # dots
    )[kind]
    ground = rng.uniform(0, 255, 3)
    # Each channel of the form differs by 80 or more, to the side where there is room.
    ink = ground + np.where(ground > 127, -1, 1) * rng.uniform(80, 128, 3)
    picture = np.where(form[..., None], ink, ground) + rng.normal(0, 8, (height, width, 3))
    return picture.clip(0, 255).astype("uint8")


@cache
def photograph(name: str) -> Image.Image:
    """One of `PHOTOGRAPHS`; scikit-image is among the packages of `kerazoo[dev]`."""
    import skimage

    with Image.open(Path(skimage.__file__).parent / "data" / name) as file:
        return file.convert("RGB")


def photographs(count: int, seed: int = 0) -> list[Image.Image]:
    """That many pictures of different sizes: windows of the photographs, scaled a little."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        whole = photograph(PHOTOGRAPHS[i % len(PHOTOGRAPHS)])
        width, height = (int(rng.uniform(0.5, 0.9) * side) for side in whole.size)
        left, top = (
            int(rng.uniform(0, a - b)) for a, b in zip(whole.size, (width, height), strict=True)
        )
        window = whole.crop((left, top, left + width, top + height))
        scale = rng.uniform(240, 400) / max(window.size)
        found.append(window.resize([round(scale * side) for side in window.size]))
    return found


def jpeg(picture: Image.Image | np.ndarray, quality: int = 92) -> bytes:
    file = io.BytesIO()
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def drawn_set(count: int, seed: int) -> Iterator[tuple[bytes, int]]:
    """JPEG bytes of 32x32 pictures and their kinds, all kinds alike often, in mixed order."""
    rng = np.random.default_rng(seed)
    for kind in rng.permutation(np.arange(count) % KINDS):
        yield jpeg(drawn(int(kind), rng)), int(kind)


def write_tfds(folder: Path, name: str, classes, splits, *, shape=(None, None, 3), shards=4):
    """Writes `{split: pairs of JPEG bytes and label}` as TFDS would, into `folder/name/1.0.0`."""
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=shape, encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(names=list(classes)),
    }
    rows = {
        split: [{"image": io.BytesIO(data), "label": label} for data, label in pairs]
        for split, pairs in splits.items()
    }
    write_rows(folder, name, features, rows, shards)


def write_rows(folder: Path, name: str, features, splits, shards=1):
    """Writes `{split: rows}` of these features as TFDS would, into `folder/name/1.0.0`."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(features)
    place = folder / name / "1.0.0"
    place.mkdir(parents=True)
    identity = tfds.core.DatasetIdentity(
        name=name.partition("/")[0],
        version=tfds.core.Version("1.0.0"),
        data_dir=str(place),
        module_name=__name__,
    )
    info = tfds.core.DatasetInfo(builder=identity, features=features)
    for split, rows in splits.items():
        writer = tfds.core.SequentialWriter(info, -(-len(rows) // shards), overwrite=False)
        writer.initialize_splits([split])
        writer.add_examples({split: rows})
        writer.close_all()


def stand_ins(folder: Path) -> Path:
    """TFDS sets called `cifar10` (drawn, 600 + 400) and `imagenet2012` (photographs, 60)."""
    cifar = {"train": drawn_set(600, seed=1), "test": drawn_set(400, seed=2)}
    write_tfds(folder, "cifar10", label_names("cifar10"), cifar, shape=(32, 32, 3))
    # Even classes, as of a set in which not all of the 1000 occur.
    rows = [(jpeg(picture), 2 * i) for i, picture in enumerate(photographs(60))]
    classes = [f"n{i:08d}" for i in range(1000)]
    write_tfds(folder, "imagenet2012", classes, {"validation": rows}, shards=2)
    return folder
