"""What is printed on consoles of every encoding, and names that are made to do harm there."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from kerazoo.cli._output import complain, print_json, print_table, say, shown
from kerazoo.cli._quiet import use_onednn
from tests import ROOT

ESC = "\x1b[31m"
NAMES = ["café.png", "猫.png", f"a{ESC}b.png", "two\nlines.png", "bidi\u202egnp.png", "\x9b2J.png"]

CODE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from kerazoo.cli import predict
from kerazoo.cli._output import prepare_output
prepare_output()
task = SimpleNamespace(
    rows=lambda p: [(p, "99.0 %")], json=lambda p: [{"name": p}], columns=("class", "score"),
    fields=("name",),
)
results = [(Path(name), name) for name in sys.argv[2:]]
{"table": predict.print_predictions, "json": predict._print_json, "csv": predict._print_csv}[
    sys.argv[1]
](task, results)
"""


def printed(form, encoding, names):
    done = subprocess.run(
        [sys.executable, "-c", CODE, form, *names],
        env={
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": encoding,
            "PATH": "",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "latin-1"])
def test_no_result_is_lost_on_any_console(encoding):
    names = [*map(os.fsencode, NAMES), b"no\xffutf8.png"]
    lines = printed("table", encoding, names).splitlines()
    assert len(lines) == 2 + len(names)  # header, rule, and a line for each
    assert all("99.0 %" in line for line in lines[2:])
    rule = "─" if encoding == "utf-8" else "-"
    assert set(lines[1]) == {rule, " "}
    assert "a\\x1b[31mb.png" in lines[4]
    assert "two\\nlines.png" in lines[5]
    assert "bidi\\u202egnp.png" in lines[6]
    assert "\\x9b2J.png" in lines[7]
    assert "no\\xffutf8.png" in lines[8]
    assert ("café.png" if encoding != "ascii" else "caf\\xe9.png") in lines[2]
    assert ("猫.png" if encoding == "utf-8" else "\\u732b.png") in lines[3]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "latin-1"])
def test_json_and_csv_stay_what_they_are(encoding):
    names = [*map(os.fsencode, NAMES), b"no\xffutf8.png"]
    text = printed("json", encoding, names)
    assert [entry["picture"] for entry in json.loads(text)] == [*NAMES, "no\udcffutf8.png"]
    assert "\x1b" not in text
    assert "\x9b" not in text
    rows = list(csv.reader(io.StringIO(printed("csv", encoding, names), newline="")))
    assert len(rows) == 1 + len(names)
    assert rows[4][0] == "two\nlines.png"
    assert rows[7][0] == "no\\udcffutf8.png"


def test_lines_and_complaints_hold_nothing_to_obey(capsys):
    say(f"top {ESC}1", "second\nline")
    complain(f"error: {ESC} of\ntwo lines \udcff")
    print_table(("a",), [[f"{ESC}x"]])
    print_json({"a": "\x1b\x7f\x9b"})
    out, err = capsys.readouterr()
    table = "a\n─────────\n\\x1b[31mx\n"
    facts = '{\n "a": "\\u001b\\u007f\\u009b"\n}\n'
    assert out == "top \\x1b[31m1\nsecond\\nline\n" + table + facts
    assert err == "kerazoo: error: \\x1b[31m of two lines \\xff\n"


def test_ordinary_text_is_left_alone():
    text = "Grüße, 猫 🐈‍⬛ – 5 × 5 … ─ naïve\\path"
    assert shown(text) == text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_command_itself(encoding):
    done = subprocess.run(
        [sys.executable, "-m", "kerazoo.cli", "list", "mobilenet_v1*"],
        env={
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": encoding,
            "PATH": "",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"mobilenet_v1_100" in done.stdout
    assert b"----" in done.stdout


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("0", "0")])
def test_tensorflow_uses_onednn_unless_told_otherwise(monkeypatch, given, used):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given or "")
    if given is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    use_onednn()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == used


def test_onednn_is_left_alone_once_tensorflow_is_there(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    use_onednn()
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
