"""Matplotlib figures as PNG files, where Matplotlib is installed."""

import io
import os
from pathlib import Path
from typing import Any

from kerazoo._files import write_bytes


def check_matplotlib() -> None:
    """Raises `ImportError` where no figure could be drawn."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError('figures need Matplotlib: pip install "kerazoo[plot]"') from error


def new_figure(size: tuple[float, float], dpi: int = 100) -> Any:
    """An empty `matplotlib.figure.Figure`, width and height in inches."""
    check_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained", dpi=dpi)


def save_figure(figure: Any, path: str | os.PathLike) -> None:
    """A figure as PNG, replacing an older file only once the new one is whole."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_bytes(Path(path), buffer.getvalue())
