"""Time and peak memory of segmenters at the sizes of street scenes, beside torchvision's LR-ASPP.

    python benchmarks/segmentation.py [NAME ...] [--sizes 512x256 1024x512] [--rounds 10] [--torch]

One picture at a time, all networks and runtimes in turns, so that disturbances meet all alike:
medians in milliseconds, the ratio to torchvision's LR-ASPP through OpenVINO (without `--torch` to
the first network through OpenVINO), and the largest resident memory of a process that does nothing
but run that file (left out with `--memory 0`), and how much of that the network added to what the
runtime's imports take. All networks enlarge their scores to the size of the picture; the class of
each pixel is chosen outside of them, which is timed as the Runner does it.

Weights are random: no time depends on them. `--torch` needs torch and torchvision, in an
environment of its own (`make backends`, and `pip install torchvision` of the version that belongs
to its torch); torchvision's network is run eagerly, compiled, and through OpenVINO.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import kerazoo
from kerazoo._machine import cores
from kerazoo.benchmark.candidates import CANDIDATES
from kerazoo.benchmark.footprint import footprint
from kerazoo.benchmark.report import table
from kerazoo.benchmark.timing import round_robin
from kerazoo.inference import named_outputs
from kerazoo.tasks import get_task

NAMES = ("espnetv2_seg_s_1_0", "lraspp_mobilenet_v3_large", "lraspp_mobilenet_v2_100")
RUNTIMES = ("fused", "openvino", "onnx", "litert")
CLASSES = 20  # of Cityscapes, one of them nothing
PEER = "torchvision's lraspp_mobilenet_v3_large"
Key = tuple[str, str]  # network and runtime
Memory = Callable[[], dict[str, Any]]


def ours(
    name: str, size: tuple[int, int], runtimes: Sequence[str], folder: Path
) -> tuple[dict[Key, Callable], dict[Key, Memory]]:
    """What is timed of a network, and what measures its memory."""
    model = kerazoo.create_model(name, weights=None, input_shape=(*size, 3), classes=CLASSES)
    shape = (1, *size, 3)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    runs: dict[Key, Callable] = {}
    memory: dict[Key, Memory] = {}
    for runtime in runtimes:
        candidate, place = CANDIDATES[runtime], folder / name
        place.mkdir(exist_ok=True)
        try:
            path = candidate.prepare(model, place)
        except ImportError as error:
            print(f"{name}, {runtime}: {error}")
            continue
        network = candidate.load(path, shape, cores())
        runs[name, candidate.title] = lambda network=network: network(x)
        memory[name, candidate.title] = lambda runtime=runtime, path=path: footprint(
            runtime, path, shape, cores()
        )
    task = get_task("segmentation")
    outputs = named_outputs(next(iter(runs.values()))(), task.outputs, name)
    how = kerazoo.Preprocessing(size=size, fit="stretch").place(*size)
    record = model.info
    runs[name, "NumPy, mask"] = lambda: task.decode(outputs, record, [how], [None])
    return runs, memory


def torchvision(
    size: tuple[int, int], folder: Path, compile: bool
) -> tuple[dict[Key, Callable], dict[Key, Memory]]:
    """The same of torchvision's LR-ASPP."""
    import torch
    from _torchvision import eager_and_compiled, import_torchvision, through_openvino

    models = import_torchvision()[0].models.segmentation
    torch.set_num_threads(cores())
    peer = models.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=CLASSES
    )

    class Network(torch.nn.Module):
        """From pictures to scores of the pictures' size, as ours gives them."""

        def __init__(self):
            super().__init__()
            self.backbone, self.classifier = peer.backbone, peer.classifier

        def forward(self, x):
            scores = self.classifier(self.backbone(x))
            return torch.nn.functional.interpolate(scores, size=x.shape[-2:], mode="bilinear")

    network, x = Network().eval(), torch.rand(1, 3, *size)
    runs: dict[Key, Callable] = {
        (PEER, title): run for title, run in eager_and_compiled(network, x, compile).items()
    }
    path = folder / "torchvision.xml"
    through_openvino(network, x, path)
    shape, candidate = tuple(x.shape), CANDIDATES["openvino"]
    converted, array = candidate.load(path, shape, cores()), x.numpy()
    runs[PEER, candidate.title] = lambda: converted(array)
    memory = {(PEER, candidate.title): lambda: footprint("openvino", path, shape, cores())}
    return runs, memory


def rows(
    times: dict[Key, list[float]], memory: dict[Key, Memory], measured: bool
) -> list[tuple[str, ...]]:
    """Cells of the table, in the order in which things were timed."""
    openvino = CANDIDATES["openvino"].title
    middle = {key: 1e3 * statistics.median(seconds) for key, seconds in times.items()}
    base = middle.get((PEER, openvino))
    if base is None:
        base = next((ms for (_, runtime), ms in middle.items() if runtime == openvino), None)
    found = []
    for (name, runtime), ms in middle.items():
        peak = own = "–"
        if measured and (name, runtime) in memory:
            with contextlib.suppress(RuntimeError):  # it failed in a process of its own
                facts = memory[name, runtime]()
                peak = f"{facts['peak_memory_mb']:.0f}"
                own = f"{facts['peak_memory_mb'] - facts['imports_memory_mb']:.0f}"
        ratio = "–" if base is None else f"{ms / base:.2f}"
        found.append((name, runtime, f"{ms:.2f}", ratio, peak, own))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", default=NAMES, help="ids of segmenters")
    parser.add_argument("--sizes", nargs="+", type=_size, default=[(256, 512), (512, 1024)])
    parser.add_argument("--runtimes", nargs="+", choices=CANDIDATES, default=RUNTIMES)
    parser.add_argument("--rounds", type=int, default=10, help="visits to each")
    parser.add_argument("--memory", type=int, default=1, help="0: without processes of their own")
    parser.add_argument("--torch", action="store_true", help="torchvision's too")
    parser.add_argument("--no-compile", action="store_true", help="torchvision's not compiled")
    args = parser.parse_args(argv)
    header = ("network", "runtime", "ms", "ratio", "peak MB", "of it the network's")
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            runs: dict[Key, Callable] = {}
            memory: dict[Key, Memory] = {}
            for name in args.names:
                for whole, part in zip(
                    (runs, memory), ours(name, size, args.runtimes, Path(folder)), strict=True
                ):
                    whole.update(part)
            if args.torch:
                for whole, part in zip(
                    (runs, memory),
                    torchvision(size, Path(folder), not args.no_compile),
                    strict=True,
                ):
                    whole.update(part)
            for run in runs.values():
                run()
            found = rows(round_robin(runs, args.rounds), memory, bool(args.memory))
        print(f"\n{size[1]} x {size[0]}, {cores()} threads\n\n{table(header, found)}", flush=True)


def _size(text: str) -> tuple[int, int]:
    """`"512x256"`, width and height, as height and width."""
    width, _, height = text.partition("x")
    try:
        return int(height), int(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be WIDTHxHEIGHT, not {text!r}") from None


if __name__ == "__main__":
    main()
