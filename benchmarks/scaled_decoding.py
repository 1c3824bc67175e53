"""What decoding large JPEGs at a fraction of their size saves, and what it does to answers.

    python benchmarks/scaled_decoding.py --shared ../shared [--pictures 500] [--megapixels 12]

Real ImageNet pictures are enlarged (Lanczos) to the pixels of a phone's photograph and saved as
JPEGs of quality 92; MobileNetV2 names them with every pixel decoded, as `kerazoo.predict` does, and
with `exact=False`. Printed: top-1 and top-5 of both, how many first answers differ, how far scores
move, and milliseconds a picture to read and prepare on one thread (both in turn, one run).
"""

import argparse
import io
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image

import kerazoo
from kerazoo.data.tfds import tfds_source
from kerazoo.predictor import Predictor

BATCH = 20


def photograph(data: bytes, megapixels: float) -> bytes:
    """The picture as a JPEG of so many pixels."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    factor = (1e6 * megapixels / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * factor), round(picture.height * factor)
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--megapixels", type=float, default=12)
    args = parser.parse_args()
    weights = args.shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    predictor = Predictor.of_model(kerazoo.MobileNetV2(weights=str(weights)))
    source = tfds_source("imagenet2012", "validation", data_dir=args.shared / "tfds")
    scores: dict[bool, list] = {True: [], False: []}
    seconds: dict[bool, list] = {True: [], False: []}
    arrays: dict[bool, list] = {True: [], False: []}
    labels = []
    for data, label in source.pictures.take(args.pictures).as_numpy_iterator():
        jpeg = photograph(data, args.megapixels)
        labels.append(int(label))
        for exact in (True, False):
            predictor.exact = exact
            start = time.perf_counter()
            arrays[exact].append(predictor._read(jpeg)[1])
            seconds[exact].append(time.perf_counter() - start)
        if len(labels) % BATCH == 0 or len(labels) == args.pictures:
            for exact, batch in arrays.items():
                scores[exact] += list(predictor(np.stack(batch)))
                batch.clear()
    print(report(np.array(labels), {k: np.array(v) for k, v in scores.items()}, seconds))


def report(labels, scores, seconds) -> str:
    lines = ["| decoded | top-1 | top-5 | ms a picture |", "|---|---:|---:|---:|"]
    for exact, name in ((True, "every pixel"), (False, "at least twice the target")):
        ranked = np.argsort(-scores[exact], axis=-1)
        hits = ranked == labels[:, None]
        top1, top5 = (100 * hits[:, :k].any(1).mean() for k in (1, 5))
        ms = 1e3 * statistics.median(seconds[exact])
        lines.append(f"| {name} | {top1:.2f} | {top5:.2f} | {ms:.1f} |")
    first = [found.argmax(-1) for found in scores.values()]
    apart = np.abs(scores[True] - scores[False]).max(-1)
    differ = int((first[0] != first[1]).sum())
    lines.append(
        f"\n{len(labels)} pictures: {differ} first answers differ; the largest change of a score "
        f"is {apart.max():.4f}, {apart.mean():.4f} in the mean of pictures."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
