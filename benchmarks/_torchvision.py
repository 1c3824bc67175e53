"""torchvision for benchmarks, whatever build of it is there.

That of PyPI is made for PyTorch with CUDA: beside a CPU build its operators in C++ cannot be
loaded, and importing it fails at the first of them. Networks do not need them; suppression of boxes
does.
"""

import sys
from collections.abc import Callable
from typing import Any

_kept: list[Any] = []  # operators live as long as what defined them


def import_torchvision() -> tuple[Any, bool]:
    """torchvision, and whether its operators are there.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import torchvision
    except RuntimeError:  # operator torchvision::nms does not exist
        import torch

        for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)
        import torchvision

        return torchvision, False
    return torchvision, bool(torchvision.extension._has_ops())


def eager_and_compiled(network: Any, x: Any, compile: bool = True) -> dict[str, Callable[[], Any]]:
    """`"eager"` and, where PyTorch's compiler finds a C++ compiler, `"compiled"`: calls on x.

    Compiling takes minutes; `compile=False` leaves it out.
    """
    import torch

    def inferred(call: Callable[[Any], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with torch.inference_mode():
                return call(x)

        return run

    runs = {"eager": inferred(network)}
    if not compile:
        return runs
    compiled = inferred(torch.compile(network))
    try:
        compiled()
    except Exception as error:  # the compiler's errors are of many kinds
        print(f"torch.compile left out: {str(error).splitlines()[0][:200]}", file=sys.stderr)
    else:
        runs["compiled"] = compiled
    return runs


def through_openvino(network: Any, x: Any, file: Any) -> None:
    """Writes a network of PyTorch as OpenVINO's file, in float32, for inputs like x."""
    import openvino

    converted = openvino.convert_model(network, example_input=x, input=list(x.shape))
    openvino.save_model(converted, str(file), compress_to_fp16=False)
