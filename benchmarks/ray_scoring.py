"""Scoring on Ray beside one process: pictures a second, and what 100 million pictures cost.

    make ray-test                                    # makes build/ray/venv
    build/ray/venv/bin/python benchmarks/ray_scoring.py [--pictures 2000] [--rounds 3]
        [--output benchmarks/results/ray_scoring.json]

Each network scores the same photographs, JPEGs of 640 x 480 that are drawn here, in turn: with the
plain `Runner` in a loop, and by `kerazoo.scoring.score` on a cluster that is started here with one
worker on all cores. Both decode, compute and make answers of them; the latter also writes files.
Counted is the time between the first part that is done and the last, and as many pictures of the
plain loop: starting a worker and opening the network, told apart, is paid once and not by picture.
Beside the time the processor time of all processes is counted, Ray's own among them: it says much
the same on a machine that does other things as well, where the time does not.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import ray
from PIL import Image

from kerazoo._machine import cores, installed_versions
from kerazoo.benchmark.machine import describe_machine
from kerazoo.benchmark.report import table
from kerazoo.deploy import Runner
from kerazoo.picture_lists import find_pictures
from kerazoo.scoring import score

PART = 64  # pictures; a part is what the first one of a run is waited for
MANY = 100_000_000
CORES = 16  # of the machines that the cost is reckoned for


def photographs(folder: Path, count: int) -> Path:
    """Pictures with as much in them as photographs have: noise of several sizes, as JPEG."""
    draw = np.random.default_rng(0)
    for number in range(count):
        pixels = np.zeros((480, 640, 3), "float32")
        for side in (4, 16, 60):
            small = draw.integers(0, 256, (side, side, 3), "uint8")
            pixels += np.asarray(Image.fromarray(small).resize((640, 480)), "float32") / 3
        Image.fromarray(pixels.astype("uint8")).save(folder / f"{number:05d}.jpg", quality=90)
    return folder


class Span:
    """Wall and processor time of some pictures, in milliseconds a picture."""

    def __init__(self, began: tuple[float, float], ended: tuple[float, float], pictures: int):
        self.wall, self.cpu = ((e - b) / pictures * 1e3 for b, e in zip(began, ended, strict=True))


def plain(runner: Runner, paths: list[Path]) -> Span:
    """The loop, its first part left out."""
    began = 0.0, 0.0
    for number, (_, prediction) in enumerate(runner.predictions(paths), start=1):
        json.dumps(runner.task.json(prediction))
        if number == PART:
            began = time.perf_counter(), time.process_time()
    return Span(began, (time.perf_counter(), time.process_time()), len(paths) - PART)


def on_ray(network: str, runtime: str, pictures: Path, output: Path) -> tuple[Span, float]:
    """Ray after the first part, with all of its processes, and the seconds until then."""
    began, marks, counts = time.perf_counter(), [], []

    def tell(done, number, total) -> None:
        marks.append((time.perf_counter(), family_seconds()))
        counts.append(done.pictures)

    score(
        network, pictures, output, engine="ray", workers=1, cpus=cores(), runtime=runtime,
        part_size=PART, form="jsonl", tell=tell,
    )  # fmt: skip
    return Span(marks[0], marks[-1], sum(counts[1:])), marks[0][0] - began


def family_seconds() -> float:
    """Processor time of this process and of all that it or they started: Linux alone."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(errors="replace")
        except OSError:  # it has just ended
            continue
        fields = text.rpartition(")")[2].split()
        process = int(path.parent.name)
        parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks.get(p, 0) for p in ours) / os.sysconf("SC_CLK_TCK")


def measured(name: str, network: str, runtime: str, pictures: Path, rounds: int) -> dict:
    """Medians of one network."""
    runner = Runner(network, runtime)
    paths = find_pictures([pictures])
    alone, rays, starts = [], [], []
    for number in range(rounds):
        alone.append(plain(runner, paths))
        with tempfile.TemporaryDirectory() as folder:
            span, start = on_ray(network, runtime, pictures, Path(folder) / "out")
        rays.append(span)
        starts.append(start)
        shown = [f"{s.wall:.1f} ms, {s.cpu:.1f} ms of a core" for s in (alone[-1], span)]
        print(f"{name} {number + 1}: {'; '.join(shown)}", file=sys.stderr)

    def ratio(kind: str) -> float:
        pairs = zip(alone, rays, strict=True)
        return round(statistics.median(getattr(a, kind) / getattr(r, kind) for a, r in pairs), 2)

    def median(spans: list[Span], kind: str) -> float:
        return round(statistics.median(getattr(span, kind) for span in spans), 2)

    return {
        "network": name,
        "runtime": runtime,
        "plain_ms": median(alone, "wall"),
        "ray_ms": median(rays, "wall"),
        "plain_core_ms": median(alone, "cpu"),
        "ray_core_ms": median(rays, "cpu"),
        "ratio": ratio("wall"),
        "core_ratio": ratio("cpu"),
        "start_s": round(statistics.median(starts), 1),
    }


def report(results: list[dict], machine: dict, arguments: argparse.Namespace) -> dict:
    """For benchmarks/results, with the tables of the page."""
    speeds = [
        [
            *(r["network"], r["runtime"], r["plain_ms"], r["ray_ms"], f"{r['ratio']:.2f}x"),
            *(r["plain_core_ms"], r["ray_core_ms"], f"{r['core_ratio']:.2f}x", r["start_s"]),
        ]
        for r in results
    ]
    costs = []
    for r in results:
        hours = MANY * r["ray_core_ms"] / 1e3 / 3600  # of a core
        days = [f"{hours / 24 / (CORES * machines):,.1f}" for machines in (1, 10, 100)]
        costs.append([r["network"], r["runtime"], f"{hours:,.0f}", *days])
    head = ["network", "runtime", "plain Runner, ms a picture", "Ray, ms", "plain / Ray"]
    head += ["plain, ms of a core", "Ray, ms of a core", "plain / Ray, of a core", "start, s"]
    cost = ["network", "runtime", "hours of a core", f"days on 1 machine of {CORES} cores"]
    return {
        "command": f"python benchmarks/ray_scoring.py --pictures {arguments.pictures} "
        f"--rounds {arguments.rounds} --output benchmarks/results/ray_scoring.json",
        "machine": machine,
        "results": results,
        "tables": [
            {"title": "A picture", "header": head, "rows": speeds, "left": 2},
            {
                "title": "100 million pictures",
                "header": [*cost, "10 machines", "100"],
                "rows": costs,
                "left": 2,
            },
        ],
    }


NETWORKS = (
    ("MobileNetV2", "mobilenet_v2_100", "litert"),
    ("SSD MobileNetV1", "detection", "litert"),
    ("ESPNetv2, masks", "segmentation", "openvino"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    machine = describe_machine()
    # Once: what is compared is the work, and a cluster is there before it.
    ray.init("local", include_dashboard=False, log_to_driver=False, object_store_memory=2**27)
    with tempfile.TemporaryDirectory() as folder:
        pictures = photographs(Path(folder), arguments.pictures)
        results = [
            measured(name, network, runtime, pictures, arguments.rounds)
            for name, network, runtime in NETWORKS
        ]
    machine["versions"] |= installed_versions(["ray"])
    machine["load_average_after"] = round(os.getloadavg()[0], 2)
    made = report(results, machine, arguments)
    for each in made["tables"]:
        rows = [[str(cell) for cell in row] for row in each["rows"]]
        print(f"{each['title']}\n\n{table(each['header'], rows, each['left'])}\n")
    if arguments.output:
        arguments.output.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
