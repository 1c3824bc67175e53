"""Files that were written to do harm, and whole files that were damaged at random places.

Whatever a reader is given, it answers within a second and half a gigabyte: with arrays, or with a
`ValueError` that names the file. A process of its own does the reading, because HDF5 is a library
in C, in which a damaged file may end the process.
"""

import json

import pytest

from tests import ROOT
from tests.checkpoints.read.hostile import HOSTILE, WHOLE
from tests.processes import LIGHT, run_python

MANY = 1000  # times three seeds
# Reads damaged copies of a file; prints how often it was read and refused, or what went wrong.
CODE = """
import json, random, resource, sys, time, warnings
from pathlib import Path
import h5py, ml_dtypes, numpy  # what is imported at the first use would count as time
from kerazoo.checkpoints.read.tensors import read_tensors, tensor_names
from kerazoo.checkpoints.read.keras import stored_config
from tests.damage import damaged_bytes

path, seed, times, seconds = Path(sys.argv[1]), *map(int, sys.argv[2:5])
memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (memory + 500_000_000,) * 2)
whole, draw = path.read_bytes(), random.Random(seed)
counts, wrong = {"read": 0, "refused": 0}, []

for number in range(times):
    if times > 1 or seed:
        path.write_bytes(damaged_bytes(whole, draw))
    for read in (read_tensors, tensor_names, stored_config):
        start = time.process_time()
        try:
            read(path)
            outcome = "read"
        except ValueError as error:
            outcome = "refused"
            if str(path) not in str(error) or len(str(error)) > 2000 or "\\n" in str(error):
                wrong.append((number, read.__name__, "words", str(error)[:300]))
            elif times == 1 and read is read_tensors:
                counts["words"] = str(error)
        except BaseException as error:
            outcome = "refused"
            wrong.append((number, read.__name__, type(error).__name__, str(error)[:300]))
        counts[outcome] += read is read_tensors
        if (took := time.process_time() - start) > seconds:
            wrong.append((number, read.__name__, "seconds", round(took, 2)))
print(json.dumps({**counts, "wrong": wrong}))
"""


def read_in_a_process(path, seed=0, times=1, seconds=1):
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OPENBLAS_NUM_THREADS": "1"}
    words = (path, seed, times, seconds)
    done = run_python(CODE, *words, cwd=ROOT, env=environment, ready=LIGHT)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_read(tmp_path, name):
    WHOLE[name](tmp_path / name)
    found = read_in_a_process(tmp_path / name)
    assert (found["read"], found["wrong"]) == (1, [])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_a_second_and_half_a_gigabyte(tmp_path, name):
    write, words = HOSTILE[name]
    write(tmp_path / name)
    # Two million opcodes are the most that a state dict may have: they take their time.
    found = read_in_a_process(tmp_path / name, seconds=3 if name == "opcodes.pth" else 1)
    assert (found["refused"], found["wrong"]) == (1, [])
    assert words in found["words"]


@pytest.mark.parametrize("name", WHOLE)
def test_damaged_files_are_read_or_refused_by_name(tmp_path, name):
    WHOLE[name](tmp_path / name)
    found = read_in_a_process(tmp_path / name, seed=16, times=150)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == 150
    assert found["refused"] > 20


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("name", WHOLE)
def test_many_damaged_files(tmp_path, name, seed):
    WHOLE[name](tmp_path / name)
    found = read_in_a_process(tmp_path / name, seed, times=MANY)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == MANY
