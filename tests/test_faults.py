"""Processes that end in the middle, disks that are full or read-only, pictures that are damaged.

For `make faults`: each is tried at moments and places that a seed chooses.
"""

import contextlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from PIL import Image

from kerazoo._files import PARTIAL
from tests import ROOT, picture_files
from tests.processes import run_python

pytestmark = pytest.mark.faults

# Ends the process wherever it is, in Python or in native code, and lets nothing be tidied up.
# Seconds are the process's own, of all its threads: how far it gets is no matter of other work.
TIMER = """
import signal, sys
signal.signal(signal.SIGPROF, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_PROF, {seconds})
"""
CLOCK = "\nimport time; print(time.process_time())"
# A network of a few layers: what is killed does not care which.
NETWORK = """
import kerazoo
from tests.tiny import TinyNet
kerazoo.register_model(TinyNet)
"""
TRAIN = """
from kerazoo.training import load_recipe, train
recipe = load_recipe(sys.argv[1])
print(train(recipe, sys.argv[2], backup_every=1, progress=False)["steps"])
"""
FINETUNE = """
from kerazoo.training import finetune
finetune(sys.argv[1], sys.argv[2], sys.argv[3], epochs=2, unfreeze_epochs=2, batch_size=8, size=32)
"""
EXPORT = """
from kerazoo.deploy import export
sizes = {"input_shape": (32, 32, 3), "classes": 3}
model = kerazoo.create_model("tiny_net", weights=None, **sizes)
how = {"preprocessing": kerazoo.Preprocessing(size=(32, 32))}
export(model, sys.argv[1], sys.argv[2], **how, force=True)
"""
FORMATS = {"savedmodel": "net", "litert": "net.tflite", "onnx": "net.onnx", "openvino": "net.xml"}
RECIPE = """
model = "tiny_net"
epochs = 3
batch_size = 8
[arguments]
stem_strides = 1
[data]
name = "{data}"
fractions = {{ train = 0.75, validation = 0.25 }}
train = "train"
test = "validation"
[optimizer]
ema = 0.9
"""


def run(code, *arguments, seconds=0.0):
    """What became of a process; with `seconds` its end comes after so many."""
    return run_python(TIMER.format(seconds=seconds) + NETWORK + code, *arguments)


