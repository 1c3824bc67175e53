"""A hub on the loopback interface, and Python processes that talk to it with the real client.

The client reads its environment when it is imported, hence a process for each call: forked, but
for those that are killed or run side by side.
"""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from tests import ROOT
from tests.hub_server import HubServer
from tests.processes import LIGHT, run_python


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


class Client:
    """Runs code in fresh processes that share one cache."""

    PRELUDE = (
        "from kerazoo.checkpoints.fetch.checkpoint import *\n"
        "from kerazoo.checkpoints.records import *\n"
    )

    def __init__(self, hub, folder):
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))},
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(folder / "hf"),
            "KERAS_HOME": str(folder / "keras"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "1",  # a protocol of its own, which the server does not speak
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "KERAS_BACKEND": "numpy",  # fetching needs no network library
            "PYTHONPATH": str(ROOT),
            "no_proxy": "127.0.0.1",
        }

    def start(self, code, **environment):
        return subprocess.Popen(
            [sys.executable, "-c", self.PRELUDE + textwrap.dedent(code)],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out.strip()

    def run(self, code, **environment):
        code = self.PRELUDE + textwrap.dedent(code)
        done = run_python(code, env={**self.environment, **environment}, ready=LIGHT)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def error(self, call, **environment):
        """The DownloadError of a call, and the seconds until it came."""
        code = f"""
            import time
            start = time.perf_counter()
            try:
                {call}
            except DownloadError as error:
                print(f"{{time.perf_counter() - start:.2f}} {{error}}")
            """
        seconds, _, message = self.run(code, **environment).partition(" ")
        assert message
        assert "\n" not in message
        return message, float(seconds)

    def leftovers(self):
        """Files of the caches that hold content: whole or partial, but no lock or note."""
        found = [p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink()]
        notes = (".lock", ".json", ".TAG")
        return [p for p in found if not p.name.endswith(notes) and "refs" not in p.parts]


@pytest.fixture
def client(hub, tmp_path):
    return Client(hub, tmp_path)


def free_port_url():
    """An address where nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def nowhere():
    return free_port_url()


@pytest.fixture
def wait_for():
    def wait(condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait
