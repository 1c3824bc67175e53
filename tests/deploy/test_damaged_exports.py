"""Exported files that were damaged: they run, or are refused by name in one line; none crashes."""

import json

import pytest

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import read_record
from tests import picture_files
from tests.damage import mistakes
from tests.processes import run_python
from tests.tiny import tiny_classifier

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

FORMATS = {"litert": "net.tflite", "onnx": "net.onnx", "openvino": "net.xml"}
# Opens and runs damaged copies, each in a process of its own: the runtimes are libraries in C++.
CODE = """
import json, os, random, resource, signal, sys
from pathlib import Path
import numpy as np
import ai_edge_litert.interpreter, onnxruntime, openvino
from kerazoo.deploy.runtimes import open_runtime
from tests.damage import damaged_bytes

format, path, damaged, seed, times = sys.argv[1], *map(Path, sys.argv[2:4]), *sys.argv[4:]
draw, whole, counts, wrong = random.Random(int(seed)), damaged.read_bytes(), {}, []

def opened():
    try:
        outputs = open_runtime(format, path, 1)(np.zeros((1, 32, 32, 3), "float32"))
        return "read" if all(isinstance(y, np.ndarray) for y in outputs.values()) else "no arrays"
    except ValueError as error:
        text = str(error)
        return "refused" if path.name in text and "\\n" not in text and len(text) < 1500 else text
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

for number in range(int(times)):
    damaged.write_bytes(damaged_bytes(whole, draw))
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        os.write(writer, opened()[:3000].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        outcome = said.read()
    _, status = os.waitpid(child, 0)
    outcome = outcome if status == 0 else f"signal {os.waitstatus_to_exitcode(status)}"
    counts[outcome] = counts.get(outcome, 0) + 1
    if outcome not in ("read", "refused"):
        wrong.append((number, outcome))
print(json.dumps({"counts": counts, "wrong": wrong}))
"""


RECORD = kerazoo.Preprocessing(size=(32, 32))


@pytest.fixture(scope="module")
def exported(tiny_net, tmp_path_factory):
    sizes = {"input_shape": (32, 32, 3), "classes": 3}
    model = kerazoo.create_model(tiny_net, weights=None, **sizes)
    folder = tmp_path_factory.mktemp("exported")
    for format, name in FORMATS.items():
        export(model, folder / name, format, preprocessing=RECORD)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "net.onnx"
    return export(tiny_classifier(classes=3), path, "onnx", preprocessing=RECORD)


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("damaged", [*FORMATS.values(), "net.bin"])
def test_damaged_networks(damaged, seed, exported, tmp_path):
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / damaged.replace(".bin", ".xml")
    (format,) = (format for format, name in FORMATS.items() if name == path.name)
    done = run_python(CODE, format, path, tmp_path / damaged, seed, 100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["counts"]["refused"] > 20


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.faults)])
def test_values_of_any_type_in_a_record(every, small, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(small.read_bytes())
    record = tmp_path / "net.onnx.json"
    whole = json.loads(small.with_name("net.onnx.json").read_text())
    counts = {"read": 0, "refused": 0}
    for place, new, value in mistakes(whole, every):
        record.write_text(json.dumps(value))
        try:
            read_record(path)
            assert len(Runner(path).predict([picture_files.smooth()])[0]) > 0
            counts["read"] += 1
        except ValueError as error:
            words = f"{place} = {str(new)[:40]!r}: {error}"
            assert len(words) < 1500, words
            assert "`" in words, words
            assert "\n" not in words, words
            counts["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{place} = {str(new)[:40]!r}: {error!r}") from error
    assert counts["refused"] > 3 * counts["read"] > 0
