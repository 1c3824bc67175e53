"""One CIFAR-10 classifier made small in every way there is: size, accuracy, latency.

    python benchmarks/quantise.py --shared ../shared --model mixnet_s
    python benchmarks/quantise.py --model mobilenet_v2 --weights weights/mobilenet_v2_cifar10

Ranges are found with 300 training pictures in all cases. The network goes on learning for --steps
batches where it is trained. Latency: one picture, all forms in turn in this process, median.
"""

import argparse
import contextlib
import dataclasses
import gzip
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import kerazoo
from kerazoo._machine import installed_versions
from kerazoo.benchmark.machine import describe_machine
from kerazoo.benchmark.timing import round_robin, summary
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting.calibration import without_outliers
from kerazoo.inference import inference_function, picture_preprocessing
from kerazoo.open import find
from kerazoo.optimize import cluster, fine_tune, prune, quantize_aware
from kerazoo.optimize.bridge import copied_model
from kerazoo.optimize.run import PACKAGES, SETTLING, tuning_recipe
from kerazoo.training.inputs import fit_batches, load_inputs, open_inputs

BATCH = 50
HEADER = ("form", "MB", "MB in gzip", "top-1 (%)", "ms", "remark")


def top1(run: Callable[[np.ndarray], np.ndarray], batches: Iterable) -> float:
    """Percent of the pictures whose best score is the right one.

    Args:
        run: `(batch, height, width, channels)` to scores `(batch, classes)`.
        batches: Of `(pictures, class numbers)`.
    """
    right = [np.asarray(run(np.asarray(x))).argmax(-1) == np.asarray(y) for x, y in batches]
    return 100 * float(np.mean(np.concatenate(right)))


class Forms:
    """The forms of one network; each is a file, and a function from pictures to scores.

    Args:
        model: The classifier.
        args: Of the command line.
        folder: For the files.
    """

    def __init__(self, model, args, folder: Path):
        self.model, self.args, self.folder = model, args, folder
        recipe = tuning_recipe(
            model, "cifar10", "train", "test", batch_size=args.batch_size, epochs=1
        )
        self.inputs = load_inputs(recipe, open_inputs(recipe, args.shared / "tfds"))
        self.batches = fit_batches(recipe, self.inputs).batches
        # Shuffled pictures of the training set, as the network is given them.
        pictures = evaluation_batches(self.inputs.train, picture_preprocessing(model), 300, 300)
        self.calibration = np.concatenate([x.numpy() for x, _ in pictures])
        self.rows: dict[str, tuple] = {}

    def add(self, name: str, path: Path, run=None, remark: str = "") -> None:
        """Notes a form; `run` by default is the file's runtime, on one thread."""
        self.rows[name] = (path, run or Runner(path, threads=1), remark)
        print(f"made: {name}", flush=True)

    def plain(self) -> None:
        path = self.folder / "float32.keras"
        self.model.save(path)
        self.add("Keras float32", path, inference_function(self.model))

    def exported(self) -> None:
        for name, file, format, precision in (
            ("LiteRT float32", "float32.tflite", "litert", "float32"),
            ("LiteRT int8, `kerazoo export`", "int8.tflite", "litert", "int8"),
            ("OpenVINO float32", "float32.xml", "openvino", "float32"),
            ("OpenVINO int8, NNCF", "int8.xml", "openvino", "int8"),
        ):
            given = self.calibration if precision == "int8" else None
            path = export(
                self.model, self.folder / file, format, precision=precision, representative=given
            )
            self.add(name, path)

    def edge(self) -> None:
        """ai-edge-quantizer on the float LiteRT file."""
        from ai_edge_quantizer import quantizer, recipe

        source = str(self.folder / "float32.tflite")
        kept = without_outliers(self.model, self.calibration)
        for title, chosen, pictures in (
            ("dynamic", recipe.dynamic_wi8_afp32(), None),
            ("static", recipe.static_wi8_ai8(), self.calibration),
            ("static, without outliers", recipe.static_wi8_ai8(), kept),
        ):
            path = self.folder / f"edge_{len(self.rows)}.tflite"
            with quiet():
                tool = quantizer.Quantizer(source, chosen)
                samples = [] if pictures is None else [{"image": x[None]} for x in pictures]
                ranges = tool.calibrate({"serving_default": samples}) if samples else None
                tool.quantize(ranges).export_model(path)
            self.add(f"LiteRT int8, ai-edge-quantizer {title}", path)

    def keras(self) -> None:
        copy = copied_model(self.model)
        with quiet():
            copy.quantize("int8")
        path = self.folder / "int8.keras"
        copy.save(path)
        done = [x.name for x in copy.layers if getattr(x, "quantization_mode", None)]
        remark = f"layers in int8: {', '.join(done) or 'none'}"
        self.add('Keras `quantize("int8")`', path, inference_function(copy), remark)

    def aware(self) -> None:
        made = quantize_aware(self.model, self.calibration)
        for steps in sorted({0, self.args.steps}):
            fine_tune(made.model, self.batches, steps, learning_rate=self.args.qat_rate)
            path = self.folder / f"aware_{steps}.tflite"
            report = made.to_litert(path)
            remark = f"in float: {', '.join(report['float_layers']) or 'nothing'}"
            self.add(f"LiteRT int8, quantisation-aware, {steps} steps", path, None, remark)

    def compressed(self) -> None:
        for name, made in (
            ("pruned 50 %", lambda: prune(self.model, 0.5, steps=self.args.compress_steps)),
            ("16 clusters", lambda: cluster(self.model, 16)),
        ):
            made = made()
            fine_tune(
                made.model,
                self.batches,
                self.args.compress_steps,
                learning_rate=self.args.learning_rate,
                callbacks=made.callbacks,
            )
            network, kernels = made.finish(self.batches.take(SETTLING))
            values = f"{min(kernels.values()):.4g} to {max(kernels.values()):.4g}"
            what = "zeros in a kernel" if "pruned" in name else "values in a kernel"
            remark = f"{self.args.compress_steps} steps; {what}: {values}"
            path = self.folder / f"{name.split()[0]}.tflite"
            export(network, path, "litert")
            self.add(f"LiteRT float32, {name}", path, None, remark)

    def measured(self) -> list[dict]:
        """All forms, timed in turn, on the same pictures."""
        test = self.inputs.test
        count = min(self.args.pictures, test.count)
        pictures = evaluation_batches(test, picture_preprocessing(self.model), BATCH, count)
        pictures = [(x.numpy(), y.numpy()) for x, y in pictures]
        one = pictures[0][0][:1]
        rows = [
            {
                "form": name,
                "bytes": size(path),
                "gzip_bytes": size(path, gzip.compress),
                "top1": round(top1(run, pictures), 2),
                "pictures": count,
                "remark": remark,
            }
            for name, (path, run, remark) in self.rows.items()
        ]
        runs = {name: lambda run=run: run(one) for name, (_, run, _) in self.rows.items()}
        times = round_robin(runs, self.args.rounds)
        return [row | {"latency": summary(times[row["form"]], 1)} for row in rows]


