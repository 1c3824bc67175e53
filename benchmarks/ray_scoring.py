"""Scoring on Ray beside one process: pictures a second, and what 100 million pictures cost.

    make ray-test                                    # makes build/ray/venv
    build/ray/venv/bin/python benchmarks/ray_scoring.py [--pictures 2000] [--rounds 3]
        [--output benchmarks/results/ray_scoring.json]

Each network scores the same photographs, JPEGs of 640 x 480 that are drawn here, in turn: with the
plain `Runner` in a loop, and by `kerazoo.scoring.score` on a cluster that is started here with one
worker on all cores. Both decode, compute and make answers of them; the latter also writes files.
Counted is the time between the first part that is done and the last, and as many pictures of the
plain loop: starting a worker and opening the network, told apart, is paid once and not by picture.
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
from kerazoo.pictures import find_pictures
from kerazoo.scoring import score

PART = 64  # pictures; a part is what the first one of a run is waited for
MANY = 100_000_000


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


def plain(runner: Runner, paths: list[Path]) -> float:
    """Pictures a second of the loop, its first part left out."""
    answers = runner.predictions(paths)
    began = 0.0
    for number, (_, prediction) in enumerate(answers, start=1):
        json.dumps(runner.task.json(prediction))
        if number == PART:
            began = time.perf_counter()
    return (len(paths) - PART) / (time.perf_counter() - began)


def on_ray(network: str, runtime: str, pictures: Path, output: Path) -> tuple[float, float]:
    """Pictures a second on Ray after the first part, and the seconds until then."""
    began, times, counts = time.perf_counter(), [], []

    def tell(done, number, total) -> None:
        times.append(time.perf_counter())
        counts.append(done.pictures)

    score(
        network, pictures, output, engine="ray", workers=1, cpus=cores(), runtime=runtime,
        part_size=PART, form="jsonl", tell=tell,
    )  # fmt: skip
    return sum(counts[1:]) / (times[-1] - times[0]), times[0] - began


def measured(name: str, network: str, runtime: str, pictures: Path, rounds: int) -> dict:
    """Medians of one network."""
    runner = Runner(network, runtime)
    paths = find_pictures([pictures])
    speeds, rays, starts = [], [], []
    for number in range(rounds):
        speeds.append(plain(runner, paths))
        with tempfile.TemporaryDirectory() as folder:
            speed, start = on_ray(network, runtime, pictures, Path(folder) / "out")
        rays.append(speed)
        starts.append(start)
        print(f"{name} {number + 1}: {speeds[-1]:.1f} and {rays[-1]:.1f}", file=sys.stderr)
    return {
        "network": name,
        "runtime": runtime,
        "plain": round(statistics.median(speeds), 1),
        "ray": round(statistics.median(rays), 1),
        "ratio": round(statistics.median(r / s for r, s in zip(rays, speeds, strict=True)), 2),
        "start_s": round(statistics.median(starts), 1),
    }


def report(results: list[dict], machine: dict, arguments: argparse.Namespace) -> dict:
    """For benchmarks/results, with the tables of the page."""
    speeds = [
        [r["network"], r["runtime"], r["plain"], r["ray"], f"{r['ratio']:.2f}x", r["start_s"]]
        for r in results
    ]
    costs = [
        [r["network"], r["runtime"], r["ray"]]
        + [f"{MANY / r['ray'] / machines / 3600:,.0f}" for machines in (1, 10, 100)]
        for r in results
    ]
    head = ["network", "runtime", "plain Runner, pictures/s", "Ray, pictures/s", "Ray / plain"]
    cost = ["network", "runtime", "pictures/s of a machine", "1 machine: hours", "10", "100"]
    return {
        "command": f"python benchmarks/ray_scoring.py --pictures {arguments.pictures} "
        f"--rounds {arguments.rounds} --output benchmarks/results/ray_scoring.json",
        "machine": machine,
        "results": results,
        "tables": [
            {"title": "", "header": [*head, "start, s"], "rows": speeds, "left": 2},
            {"title": "100 million pictures", "header": cost, "rows": costs, "left": 2},
        ],
    }


NETWORKS = (
    ("MobileNetV2", "mobilenet_v2_100", "litert"),
    ("SSD MobileNetV1", "detection", "litert"),
    ("ESPNetv2, masks", "segmentation", "litert"),
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
