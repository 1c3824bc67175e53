"""Training under mixed policies beside float32: the smallest network of every family.

    python benchmarks/mixed_precision.py --shared ../shared [--steps 300] [--output log.json]
        [--policies float32 mixed_bfloat16 mixed_float16] [--models mobilenet_v1_025 …]

CIFAR-10's pictures, the same batches and first weights for all policies, SGD with momentum and a
cosine schedule; float16 with Keras' loss scaling. Printed for each: the mean loss of the last tenth
of the steps, accuracy on test pictures, and whether every loss was finite.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import kerazoo
from kerazoo.data.tfds import tfds_source

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
SIDE = 32


def smallest() -> list[str]:
    """The id of every family of classifiers with the fewest parameters."""
    found: dict[str, tuple[int, str]] = {}
    for id, entry in kerazoo.registry.catalogue().items():
        if entry.task == "classification" and entry.params is not None:
            known = found.get(entry.family)
            if known is None or entry.params < known[0]:
                found[entry.family] = (entry.params, id)
    return [id for _, id in found.values()]


def data(shared: Path, split: str, count: int):
    source = tfds_source("cifar10", split, shared / "tfds")
    pictures, labels = [], []
    for image, label in source.pictures.take(count):
        image = tf.io.decode_image(image, 3) if image.dtype == tf.string else image
        pictures.append(image.numpy())
        labels.append(int(label))
    return np.array(pictures, "float32") / 127.5 - 1, np.array(labels)


def train(model: str, policy: str, pictures, labels, steps: int, batch: int, rate: float):
    """The network after so many steps, and the losses on the way."""
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        network = kerazoo.create_model(
            model, weights=None, classes=10, input_shape=(SIDE, SIDE, 3), classifier_activation=None
        )
    finally:
        keras.config.set_dtype_policy(before)
    optimizer = keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(rate, steps), momentum=0.9, global_clipnorm=5.0
    )
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            scores = tf.cast(network(x, training=True), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores)
            loss = tf.reduce_mean(losses)
            scaled = optimizer.scale_loss(loss)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return loss

    order, losses = np.random.default_rng(0), []
    for _ in range(steps):
        chosen = order.integers(0, len(labels), batch)
        losses.append(float(step(pictures[chosen], labels[chosen])))
    return network, losses


def accuracy(network, pictures, labels) -> float:
    forward = tf.function(lambda x: network(x, training=False))
    batches = range(0, len(labels), 50)
    found = np.concatenate([forward(pictures[i : i + 50]).numpy().argmax(-1) for i in batches])
    return float(100 * (found == labels).mean())


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--models", nargs="+", help="default: the smallest of every family")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--test", type=int, default=1000, help="test pictures")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(argv)
    pictures, labels = data(args.shared, "train", 10_000)
    tests = data(args.shared, "test", args.test)
    results = []
    print("| network | policy | finite | last losses | accuracy % |\n|---|---|---|---:|---:|")
    for model in args.models or smallest():
        for policy in args.policies:
            network, losses = train(
                model, policy, pictures, labels, args.steps, args.batch, args.rate
            )
            last = float(np.mean(losses[-max(1, args.steps // 10) :]))
            found = {"model": model, "policy": policy, "finite": bool(np.isfinite(losses).all())}
            found |= {"last_losses": round(last, 4), "accuracy": accuracy(network, *tests)}
            results.append({**found, "losses": [round(loss, 4) for loss in losses]})
            cells = (model, policy, str(found["finite"]), f"{last:.3f}", f"{found['accuracy']:.1f}")
            print(f"| {' | '.join(cells)} |", flush=True)
            keras.backend.clear_session(free_memory=False)
            if args.output:
                text = json.dumps({"settings": vars(args), "results": results}, default=str)
                args.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