def timed(code, *arguments):
    """The seconds that a whole process takes."""
    done = run(code + CLOCK, *arguments)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def killed(code, whole, seed, *arguments, times):
    """Ends that many processes at random moments of the time that a whole one takes."""
    rng, ended = random.Random(seed), 0
    for _ in range(times):
        done = run(code, *arguments, seconds=rng.uniform(0.02, 0.7) * whole)
        assert done.returncode in (0, -signal.SIGPROF), done.stderr
        ended += done.returncode != 0
    return ended


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Pictures of two classes that are told apart at once."""
    folder, rng = tmp_path_factory.mktemp("data") / "colours", np.random.default_rng(0)
    for name, colour in (("blue", (40, 60, 190)), ("red", (190, 60, 40))):
        (folder / name).mkdir(parents=True)
        for i in range(24):
            pixels = np.clip(np.array(colour) + rng.normal(0, 20, (32, 32, 3)), 0, 255)
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{i}.png")
    return folder


def weights(path):
    from kerazoo.checkpoints.read.tensors import read_tensors

    return read_tensors(path)


def test_training_that_is_killed_ends_as_if_it_were_not(colours, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=colours))
    whole = timed(TRAIN, recipe, tmp_path / "whole")
    ended = killed(TRAIN, whole, 1, recipe, tmp_path / "killed", times=6)
    assert ended >= 2
    timed(TRAIN, recipe, tmp_path / "killed")
    ours, theirs = (weights(tmp_path / each / "model.weights.h5") for each in ("killed", "whole"))
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert not [p for p in (tmp_path / "killed").rglob("*") if PARTIAL in p.name]


def test_fine_tuning_that_is_killed_ends_with_all_its_files(colours, tmp_path):
    start = tmp_path / "start"
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=colours))
    timed(TRAIN, recipe, start)
    whole = timed(FINETUNE, start, colours, tmp_path / "whole")
    ended = killed(FINETUNE, whole, 2, start, colours, tmp_path / "killed", times=5)
    assert ended >= 1
    timed(FINETUNE, start, colours, tmp_path / "killed")
    names = [{p.name for p in (tmp_path / each).iterdir()} for each in ("killed", "whole")]
    assert names[0] == names[1] >= {"model.keras", "model.safetensors", "README.md", "run.json"}
    ours, theirs = (weights(tmp_path / each / "model.safetensors") for each in ("killed", "whole"))
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_is_killed_leaves_a_whole_file_or_none(format, tmp_path):
    from kerazoo.deploy import Runner

    path = tmp_path / FORMATS[format]
    whole = timed(EXPORT, path, format)
    found = {p.name for p in tmp_path.iterdir()}
    x = np.zeros((1, 32, 32, 3), "float32")
    for seed in range(4):
        killed(EXPORT, whole, seed, path, format, times=1)
        assert Runner(path)(x).shape == (1, 3)  # the old one or the new one
        others = {p.name for p in tmp_path.iterdir()} - found
        assert all(name.endswith(PARTIAL) for name in others)
    timed(EXPORT, path, format)
    assert {p.name for p in tmp_path.iterdir()} == found  # what the dead ones left is gone


def test_interrupts_are_quiet(tmp_path):
    """Ctrl-C while Python imports, and while pictures are read."""
    Image.fromarray(picture_files.smooth()).save(tmp_path / "a.png")
    code = """if True:
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # where the parent ignores it
        from kerazoo.cli import main
        print("here", flush=True)
        sys.exit(main(sys.argv[1:]))
    """
    words = ["predict", "mobilenet_v1_025", str(tmp_path), "--weights", str(tmp_path / "none.h5")]
    seen = set()
    for seconds in (0.05, 0.3, 0.6, 1, 2, 4, 6):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout.readline() == "here\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        seen.add(process.returncode)
        if process.returncode == 130:
            assert errors.strip() == "kerazoo: interrupted"
        else:  # it was over
            assert process.returncode == 2, errors
    assert 130 in seen


FULL = """
import resource, os
most = int(sys.argv[3])
logging.raiseExceptions = False  # TensorFlow's logging meets the limit too
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
"""


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("most", [0, 1000, 10_000])
def test_an_export_to_a_full_disk_says_so_and_leaves_nothing(format, most, tmp_path):
    told = """
except OSError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # it holds for what is printed too
    print(error)
"""
    body = EXPORT.replace("\n", "\n    ").replace(
        "force=True)",
        "force=True); resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)); print('written')",
    )
    done = run(f"{FULL}\ntry:{body}{told}", tmp_path / FORMATS[format], format, most)
    assert done.returncode == 0, done.stderr
    if "written" not in done.stdout:
        assert re.search("Cannot be written|File too large", done.stdout)
        assert not list(tmp_path.iterdir())


# The command, so often: with room for files of so many bytes alone, from the start of an epoch on.
ON_FULL_DISKS = """
import contextlib, io, json, logging, resource, signal
from kerazoo.cli import main
from kerazoo.training.callbacks import Bookkeeping

logging.raiseExceptions = False  # TensorFlow's logging meets the limit too
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
begin = Bookkeeping.on_epoch_begin

def full(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))

def ended(most, at):
    def begun(self, epoch, logs=None):
        if epoch == at:
            full(most)
        begin(self, epoch, logs)

    Bookkeeping.on_epoch_begin = begun
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        full(hard if at is not None else most)
        status = main(["train", sys.argv[1], "--output", sys.argv[2], "--backup-every", "1"])
    full(hard)  # it would hold for what is printed too
    return status, said.getvalue()

