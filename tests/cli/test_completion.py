"""Shells complete commands, options, model ids and files."""

import shutil
import subprocess

import pytest

from kerazoo.cli import COMMANDS, main


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    from contextlib import redirect_stdout

    path = tmp_path_factory.mktemp("completion") / "kerazoo.bash"
    with open(path, "w") as file, redirect_stdout(file):
        assert main(["completion", "bash"]) == 0
    return path


def completed(script, *words):
    """What bash offers for the last of these words."""
    shell = shutil.which("bash")
    assert shell is not None
    line = " ".join(f'"{word}"' for word in ("kerazoo", *words))
    code = f'source "{script}"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _kerazoo; '
    done = subprocess.run(
        [shell, "--norc", "-c", code + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=True,
        cwd=script.parent,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash(script):
    (script.parent / "mixed.jpg").touch()
    assert completed(script, "pre") == ["predict"]
    assert set(completed(script, "")) == set(COMMANDS)
    assert completed(script, "predict", "mixnet_x") == ["mixnet_xl"]
    assert completed(script, "predict", "mixed") == ["mixed.jpg"]
    assert completed(script, "predict", "mixnet_s", "mixnet_") == []  # pictures, not models
    assert completed(script, "train", "mixnet_") == []  # recipes
    assert completed(script, "export", "x", "--prec") == ["--precision"]


def test_other_shells(capsys):
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("autoload -U +X bashcompinit && bashcompinit\n_kera")
    assert main(["completion", "fish"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 'complete -c kerazoo -n "__fish_seen_subcommand_from export" -l precision' in lines
    assert any("seen_subcommand_from info" in line and "mixnet_xl" in line for line in lines)
