"""Our networks beside timm's, keras.applications' and tf2cv's: one run, same pictures and threads.

    python benchmarks/peers.py --peers build/peers/venv/bin/python --output build/peers/results

(`make peers` makes the environment first.) One architecture after the other: every worker process
holds that network loaded in all its forms and waits; the driver asks them in turn for one run each,
so that only one computes at a time and what else the machine does meets all alike. What cannot be
loaded or run is left out with the reason.
Results are written after every round: a run that is interrupted has all rounds so far.
Exported files and compiled kernels of the peers are kept in build/peers for the next run.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from _peer_goals import ALL, MIXNETS, markdown  # noqa: E402

_TF2CV = (*MIXNETS, "mobilenet_v2")
# Worker -> its script, and its engines with the models they have; None: all that are asked for.
WORKERS = {
    "kerazoo": (
        "_own_worker.py",
        {
            **dict.fromkeys(
                ("tensorflow", "fused", "openvino", "openvino_streams", "openvino_bf16", "onnx")
            ),
            **dict.fromkeys(("openvino_int8", "litert", "litert_int8", "litert_official")),
            "keras_applications": ("mobilenet_v2",),
            "keras_applications_litert": ("mobilenet_v2",),
        },
    ),
    "torch": ("_peer_worker.py", dict.fromkeys(("timm_eager", "timm_compile"))),
    "exports": (
        "_peer_worker.py",
        dict.fromkeys(
            (
                *("timm_openvino", "timm_openvino_streams", "timm_openvino_bf16"),
                *("timm_onnx_openvino", "timm_onnxruntime"),
            )
        ),
    ),
    "tf2cv": ("_peer_worker.py", {"tf2cv": _TF2CV}),
}
# Measured once, not by batch: (worker, engine, model, batch).
SINGLE = (
    *(("kerazoo", f"train_{form}", "mixnet_s", 128) for form in ("kerazoo", "merged", "dense")),
    ("torch", "timm_train", "mixnet_s", 128),
    ("kerazoo", "kerazoo_load", "mixnet_m", 1),
    ("torch", "timm_load", "mixnet_m", 1),
)


class Worker:
    """A process that runs networks when told; started again, without the culprit, if it dies."""

    def __init__(self, python: str, script: str, threads: int, folder: Path, log: Path):
        self.command = [python, str(HERE / script), str(threads), str(folder)]
        self.log = log
        self.loaded: list[tuple] = []
        self.process = self._start()

    def _start(self):
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def ask(self, request: dict, timeout: float) -> dict:
        """The answer, or an `error`: what the worker said, that it died, or took too long."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            with selectors.DefaultSelector() as ready:
                ready.register(self.process.stdout, selectors.EVENT_READ)
                line = self.process.stdout.readline() if ready.select(timeout) else b""
        except BrokenPipeError:
            line = b""
        if line:
            return json.loads(line)
        died = self.process.poll()
        self.close()
        why = f"no answer in {timeout:.0f} s" if died is None else f"its process died ({died})"
        return {"error": f"{why}; see {self.log.name}", "dead": True}

    def load(self, key: tuple, timeout: float) -> dict:
        engine, model, batch = key
        request = {"do": "load", "engine": engine, "model": model, "batch": batch}
        answer = self.ask(request, timeout)
        if answer.get("dead"):
            self._again(timeout)
        elif "error" not in answer:
            self.loaded.append(key)
        return answer

    def run(self, key: tuple, repeats: int, timeout: float) -> dict:
        answer = self.ask({"do": "run", "key": key, "repeats": repeats}, timeout)
        if answer.get("dead"):
            self.loaded.remove(key)
            self._again(timeout)
        return answer

    def _again(self, timeout: float) -> None:
        self.process = self._start()
        before, self.loaded = self.loaded, []
        for key in before:
            self.load(key, timeout)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def cells(worker: str, models, batches, wanted) -> list[tuple]:
    """(engine, model, batch) of one worker."""
    engines = WORKERS[worker][1]
    found = [
        (engine, model, batch)
        for model in models
        for batch in batches
        for engine, has in engines.items()
        if has is None or model in has
    ]
    found += [(e, m, b) for w, e, m, b in SINGLE if w == worker and m in models]
    return [key for key in found if not wanted or key[0] in wanted]


