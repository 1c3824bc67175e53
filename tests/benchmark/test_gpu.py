"""The benchmark of accelerators runs on a CPU too."""

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
PARTS = runpy.run_path(str(SCRIPT))
SMALL = ("mobilenet_v1_025", 2, 32, 1)


@pytest.fixture(scope="module")
def found():
    return PARTS["measure"]("tensorflow", "mixed_bfloat16", *SMALL)


def test_both_ways_are_measured(found):
    assert found["device"] == "CPU" or found["device"].startswith("/")
    assert found["memory_mib"] > 50
    for what in ("train", "infer"):
        assert found[what]["pictures_per_second"] > 0
        assert found[what]["compile_seconds"] > 0  # tracing alone takes longer than two pictures
    assert json.loads(json.dumps(found)) == found


def test_the_table_is_in_units_of_timm(found):
    other = {**found, "backend": "timm"}
    other["train"] = {
        **found["train"],
        "pictures_per_second": 2 * found["train"]["pictures_per_second"],
    }
    table = PARTS["report"]([found, other])
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [row[5] for row in rows] == ["0.50", "1.00", "1.00", "1.00"]
    assert [row[3] for row in rows] == ["train", "infer"] * 2
    assert PARTS["report"]([found]).count("–") == 2


def test_what_is_not_installed_is_left_out(monkeypatch, capsys):
    monkeypatch.setitem(PARTS["main"].__globals__, "_installed", lambda backend: False)
    PARTS["main"](["--batch", "2"])
    assert capsys.readouterr().out.count("\n") == 2


def test_a_process_of_its_own(monkeypatch):
    """What is asked of it arrives, and what it says comes back."""
    asked = []

    def run(command, env, **_):
        asked.append((command, env["KERAS_BACKEND"]))
        return type("Done", (), {"returncode": 0, "stdout": 'noise\n{"a": 1}\n'})

    monkeypatch.setattr(PARTS["subprocess"], "run", run)
    args = type("Args", (), {"batch": 2, "size": 32, "steps": 1})
    assert PARTS["_in_own_process"]("timm", "float32", "mixnet_s", args) == {"a": 1}
    ((command, backend),) = asked
    assert command[:3] == [sys.executable, PARTS["__file__"], "--one"]
    assert json.loads(command[3]) == ["timm", "float32", "mixnet_s", 2, 32, 1]
    assert backend == "torch"
