"""Serves the app: where it listens, what it takes, and that nothing of it stays."""

import ipaddress
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kerazoo._bounds import UPLOAD_BYTES
from kerazoo._checks import check_int, check_text
from kerazoo._machine import require

HOST, PORT = "127.0.0.1", 7860


def serve(
    models: Sequence[str] = (),
    *,
    host: str = HOST,
    port: int = PORT,
    benchmarks: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Runs the app until it is interrupted.

    Visitors' files are kept in a folder of their own, which goes when the app ends; Gradio deletes
    them after a quarter of an hour. No link is shared, and nothing is reported to anybody. Where
    others than this machine can reach the app, they can open the offered networks alone.

    Args:
        models: Networks that are offered first, by any name.
        host: Address to listen on: by default for this machine alone.
        port: To listen on.
        benchmarks: Reports of `kerazoo benchmark`, for the plot of models.

    Raises:
        ImportError: Gradio is not installed.
        ValueError: A wrong host or port.
        OSError: Something else listens there.
    """
    require([("gradio", "app")], "The app")
    check_text("host", host)
    check_int("port", port, 1, 65535)
    from kerazoo.app.networks import Networks

    networks = Networks(models, anything=is_loopback(host))
    with _own_folder():
        _launch(networks, host, port, benchmarks)


def _launch(networks: Any, host: str, port: int, benchmarks: Iterable[Mapping[str, Any]]) -> None:
    import gradio as gr

    from kerazoo.app.page import make_page, stylesheet

    page = make_page(networks, benchmarks)
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        max_file_size=UPLOAD_BYTES.value,
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        footer_links=[],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=stylesheet(),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _own_folder() -> Iterator[None]:
    """Gradio's folder for uploads, which goes at the end, and its analytics off."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="kerazoo-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        try:
            yield
        finally:
            for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]