def load_all(workers: dict[str, Worker], plan: dict[str, list], report: dict) -> None:
    """Loads every cell, all workers at once; fails and differences go into the report."""

    def load(name: str) -> list:
        done = []
        for key in plan[name]:
            answer = workers[name].load(key, timeout=600)
            state = answer.get("error") or f"{answer['seconds']:.0f} s"
            print(f"load {' '.join(map(str, key))}: {state}", file=sys.stderr, flush=True)
            done.append((key, answer))
        return done

    with ThreadPoolExecutor(len(workers)) as pool:
        answers = [pair for done in pool.map(load, workers) for pair in done]
    report["skipped"] += [f"{_name(key)}: {a['error']}" for key, a in answers if "error" in a]
    facts = {key: a["facts"] for key, a in answers if "facts" in a}
    report["differences"] += differences(facts)


def differences(facts: dict[tuple, dict]) -> list[str]:
    """Where a peer's network is not ours: parameters, multiply-adds or classes beyond 0.5 %."""
    ours = {model: found for (engine, model, _), found in facts.items() if engine == "tensorflow"}
    lines = {}
    for (engine, model, _), found in facts.items():
        if model not in ours or engine.startswith(("train_", "timm_train")):
            continue
        for name in ("params", "macs", "classes"):
            a, b = ours[model][name], found.get(name)
            if b is not None and abs(a - b) > 0.005 * a:
                lines[f"{engine} {model}: {name} {b:,}, ours {a:,}"] = None
    return list(lines)


def _name(key: tuple) -> str:
    return f"{key[0]} {key[1]} batch {key[2]}"


def measure(workers, report: dict, minutes: float, rounds: int, save) -> None:
    """Rounds through all loaded cells until the time is used up, at least `rounds`."""
    from kerazoo.benchmark.timing import summary

    times: dict[tuple, list[float]] = {}
    before, done = report["results"], 0
    end = time.monotonic() + 60 * minutes
    while done < rounds or time.monotonic() < end:
        turns = [(key, worker) for worker in workers.values() for key in worker.loaded]
        if not turns:
            return
        for key, worker in sorted(turns, key=lambda turn: (turn[0][1], turn[0][2])):
            if key not in worker.loaded:  # lost with its process
                continue
            answer = worker.run(key, repeats=3 if key[2] == 1 else 1, timeout=120)
            if "error" in answer:
                report["skipped"].append(f"{_name(key)}: {answer['error']}")
            else:
                times.setdefault(key, []).extend(answer["seconds"])
        done += 1
        report["results"] = before + [
            {"engine": e, "model": m, "batch": b, **summary(seconds, b)}
            for (e, m, b), seconds in times.items()
        ]
        print(f"round {done}", file=sys.stderr, flush=True)
        save()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--output", required=True, type=Path, help="folder for peers.json and .md")
    parser.add_argument("--models", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--engines", nargs="+", help="only these")
    parser.add_argument("--minutes", type=float, default=1.5, help="of measuring each (1.5)")
    parser.add_argument("--rounds", type=int, default=5, help="at least (5)")
    parser.add_argument("--threads", type=int, default=None)
    args = parser.parse_args()
    from kerazoo._files import write_text
    from kerazoo._machine import cores
    from kerazoo.benchmark.machine import describe_machine

    threads = args.threads or cores()
    args.output.mkdir(parents=True, exist_ok=True)
    report = {
        "format": 1,
        "machine": describe_machine(),
        "settings": {"threads": threads, "models": list(args.models), "batch": args.batch},
        "versions": {},
        "results": [],
        "differences": [],
        "skipped": [],
    }

    def save():
        report["machine"]["load_average_after"] = round(os.getloadavg()[0], 2)
        write_text(args.output / "peers.json", json.dumps(report, indent=1))
        write_text(args.output / "peers.md", markdown(report))

    for model in args.models:
        plan = {name: cells(name, [model], args.batch, args.engines) for name in WORKERS}
        # Networks of one architecture at a time: all of them would not fit in memory.
        workers = {
            name: Worker(
                args.peers if script == "_peer_worker.py" else sys.executable,
                *(script, threads, args.output / "files", args.output / f"{name}.log"),
            )
            for name, (script, _) in WORKERS.items()
            if plan[name]
        }
        try:
            for name, worker in workers.items():
                if WORKERS[name][0] == "_peer_worker.py":
                    found = worker.ask({"do": "versions"}, 60)
                    report["versions"] |= found.get("versions", {})
            load_all(workers, plan, report)
            measure(workers, report, args.minutes, args.rounds, save)
        finally:
            for worker in workers.values():
                worker.close()
    if not report["results"]:
        print("nothing could be measured:", *report["skipped"], sep="\n", file=sys.stderr)
        return 1
    print((args.output / "peers.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
