"""What a measurement depends on besides the network: processor, cores, versions, load."""

import os
import platform
from typing import Any

from kerazoo._machine import cores, cpu_facts, cpu_instructions, installed_versions

PACKAGES = (
    *("kerazoo", "keras", "tensorflow", "numpy", "openvino", "onnxruntime", "ai-edge-litert"),
    *("nncf", "torch", "timm", "tf_keras", "tf2cv", "pytorchcv"),
)
# Instructions that decide which kernels a runtime takes.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")


def describe_machine() -> dict[str, Any]:
    """Processor, instructions, cores, memory, system, and versions of what is installed.

    `load_average` is the number of processes that wanted to run in the last minute: above a
    fraction of one core, others were at work and times are too long.
    """
    flags = cpu_instructions()
    return {
        "cpu": cpu_facts().get("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": installed_versions(PACKAGES),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