print(json.dumps([ended(*each) for each in json.loads(sys.argv[3])]))
"""


def test_training_on_a_full_disk_goes_on_when_there_is_room(colours, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=colours))
    timed(TRAIN, recipe, tmp_path / "whole")
    # The last two are the log, of which a line is half there, and the backup.
    times = [(0, None), (700, None), (3000, None), (10_000, None), (50_000, None), (60, 0), (99, 1)]
    done = run(ON_FULL_DISKS, recipe, tmp_path / "full", json.dumps(times))
    assert done.returncode == 0, done.stderr  # no signal
    written = set()
    for status, said in json.loads(done.stdout.splitlines()[-1]):
        last = said.strip().splitlines()[-1]
        assert status == 2, said
        assert "Traceback" not in said
        assert last.startswith("kerazoo: error: OSError: "), said
        written.add(re.search(r"File too large: '.*/full/(.*)'$", last)[1])
    assert written >= {"recipe.json", "run.json", "log.csv"}, written
    assert written & {"best.weights.h5", "backup/state.npz"}
    timed(TRAIN, recipe, tmp_path / "full")
    ours, theirs = (weights(tmp_path / each / "model.weights.h5") for each in ("full", "whole"))
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5, err_msg=name)
    logs = [(tmp_path / each / "log.csv").read_text().splitlines() for each in ("full", "whole")]
    assert [line.partition(",")[0] for line in logs[0]] == ["epoch", "0", "1", "2"]
    assert len(logs[0]) == len(logs[1])


NOBODY = """
import os
if os.geteuid() == 0:
    os.setuid(65534)  # to root nothing is read-only
"""


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_that_is_read_only(format):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        done = run(NOBODY + EXPORT, f"{folder}/{FORMATS[format]}", format)
        assert "in a folder that can be written to" in done.stderr
        assert os.listdir(folder) == []


@pytest.mark.filterwarnings("ignore")  # of Pillow, about damages
def test_damaged_pictures_are_read_alike_or_refused(capfd):
    """3,000 damages of files of every kind: no path crashes, and where both read, both see one."""
    import tensorflow as tf

    from kerazoo._reading import read_picture
    from kerazoo.pictures import PictureError, open_picture

    rng, files, counts = np.random.default_rng(3), list(picture_files.every_kind().items()), {}
    for i in range(3000):
        name, data = files[i % len(files)]
        data = bytearray(data)
        if i % 3 == 0:
            data = data[: rng.integers(len(data))]
        else:
            for at in rng.integers(0, len(data), rng.integers(1, 6)):
                data[at] = rng.integers(256)
        seen = []
        with contextlib.suppress(PictureError):
            seen.append(np.asarray(open_picture(bytes(data))))
        with contextlib.suppress(tf.errors.OpError):
            seen.append(read_picture(tf.constant(bytes(data))).numpy())
        kind = ("both refuse", "one refuses", "other pixels")[len(seen)]
        if len(seen) == 2 and np.array_equal(*seen):
            kind = "equal"
        assert len({each.shape for each in seen}) < 2, name
        counts[kind] = counts.get(kind, 0) + 1
    assert sum(counts.values()) == 3000
    assert counts["both refuse"] > 300
    # Decoders make different things of a JPEG whose coefficients are nonsense.
    assert counts.get("other pixels", 0) < 100, counts
    with capfd.disabled():
        print(counts, end=" ")


@pytest.mark.filterwarnings("ignore")
def test_pictures_cut_at_every_byte():
    """A prefix of a picture is refused, unless all pixels are there."""
    from kerazoo.pictures import PictureError, open_picture

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 9, 3), "uint8"))
    for kind in ("PNG", "GIF", "BMP", "TIFF", "WEBP"):
        file = io.BytesIO()
        picture.save(file, kind)
        data, refused = file.getvalue(), 0
        whole = np.asarray(open_picture(data))
        for end in range(len(data)):
            try:
                found = open_picture(data[:end])
            except PictureError:
                refused += 1
            else:
                np.testing.assert_array_equal(found, whole, err_msg=f"{kind} cut at {end}")
        assert refused > 30, kind
