"""Weights to start ESPNetv2 from: the trunk of a trained segmentation network of EdgeNets.

    python tools/trunk_weights.py espnetv2_s_1.0_pascal_256x256.pth runs/espnetv2_start.weights.h5

The original's ImageNet classifiers cannot be fetched from everywhere; its segmentation networks
began as those and have the same stages, up to the last one, which they do without. Here that one
and the classifier are random. The file is for `kerazoo train --weights`.
"""

import argparse
from pathlib import Path

import keras

import kerazoo
from kerazoo.checkpoints.read.tensors import read_tensors

PREFIX = "base_net."
LAST = "stage3_block8_act"  # the end of what a segmentation network keeps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="a .pth file of EdgeNets' espnetv2_seg")
    parser.add_argument("output", type=Path, help="a new .weights.h5 file")
    parser.add_argument("--scale", type=float, default=1.0, help="of the channels")
    parser.add_argument("--seed", type=int, default=1, help="for what the checkpoint has not")
    args = parser.parse_args()
    if args.output.exists():
        raise SystemExit(f"{args.output} exists")
    keras.utils.set_random_seed(args.seed)
    model = kerazoo.ESPNetV2(scale=args.scale, weights=None)
    trunk = load_trunk(model, args.checkpoint)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    model.save_weights(args.output)
    print(f"{trunk.count_params():,} of {model.count_params():,} numbers are trained")


def load_trunk(model: keras.Model, checkpoint: Path) -> keras.Model:
    """Gives an ESPNetv2 classifier what a segmentation network learned; that part of it."""
    trunk = keras.Model(model.input, model.get_layer(LAST).output)
    tensors = read_tensors(str(checkpoint))
    own = {k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)}
    kerazoo.load_weights(trunk, own)
    return trunk


if __name__ == "__main__":
    main()
