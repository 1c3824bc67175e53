"""Engines of the peers' environment (peers-requirements.txt); started by peers.py.

`python _peer_worker.py THREADS FOLDER`: FOLDER keeps exported files between runs.
"""

import os
import sys
from pathlib import Path

from _worker import serve

THREADS, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(FOLDER / "inductor")
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
SIZE = 224
PACKAGES = ("torch", "timm", "pytorchcv", "openvino", "onnxruntime", "tensorflow", "tf2cv")


def load(engine: str, model: str, batch: int):
    """A function that runs the network once, and its parameters and multiply-adds."""
    if engine == "timm_train":
        return _training_step(model, batch)
    if engine == "timm_load":
        return _loading(model)
    if engine == "tf2cv":
        return _tf2cv(model, batch)
    return _torch_engine(engine, model, batch)


def _torch_network(model: str):
    """timm's network; pytorchcv's where timm has none."""
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    if model.startswith("espnetv2"):
        from pytorchcv.model_provider import get_model

        return get_model("espnetv2_w1").eval()
    import timm

    name = {"mobilenet_v2": "mobilenetv2_100"}.get(model, model)
    return timm.create_model(name, pretrained=False, exportable=True).eval()


def _torch_facts(network) -> dict:
    import torch

    macs = 0

    def count(module, inputs, output):
        nonlocal macs
        places = output.shape[-1] * output.shape[-2] if output.dim() == 4 else 1
        macs += module.weight.numel() * places

    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    hooks = [m.register_forward_hook(count) for m in layers]
    with torch.inference_mode():
        scores = network(torch.zeros(1, 3, SIZE, SIZE))
    for hook in hooks:
        hook.remove()
    params = sum(p.numel() for p in network.parameters())
    return {"params": params, "macs": macs, "classes": scores.shape[-1]}


def _torch_engine(engine: str, model: str, batch: int):
    import torch

    network = _torch_network(model)
    facts = _torch_facts(network)
    x = torch.randn(batch, 3, SIZE, SIZE)
    if engine.startswith("timm_onnx"):
        return _onnxruntime(_onnx(network, model, batch), x.numpy()), facts
    if engine.startswith("timm_openvino"):
        return _openvino(network, engine, model, x), facts
    network = network.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    called = torch.compile(network) if engine == "timm_compile" else network

    def run():
        with torch.inference_mode():
            return called(x).numpy()

    return run, facts


def _onnx(network, model: str, batch: int) -> str:
    import torch

    path = FOLDER / f"{model}_{batch}.onnx"
    if not path.exists():
        partial = FOLDER / f"{model}_{batch}.partial.onnx"
        x = torch.randn(batch, 3, SIZE, SIZE)
        torch.onnx.export(network, (x,), str(partial), dynamo=True, external_data=False)
        os.replace(partial, path)
    return str(path)


def _onnxruntime(path: str, x):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})[0]


def _openvino(network, engine: str, model: str, x):
    """timm's network through OpenVINO: converted directly, or through its ONNX file."""
    import openvino

    if "onnx" in engine:
        converted = openvino.convert_model(_onnx(network, model, len(x)))
    else:
        converted = openvino.convert_model(
            network, example_input=x, input=list(x.shape), verbose=False
        )
    streams = engine.endswith("_streams") and len(x) > 1
    settings = {
        "INFERENCE_NUM_THREADS": THREADS,
        "INFERENCE_PRECISION_HINT": "bf16" if "bf16" in engine else "f32",
    }
    pictures = x.numpy()
    if not streams:
        compiled = openvino.compile_model(
            converted, "CPU", {**settings, "PERFORMANCE_HINT": "LATENCY"}
        )
        return lambda: compiled(pictures)[0]
    converted.reshape([1, *x.shape[1:]])
    compiled = openvino.compile_model(converted, "CPU", {**settings, "NUM_STREAMS": THREADS})
    queue = openvino.AsyncInferQueue(compiled, THREADS)

    def run():
        for i in range(len(pictures)):
            queue.start_async([pictures[i : i + 1]], i)
        queue.wait_all()

    return run


def _tf2cv(model: str, batch: int):
    import tensorflow as tf
    from tf2cv.model_provider import get_model

    if tf.config.threading.get_intra_op_parallelism_threads() != THREADS:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    network = get_model({"mobilenet_v2": "mobilenetv2_w1"}.get(model, model))
    x = tf.random.normal((batch, SIZE, SIZE, 3))
    graph = tf.function(lambda x: network(x, training=False), jit_compile=False)
    scores = graph(x)
    params = sum(int(tf.size(v)) for v in network.trainable_variables)
    facts = {"params": params, "macs": None, "classes": int(scores.shape[-1])}
    return lambda: graph(x).numpy(), facts


def _training_step(model: str, batch: int):
    """As benchmarks/training_step.py has it: MixNet-S on CIFAR-sized pictures, SGD."""
    import timm
    import torch

    torch.set_num_threads(THREADS)
    network = timm.create_model(model, pretrained=False, num_classes=10).train()
    network.conv_stem.stride = (1, 1)
    network = network.to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, nesterov=True)

    def run():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    params = sum(p.numel() for p in network.parameters())
    return run, {"params": params, "macs": None, "classes": 10}


def _loading(model: str):
    """From nothing to a network with weights from a file on disk."""
    import timm
    from safetensors.torch import save_file

    network = _torch_network(model)
    path = FOLDER / f"{model}_cached.safetensors"
    save_file(network.state_dict(), path)
    return lambda: timm.create_model(model, checkpoint_path=str(path)), _torch_facts(network)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    serve(load, PACKAGES)
