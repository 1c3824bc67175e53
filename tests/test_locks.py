"""Folders that one process at a time writes to."""

import os
import subprocess
import sys

import pytest

from kerazoo._files import staging
from kerazoo._locks import LOCK, holding, take_lock

HOLD = """
import sys, time
from pathlib import Path
from kerazoo._files import staging
from kerazoo._locks import holding
path = Path(sys.argv[2])
with {"holding": holding, "staging": staging}[sys.argv[1]](path) as folder:
    (folder or path).joinpath("half").write_text("half")
    print(folder or path, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other():
    """Starts another process that holds a folder, and kills it in the end."""
    started = []

    def start(what, path):
        words = [sys.executable, "-c", HOLD, what, str(path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        process.holds = process.stdout.readline().strip()
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    process.kill()  # SIGKILL; of one that has ended, nothing
    process.wait()
    process.stdout.close()


def refused(folder):
    with (
        pytest.raises(ValueError, match=r"`output` must be a folder that no other process"),
        holding(folder),
    ):
        raise AssertionError("held twice")


def test_the_second_is_refused_until_the_first_has_ended(tmp_path):
    folder = tmp_path / "runs" / "a"
    with holding(folder):
        refused(folder)
        (folder / "result").write_text("x")
    assert os.listdir(folder) == ["result"]
    with holding(folder):
        pass


def test_a_dead_process_holds_nothing(other, tmp_path):
    folder = tmp_path / "run"
    process = other("holding", folder)
    refused(folder)
    assert sorted(os.listdir(folder)) == [LOCK, "half"]
    kill(process)
    with holding(folder):
        assert (folder / LOCK).is_file()
    assert os.listdir(folder) == ["half"]


def test_a_folder_in_which_nothing_was_done_is_not_left(tmp_path):
    with pytest.raises(KeyError), holding(tmp_path / "a" / "b"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    (tmp_path / "kept").mkdir()
    with holding(tmp_path / "kept"):
        pass
    assert (tmp_path / "kept").is_dir()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="`output` must be a folder"), holding(tmp_path / "file"):
        pass


def test_a_lock_whose_file_was_removed_is_not_one(tmp_path):
    """Between opening and locking, who held it may have removed the file."""
    old = take_lock(tmp_path / LOCK)
    (tmp_path / LOCK).unlink()
    new = take_lock(tmp_path / LOCK)
    assert new is not None
    assert take_lock(tmp_path / LOCK) is None
    os.close(old)
    os.close(new)


def test_what_a_killed_export_left_goes_with_the_next(other, tmp_path):
    dead, alive = (other("staging", tmp_path / name) for name in ("a.onnx", "b.onnx"))
    (tmp_path / ".theirs.partial").mkdir()
    kill(dead)
    assert os.path.isdir(dead.holds)
    with staging(tmp_path / "c.onnx") as folder:
        assert not os.path.exists(dead.holds)
        assert os.path.isfile(f"{alive.holds}/half")
        assert (tmp_path / ".theirs.partial").is_dir()
    assert not folder.exists()
    left = {os.path.basename(alive.holds), ".theirs.partial"}
    assert set(os.listdir(tmp_path)) == left
