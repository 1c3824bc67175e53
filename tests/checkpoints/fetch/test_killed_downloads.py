"""Downloads that are killed at random moments: what is there is whole, and the next one goes on."""

import random
import signal

import numpy as np
import pytest

from tests.processes import run_python

pytestmark = pytest.mark.faults

REPO, FILE, NAME = "me/net", "model.safetensors", "weights.h5"
DATA = np.random.default_rng(0).bytes(2_000_000)
TIMES, LONGEST = 12, 1.4  # seconds: the server takes one to send the file
# The alarm ends the process as SIGKILL does: wherever it is, and nothing is tidied up.
CODE = """
import signal, sys
from kerazoo.checkpoints.fetch.checkpoint import fetch_hub, fetch_url
import huggingface_hub, keras, tqdm
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
print({call})
"""


@pytest.mark.parametrize("source", ["hub", "address"])
def test_downloads_that_are_killed(source, hub, client):
    hub.add(REPO, {FILE: DATA})
    hub.files[NAME] = DATA
    calls = {
        "hub": f"fetch_hub({REPO!r}, {FILE!r})",
        "address": f"fetch_url('{hub.url}/files/{NAME}', {NAME!r})",
    }
    name, code = (FILE if source == "hub" else NAME), CODE.format(call=calls[source])
    hub.fault(name, "slow")
    draw, ends = random.Random(16), []
    for number in range(TIMES):
        seconds = draw.uniform(0, LONGEST) if number < TIMES - 1 else 0  # of the last one, no end
        done = run_python(code, seconds, env=client.environment)
        assert done.returncode in (0, -signal.SIGALRM), done.stderr
        ends.append(done.returncode)
        parts = {p for p in client.leftovers() if p.suffix in (".incomplete", ".part")}
        whole = [p for p in client.leftovers() if p not in parts]
        assert all(p.read_bytes() == DATA for p in whole)
        if done.returncode == 0:
            (path,) = done.stdout.split()
            with open(path, "rb") as file:
                assert file.read() == DATA
            for each in whole:  # the next one begins anew
                each.unlink()
    assert ends[-1] == 0
    assert ends.count(-signal.SIGALRM) >= TIMES / 3
