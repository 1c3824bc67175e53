"""Facts of the process that runs: what is installed, and the cores that it may use."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_facts() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = text.split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def cpu_instructions() -> set[str]:
    """What the processor has, as Linux names it (`"avx512_bf16"`); empty elsewhere."""
    facts = cpu_facts()
    return set((facts.get("flags") or facts.get("Features") or "").split())


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Package -> version, for those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def is_installed(module: str) -> bool:
    """Whether it could be imported; it is not."""
    return importlib.util.find_spec(module) is not None


def require(needs: Iterable[tuple[str, str]], purpose: str) -> None:
    """Complains of the first module that is not installed.

    Args:
        needs: Modules, and the extra of kerazoo that brings each.
        purpose: What they are needed for, in words.

    Raises:
        ImportError: It names the extra to install.
    """
    for module, extra in needs:
        if not is_installed(module):
            raise ImportError(
                f'{purpose} needs {module}, which is not installed: pip install "kerazoo[{extra}]"'
            )
