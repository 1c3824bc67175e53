"""What a command says of options that it does not know, and what it keeps to itself."""

import os
import sys

import pytest

from kerazoo.cli import main
from kerazoo.cli._quiet import native_held_back
from tests.processes import run_python

WRONG = ("--l", "--t", "--w")  # how the options begin that no command has


@pytest.mark.parametrize(
    ("words", "command", "hint"),
    [
        (["predict", "mixnet_s", "a.jpg", "--limit", "3"], "predict", ""),
        (["evaluate", "mixnet_s", "--data", "x", "--limti=3"], "evaluate", "'--limit'"),
        (["check", "x", "--tsak", "segmentation"], "check", "'--task'"),
        (["list", "--what"], "list", ""),
    ],
)
def test_the_command_itself_says_which_option_is_wrong(capsys, words, command, hint):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: kerazoo {command} ")
    last = said.strip().rpartition("\n")[2]
    wrong = " ".join(words[next(i for i, w in enumerate(words) if w[:3] in WRONG) :])
    assert last.startswith(f"kerazoo {command}: error: unrecognized arguments: {wrong}.")
    assert hint in last


def test_fine_tuning_is_told_for_every_task(capsys):
    with pytest.raises(SystemExit):
        main(["finetune", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Fine-tune a trained classifier, detector or segmenter" in said
    assert "boxes as COCO, Pascal VOC or YOLO have them" in said
    assert "ssdlite_mobilenet_v2" in said


def test_native_chatter_is_held_back_and_our_own_words_pass(tmp_path):
    code = """
import os, sys
from kerazoo.cli._quiet import native_held_back
with native_held_back():
    os.write(2, b"chatter\\n")
    print("ours", file=sys.stderr)
print("after", file=sys.stderr)
try:
    with native_held_back():
        os.write(2, b"reason\\n")
        raise ValueError
except ValueError:
    print("told", file=sys.stderr)
"""
    done = run_python(code)
    assert done.returncode == 0
    assert done.stderr.split() == ["ours", "after", "reason", "told"]


def test_what_stands_in_for_stderr_is_left_alone(capsys):
    before = sys.stderr
    with native_held_back():
        assert sys.stderr is before
        os.write(2, b"")
        print("ours", file=sys.stderr)
    assert capsys.readouterr().err == "ours\n"
