"""Where a detector's time goes: reading the picture, the network, and finding boxes.

    python benchmarks/detection.py --shared ../shared [--rounds 10] [--torch]

Real pictures of `coco_tiny`, one at a time. For each runtime the network alone, and the network
with decoding of boxes and suppression in the same graph, at a threshold of 0.25; what the latter
costs is the difference, in percent of the network. The Runner finds boxes with NumPy instead.

* `ssd_mobilenet_v1_coco` (comes with the package) and `ssdlite_mobilenet_v2_voc` are trained: their
  suppression has as much to do as it has in use.
* `ssdlite320_mobilenet_v3_large` has random weights, for its time beside torchvision's (`--torch`:
  eager, compiled, and through OpenVINO, all in this run); nothing is found by it. What that needs
  stands in `benchmarks/segmentation.py`.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import kerazoo
from kerazoo._machine import cores
from kerazoo.benchmark.report import table
from kerazoo.benchmark.timing import round_robin
from kerazoo.deploy import Runner, export
from kerazoo.deploy.runtimes import open_runtime
from kerazoo.open import open_model
from kerazoo.pictures import open_picture

sys.path.append(str(Path(__file__).parents[1]))
from tools.voc_detector import PREPARED, build

THRESHOLD = 0.25


def coco(shared: Path) -> Any:
    return open_model("detection")


def voc(shared: Path) -> Any:
    return build(str(shared / "weights/seg_det/ssdlite_mobilenet_v2_voc_int8.npz"))


def mobilenet_v3(shared: Path) -> Any:
    return kerazoo.SSDLite320MobileNetV3Large(weights=None)


CASES: dict[str, Callable] = {
    "ssd_mobilenet_v1_coco": coco,
    "ssdlite_mobilenet_v2_voc": voc,
    "ssdlite320_mobilenet_v3_large": mobilenet_v3,
}


def turns(run: Callable[[Any], Any], inputs: list[Any]) -> Callable[[], Any]:
    """Calls `run` with the inputs, one after the other."""
    rest: Iterator[Any] = itertools.cycle(inputs)
    return lambda: run(next(rest))


def runs_of(model: Any, folder: Path, pictures: list[Path]) -> dict[tuple[str, str], Callable]:
    """(runtime, what) -> a call."""
    record = model.info.preprocessing or PREPARED.with_size(model.input_shape[1:3])
    prepared = [record.from_pil(open_picture(path))[None] for path in pictures]
    how = {"preprocessing": record, "threshold": THRESHOLD}
    runs: dict[tuple[str, str], Callable] = {
        ("Pillow", "read"): turns(lambda path: record.from_pil(open_picture(path)), pictures)
    }
    path = export(model, folder / "served", "savedmodel", **how)
    runs |= tensorflow(path, prepared)
    path = export(model, folder / "net.xml", "openvino", preprocessing=record)
    runner = Runner(path)
    runs["OpenVINO", "network"] = turns(runner.outputs, prepared)
    outputs = [runner.outputs(x) for x in prepared]
    find = runner.task.decode
    runs["NumPy", "boxes"] = turns(
        lambda each: find(each, runner.record, threshold=THRESHOLD), outputs
    )
    path = export(model, folder / "net.tflite", "litert", **how)
    runs |= litert(path, prepared)
    path = export(model, folder / "net.onnx", "onnx", **how)
    runs |= onnx(path, prepared)
    return runs


def tensorflow(path: Path, prepared: list[Any]) -> dict[tuple[str, str], Callable]:
    import tensorflow as tf

    loaded, tensors = tf.saved_model.load(str(path)), [tf.constant(x) for x in prepared]
    raw, whole = loaded.signatures["raw"], loaded.signatures["serving_default"]
    return {
        ("TensorFlow", "network"): turns(lambda x: (loaded, raw(image=x)), tensors),
        ("TensorFlow", "with boxes"): turns(lambda x: whole(image=x), tensors),
    }


def litert(path: Path, prepared: list[Any]) -> dict[tuple[str, str], Callable]:
    from ai_edge_litert.interpreter import Interpreter

    found = {}
    for what, signature in (("network", "raw"), ("with boxes", "detect")):
        interpreter = Interpreter(str(path), num_threads=cores())
        run = interpreter.get_signature_runner(signature)
        found["LiteRT", what] = turns(lambda x, run=run: run(image=x), prepared)
    return found


def onnx(path: Path, prepared: list[Any]) -> dict[tuple[str, str], Callable]:
    network = open_runtime("onnx", path)
    session = network._session
    names = ["boxes", "scores", "classes", "count"]
    return {
        ("ONNX Runtime", "network"): turns(network, prepared),
        ("ONNX Runtime", "with boxes"): turns(lambda x: session.run(names, {"image": x}), prepared),
    }


def torchvision(folder: Path, compile: bool) -> dict[tuple[str, str], Callable]:
    """torchvision's SSDLite320 with random weights: the whole model, and its network alone."""
    import torch
    from _torchvision import eager_and_compiled, import_torchvision, through_openvino

    library, with_operators = import_torchvision()
    torch.set_num_threads(cores())
    make = library.models.detection.ssdlite320_mobilenet_v3_large
    model = make(weights=None, weights_backbone=None).eval()

    class Network(torch.nn.Module):
        """From pictures to codes and logits."""

        def __init__(self):
            super().__init__()
            self.backbone, self.head = model.backbone, model.head

        def forward(self, x):
            found = self.head(list(self.backbone(x).values()))
            return found["bbox_regression"], found["cls_logits"]

    x = torch.rand(1, 3, 320, 320)
    network = Network().eval()
    runs: dict[tuple[str, str], Callable] = {
        (f"torchvision, {title}", "network"): run
        for title, run in eager_and_compiled(network, x, compile).items()
    }
    if with_operators:

        def whole() -> Any:
            with torch.inference_mode():
                return model([x[0]])

        runs["torchvision, eager", "with boxes"] = whole
    else:
        print("torchvision's own suppression is left out: its operators are not for this PyTorch")
    path, array = folder / "torchvision.xml", x.numpy()
    through_openvino(network, x, path)
    converted = open_runtime("openvino", path, cores(), tuple(x.shape))
    runs["torchvision, OpenVINO", "network"] = lambda: converted(array)
    return runs