@contextlib.contextmanager
def quiet():
    """Without the bars and the many warnings of others."""
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def size(path: Path, pack=bytes) -> int:
    """Bytes of a file, and of the weights beside an OpenVINO one."""
    files = [path, *([path.with_suffix(".bin")] if path.suffix == ".xml" else [])]
    return sum(len(pack(file.read_bytes())) for file in files)


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [HEADER, ("---", "---:", "---:", "---:", "---:", "---")]
    lines += [
        (
            row["form"],
            f"{row['bytes'] / 1e6:.2f}",
            f"{row['gzip_bytes'] / 1e6:.2f}",
            f"{row['top1']:.2f}",
            f"{row['latency']['median_ms']:.2f}",
            row["remark"],
        )
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def load(args):
    """The classifier."""
    constructor = {"mixnet_s": kerazoo.MixNetS, "mobilenet_v2": kerazoo.MobileNetV2}[args.model]
    if args.weights == "random":
        keras.utils.set_random_seed(0)
        model = constructor(weights=None, input_shape=(32, 32, 3), classes=10)
        record = kerazoo.MixNetS(weights="cifar10").info.preprocessing
        model.info = dataclasses.replace(model.info, preprocessing=record)
        return model
    if Path(args.weights).is_dir():  # weights/*, a run of `kerazoo finetune`
        start = find(args.weights)
        arguments = json.loads((Path(args.weights) / "config.json").read_text())["arguments"]
        model = kerazoo.create_model(start.model, weights=start.weights, **arguments)
        model.info = dataclasses.replace(model.info, preprocessing=start.preprocessing)
        return model
    return constructor(weights=args.weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="real data")
    parser.add_argument("--model", choices=("mixnet_s", "mobilenet_v2"), default="mixnet_s")
    parser.add_argument(
        "--weights",
        default="cifar10",
        help="registered weights, a folder such as weights/*, or random",
    )
    parser.add_argument("--pictures", type=int, default=2000, help="of the test set (2000)")
    parser.add_argument(
        "--steps", type=int, default=100, help="of quantisation-aware training (100)"
    )
    parser.add_argument("--qat-rate", type=float, default=1e-5, help="learning rate (1e-5)")
    parser.add_argument(
        "--compress-steps", type=int, default=600, help="of training for pruning, clusters (600)"
    )
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="of these (5e-4)")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=30, help="visits of two timed runs (30)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the forms")
    parser.add_argument("--output", type=Path, help="folder for quantise_MODEL.md and .json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        forms = Forms(load(args), args, Path(folder))
        for part in PARTS:
            if part in args.only:
                getattr(forms, part)()
        rows = forms.measured()
    text = table(rows)
    print(text)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
        record = {"arguments": settings, "rows": rows, "machine": describe_machine()}
        record["versions"] = installed_versions([*PACKAGES, *MORE])
        name = f"quantise_{args.model}"
        (args.output / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        (args.output / f"{name}.md").write_text(text + "\n")


PARTS = ["plain", "exported", "edge", "keras", "aware", "compressed"]
MORE = ("ai-edge-litert", "ai-edge-quantizer", "openvino", "nncf")

if __name__ == "__main__":
    main()
