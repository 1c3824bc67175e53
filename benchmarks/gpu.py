"""Training and inference speed, memory and seconds to compile, by backend and dtype policy.

    python benchmarks/gpu.py [--output gpu.json] [--backends tensorflow jax torch timm]
        [--policies float32 mixed_bfloat16] [--models mixnet_s mobilenet_v2 resnet50]
        [--batch 256] [--size 224] [--steps 20]

For an accelerator; `--batch 2 --size 32 --steps 1` shows on a CPU that it runs. Each backend and
policy has a process of its own, and those that are not installed are left out. A training step is
forward, backward and SGD with momentum on random pictures that lie on the device: compiled by XLA
on TensorFlow (where there is a GPU) and JAX, as it is called on PyTorch. `timm` is PyTorch with
channels-last memory and autocast. `compile` is the first call less a later one. `memory` is the
device's peak since the process began, both of training and inference; on a CPU the process's.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch", "timm")
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
MODELS = ("mixnet_s", "mobilenet_v2", "resnet50")
TIMM = {"mobilenet_v2": "mobilenetv2_100", "resnet18": "resnet18", "resnet50": "resnet50"}
CLASSES = 1000


def measure(backend: str, policy: str, model: str, batch: int, size: int, steps: int) -> dict:
    """What one process finds out: pictures a second and seconds to compile of both, and memory."""
    found = {"backend": backend, "policy": policy, "model": model, "batch": batch, "size": size}
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch, "timm": _timm}[backend]
    runs, found["memory_mib"], found["device"] = make(policy, model, batch, size)
    for what, run in runs.items():
        start = time.perf_counter()
        run(1)
        first = time.perf_counter() - start
        run(1)
        start = time.perf_counter()
        run(steps)
        each = (time.perf_counter() - start) / steps
        found[what] = {
            "pictures_per_second": round(batch / each, 1),
            "compile_seconds": round(max(0.0, first - each), 2),
        }
    found["memory_mib"] = round(found["memory_mib"]())
    return found


def _process_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _network(policy: str, model: str, size: int):
    import keras

    import kerazoo

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return kerazoo.create_model(
            model,
            weights=None,
            classes=CLASSES,
            input_shape=(size, size, 3),
            classifier_activation=None,
        )
    finally:
        keras.config.set_dtype_policy(before)


def _tensorflow(policy, model, batch, size):
    import keras
    import tensorflow as tf

    network = _network(policy, model, size)
    gpus = tf.config.list_physical_devices("GPU")
    x, y = tf.random.normal((batch, size, size, 3)), tf.zeros((batch,), tf.int32)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=bool(gpus))
    def step():
        with tf.GradientTape() as tape:
            scores = tf.cast(network(x, training=True), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores)
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    forward = tf.function(lambda: network(x, training=False), jit_compile=bool(gpus))

    def memory():
        if not gpus:
            return _process_mib()
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20

    def repeat(call):
        def run(count):
            for _ in range(count):
                result = call()
            result.numpy()

        return run

    device = gpus[0].name if gpus else "CPU"
    return {"train": repeat(step), "infer": repeat(forward)}, memory, device


def _jax(policy, model, batch, size):
    import jax
    import jax.numpy as jnp
    import keras

    network = _network(policy, model, size)
    x, y = jnp.ones((batch, size, size, 3)), jnp.zeros((batch,), "int32")
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(network.trainable_variables)

    def loss(trainable, others):
        scores, others = network.stateless_call(trainable, others, x, training=True)
        losses = -jax.nn.log_softmax(scores.astype("float32"))[jnp.arange(batch), y]
        return losses.mean(), others

    @jax.jit
    def step(trainable, others, slots):
        (value, others), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, others)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return value, trainable, others, slots

    groups = (network.trainable_variables, network.non_trainable_variables, optimizer.variables)
    state = [[v.value for v in group] for group in groups]
    forward = jax.jit(lambda a, b: network.stateless_call(a, b, x, training=False)[0])

    def train(count):
        for _ in range(count):
            value, *new = step(*state)
            state[:] = new
        value.block_until_ready()

    def infer(count):
        for _ in range(count):
            scores = forward(*state[:2])
        scores.block_until_ready()

    device = jax.devices()[0]

    def memory():
        stats = device.memory_stats()
        return stats["peak_bytes_in_use"] / 2**20 if stats else _process_mib()

    return {"train": train, "infer": infer}, memory, device.device_kind


def _torch(policy, model, batch, size):
    import torch

    network = _network(policy, model, size)
    device = "cuda" if torch.cuda.is_available() else "cpu"  # as Keras chooses
    x = torch.randn(batch, size, size, 3, device=device)
    return _torch_runs(network, lambda training: network(x, training=training), batch, device)


def _timm(policy, model, batch, size):
    import timm
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = timm.create_model(TIMM.get(model, model), num_classes=CLASSES)
    network = network.to(device, memory_format=torch.channels_last)
    x = torch.randn(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    half = getattr(torch, policy.removeprefix("mixed_")) if policy != "float32" else None

    def scores(training):
        network.train(training)
        with torch.autocast(device, half, enabled=half is not None):
            return network(x)

    return _torch_runs(network, scores, batch, device)


def _torch_runs(network, scores, batch, device):
    import torch

    y = torch.zeros(batch, dtype=torch.int64, device=device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def train(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(scores(True).float(), y)
            loss.backward()
            optimizer.step()
        loss.item()  # waits for the device

    def infer(count):
        with torch.inference_mode():
            for _ in range(count):
                result = scores(False)
        result.float().sum().item()

    def memory():
        return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else _process_mib()

    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return {"train": train, "infer": infer}, memory, name


def report(results: list[dict]) -> str:
    """A Markdown table; where timm was measured too, in units of its speed."""
    timm = {
        (r["model"], r["policy"], what): r[what]["pictures_per_second"]
        for r in results
        if r["backend"] == "timm"
        for what in ("train", "infer")
    }
    lines = ["| network | policy | backend | | pictures/s | over timm | compile s | memory MiB |"]
    lines.append("|---|---|---|---|---:|---:|---:|---:|")
    for r in sorted(results, key=lambda r: (r["model"], r["policy"])):
        for what in ("train", "infer"):
            speed = r[what]["pictures_per_second"]
            base = timm.get((r["model"], r["policy"], what))
            cells = (r["model"], r["policy"], r["backend"], what, f"{speed:,.1f}")
            cells += (f"{speed / base:.2f}" if base else "–", f"{r[what]['compile_seconds']:.2f}")
            lines.append(f"| {' | '.join(cells)} | {r['memory_mib']:,} |")
    return "\n".join(lines)


def _installed(backend: str) -> bool:
    needed = ("torch", "timm") if backend == "timm" else (backend,)
    return all(importlib.util.find_spec(name) for name in needed)


def _in_own_process(backend, policy, model, args) -> dict | None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment["KERAS_BACKEND"] = "torch" if backend == "timm" else backend
    settings = [backend, policy, model, args.batch, args.size, args.steps]
    done = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(settings)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        print(f"{backend}, {policy}, {model}: failed with {done.returncode}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES[:2]))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--output", type=Path, help="all figures as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(*json.loads(args.one))))
        return
    results = []
    for model in args.models:
        for policy in args.policies:
            for backend in filter(_installed, args.backends):
                found = _in_own_process(backend, policy, model, args)
                results += [found] if found else []
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")
    print(report(results))


if __name__ == "__main__":
    main()
