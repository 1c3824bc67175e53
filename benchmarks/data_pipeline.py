"""Training pictures per second and core: kerazoo.data beside a loader in the manner of torchvision.

    python benchmarks/data_pipeline.py --data-dir ../shared/tfds [--rounds 5] [--pictures 192]

Both take the same JPEGs from memory to normalised 224-pixel float32 batches: random resized crop,
bilinear with antialiasing, flip. The other loader is what a torchvision `Dataset` does for each
picture, with Pillow alone. Both run on one core, in turns, so that what else the machine does hits
both; the rate is pictures per second of processor time, the median of the rounds. "larger" is the
same pictures scaled to a short side of 375 pixels, which is what ImageNet's are like.
"""

import argparse
import io
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image

from kerazoo.data.augmentation import Augmentation
from kerazoo.data.pipeline import training_data
from kerazoo.data.source import Source
from kerazoo.data.tfds import tfds_source
from kerazoo.preprocessing import Preprocessing

SHAPE = Preprocessing(interpolation="bilinear")
BATCH = 32


def larger(data: bytes, side: int = 375) -> bytes:
    image = Image.open(io.BytesIO(data))
    image = image.convert("RGB")
    scale = side / min(image.size)
    size = tuple(round(s * scale) for s in image.size)
    out = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=92)
    return out.getvalue()


def in_memory(pictures: list[bytes]) -> Source:
    x = tf.constant(pictures)

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(x, index), tf.zeros((), tf.int64)

    rows = tf.data.Dataset.range(len(pictures)).map(fetch)
    return Source("jpegs", "all", "classification", ("one",), len(pictures), rows, fetch=fetch)


def window(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """torchvision's RandomResizedCrop, as a Pillow box."""
    area = width * height
    for _ in range(10):
        target = area * rng.uniform(0.08, 1.0)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
            return left, top, left + w, top + h
    return 0, 0, width, height


def pillow_batches(pictures: list[bytes]) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    mean, std = (np.array(v, "float32") for v in (SHAPE.mean, SHAPE.std))
    while True:
        batch = []
        for i in rng.integers(0, len(pictures), BATCH):
            image = Image.open(io.BytesIO(pictures[i])).convert("RGB")
            image = image.crop(window(*image.size, rng))
            image = image.resize(SHAPE.size[::-1], Image.Resampling.BILINEAR)
            if rng.random() < 0.5:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            batch.append((np.asarray(image, "float32") / 255 - mean) / std)
        yield np.stack(batch)


def kerazoo_batches(pictures: list[bytes], **changes: object) -> Iterator[object]:
    record = Augmentation(**changes)
    data = training_data(in_memory(pictures), SHAPE, record, batch_size=BATCH, parallel=1)
    return iter(data.batches)


def settle() -> None:
    """Waits until prefetching has filled its buffers, so that nobody pays for another's work."""
    quiet, before = 0, time.process_time()
    while quiet < 4:  # on a busy machine a single quiet spell may be a wait for the processor
        time.sleep(0.1)
        now = time.process_time()
        quiet = quiet + 1 if now - before < 0.002 else 0
        before = now


def rate(batches: Iterator[object], count: int) -> float:
    """Pictures per second of processor time, from full buffers to full buffers."""
    settle()
    cpu = time.process_time()
    for _ in range(count // BATCH):
        next(batches)
    settle()
    return count // BATCH * BATCH / (time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="TFDS folder with imagenet2012")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=192, help="in a round")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    source = tfds_source("imagenet2012", "validation[:128]", data_dir=args.data_dir)
    small = [data.numpy() for data, _ in source.pictures]
    sets: dict[str, list[bytes]] = {"as stored": small, "larger": [larger(d) for d in small]}
    loaders: dict[str, Callable] = {
        "Pillow, one process": pillow_batches,
        "kerazoo.data": kerazoo_batches,
        "kerazoo.data, RandAugment 2": lambda p: kerazoo_batches(p, rand_augment=2),
    }
    print("| Pictures | Loader | Pictures per CPU second |\n|---|---|---|")
    for kind, pictures in sets.items():
        running = {name: make(pictures) for name, make in loaders.items()}
        found: dict[str, list] = {name: [] for name in running}
        for turn in range(args.rounds + 1):
            for name, batches in running.items():
                measured = rate(batches, args.pictures)
                if turn:  # the first is for starting up
                    found[name].append(measured)
        for name, rates in found.items():
            print(f"| {kind} | {name} | {statistics.median(rates):.0f} |", flush=True)


if __name__ == "__main__":
    main()