def rows(name: str, times: dict[tuple[str, str], list[float]]) -> list[tuple[str, ...]]:
    middle = {key: 1e3 * statistics.median(seconds) for key, seconds in times.items()}
    found = []
    for (runtime, what), ms in middle.items():
        share = ""
        if what == "with boxes":
            alone = middle[runtime, "network"]
            share = f"{100 * (ms - alone) / alone:.0f} %"
        found.append((name, runtime, what, f"{ms:.2f}", share))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--shared", type=Path, required=True, help="folder of weights and pictures")
    parser.add_argument("--rounds", type=int, default=10, help="visits to each")
    parser.add_argument("--torch", action="store_true", help="torchvision's too, where it is there")
    parser.add_argument("--no-compile", action="store_true", help="torchvision's not compiled")
    parser.add_argument("--pictures", type=int, default=8, help="that are taken in turns")
    args = parser.parse_args(argv)
    pictures = sorted((args.shared / "coco_tiny/val2017").iterdir())[: args.pictures]
    found = []
    for name in args.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            runs = runs_of(CASES[name](args.shared), Path(folder), pictures)
            if args.torch and name == "ssdlite320_mobilenet_v3_large":
                runs |= torchvision(Path(folder), not args.no_compile)
            for run in runs.values():
                run()
            found += rows(name, round_robin(runs, args.rounds))
    header = ("network", "runtime", "what", "ms", "boxes, of the network")
    print(table(header, found, left=3))


if __name__ == "__main__":
    main()
