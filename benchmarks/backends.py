"""kerazoo's networks on the torch backend beside timm's, with the same weights, in one process.

    make backends         # an environment of its own, the tests on backends, and this
    python benchmarks/backends.py [--batch 16] [--size 128] [--rounds 5] [--threads N] [MODEL …]

A forward pass (inference mode) and a training step (forward, backward, SGD with momentum of
PyTorch) of each in turn. `kerazoo` is the network as its constructor makes it; `keras` the same
network with Keras' own PyTorch code for every layer; timm's is measured with the memory of its
maps as it is made (channels first) and as `channels_last`, and the faster of the two counts.
Prints a Markdown table of ratios of medians, and how far the numbers are apart: of the scores in
inference, in training, and after a step of training, largest difference over largest score.
"""

import argparse
import os
import sys
from contextlib import contextmanager
from unittest import mock

os.environ["KERAS_BACKEND"] = "torch"
MODELS = {"mixnet_s": "mixnet_s", "mobilenet_v2": "mobilenetv2_100", "resnet18": "resnet18"}
# timm imports names of torchvision for pictures and data sets; its networks need none of them.
_TORCHVISION = ("ops", "ops.misc", "models", "models.feature_extraction", "transforms")
_TORCHVISION += ("transforms.functional", "datasets", "utils")


def import_timm():
    """timm; without torchvision, of which PyPI has no build for CPUs, with stand-ins for it."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("torchvision", *(f"torchvision.{part}" for part in _TORCHVISION)):
            sys.modules[name] = mock.MagicMock()
        sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = type("FrozenBatchNorm2d", (), {})
    import timm

    return timm


def own_network(model: str, tensors, size: int, form: str = "kerazoo"):
    """The network with timm's conventions and weights."""
    import kerazoo
    from kerazoo.layers import BatchNormalization, _torch

    arguments = {"padding": "symmetric", "batch_norm_epsilon": 1e-5, "dropout_rate": 0.0}
    with mock.patch.dict(_torch._FORMS, {}, clear=form == "keras"):
        network = kerazoo.create_model(
            model,
            weights=None,
            input_shape=(size, size, 3),
            classifier_activation=None,
            **arguments,
        )
    kerazoo.load_weights(network, tensors)
    if form == "keras":
        composed = super(BatchNormalization, BatchNormalization).call
        for layer in network.layers:
            if isinstance(layer, BatchNormalization):
                layer.call = composed.__get__(layer)
    return network


class Candidate:
    """A network, its optimizer, and what is timed."""

    def __init__(self, network, pictures, classes, own: bool):
        import torch

        self.network, self.pictures, self.classes, self.own = network, pictures, classes, own
        self.optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def scores(self, training: bool):
        if self.own:
            return self.network(self.pictures, training=training)
        return self.network.train(training)(self.pictures)

    def forward(self):
        import torch

        with torch.inference_mode():
            return self.scores(False)

    def step(self):
        import torch

        self.optimizer.zero_grad()
        scores = self.scores(True)
        loss = torch.nn.functional.cross_entropy(scores, self.classes)
        loss.backward()
        self.optimizer.step()
        return scores.detach()


def candidates(model: str, batch: int, size: int, timm) -> dict[str, Candidate]:
    import torch

    torch.manual_seed(0)
    pictures, classes = torch.randn(batch, 3, size, size), torch.randint(0, 1000, (batch,))
    theirs = timm.create_model(MODELS[model], pretrained=False).eval()
    tensors = {name: value.numpy().copy() for name, value in theirs.state_dict().items()}
    tensors = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    made = {}
    for form in ("kerazoo", "keras"):
        network = own_network(model, tensors, size, form)
        made[form] = Candidate(network, pictures.permute(0, 2, 3, 1).contiguous(), classes, True)
    for name, layout in (("timm", "contiguous_format"), ("timm channels last", "channels_last")):
        network = timm.create_model(MODELS[model], pretrained=False)
        network.load_state_dict(theirs.state_dict())
        memory = getattr(torch, layout)
        network, x = network.to(memory_format=memory), pictures.to(memory_format=memory)
        made[name] = Candidate(network, x, classes, False)
    return made


def differences(made: dict[str, Candidate]) -> list[float]:
    """In inference, in training, and after one step."""

    def apart(one, other):
        return float((one - other).abs().max() / other.abs().max())

    ours, theirs = made["kerazoo"], made["timm"]
    found = [apart(ours.forward(), theirs.forward())]
    for candidate in (ours, theirs):  # a large step in random weights makes anything of a hair
        candidate.optimizer.param_groups[0]["lr"] = 1e-4
    return found + [apart(ours.step(), theirs.step()) for _ in range(2)]


@contextmanager
def threads(count: int):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", metavar="MODEL", nargs="*", default=list(MODELS))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(argv)
    timm = import_timm()
    import statistics

    import torch

    from kerazoo.benchmark.report import table
    from kerazoo.benchmark.timing import round_robin

    rows = []
    with threads(args.threads):
        for model in args.models:
            made = candidates(model, args.batch, args.size, timm)
            apart = " ".join(f"{number:.0e}" for number in differences(made))
            for what in ("forward", "step"):
                runs = {name: getattr(candidate, what) for name, candidate in made.items()}
                seconds = round_robin(runs, args.rounds, repeats=1)
                ms = {name: 1e3 * statistics.median(times) for name, times in seconds.items()}
                best = min(ms["timm"], ms["timm channels last"])
                times = (f"{ms[name]:.0f}" for name in made)
                ratios = (f"{best / ms[name]:.2f}" for name in ("kerazoo", "keras"))
                rows.append((model, what, *times, *ratios, apart if what == "step" else ""))
    names = ("kerazoo", "keras", "timm", "timm channels last")
    header = ("network", "what", *(f"{name} ms" for name in names))
    header += ("kerazoo over timm", "keras over timm", "numbers apart")
    print(f"torch {torch.__version__}, timm {timm.__version__}, batch {args.batch}, {args.size} px")
    print(table(header, rows))


if __name__ == "__main__":
    main()
