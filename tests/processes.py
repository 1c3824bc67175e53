"""Processes of their own for tests, without the seconds that importing TensorFlow takes.

A parent imports Keras and TensorFlow once (or `LIGHT`), computes nothing, and forks for each call.
What a test wants to see imported or not imported needs a true new process (`subprocess.run`), as
does what another backend or a variable read by Keras or TensorFlow changes.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FULL = ("keras", "tensorflow")
LIGHT = ("numpy", "h5py", "huggingface_hub.file_download", "ml_dtypes")  # of what reads files


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run_python(
    code: str, *arguments, cwd=None, env: dict[str, str] | None = None, ready=FULL
) -> Done:
    """`python -c code arguments…` where keras and tensorflow, or what is `ready`, are imported.

    Nothing of kerazoo is, nor huggingface_hub, which reads its environment when it is imported.
    """
    with tempfile.TemporaryDirectory() as folder:
        call = {
            "argv": ["-c", *map(str, arguments)],
            "code": code,
            "cwd": str(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env),
            "files": [f"{folder}/out", f"{folder}/err"],
        }
        parent = _parent(ready)
        parent.stdin.write(json.dumps(call) + "\n")
        parent.stdin.flush()
        returncode = int(parent.stdout.readline())
        return Done(returncode, *(Path(file).read_text() for file in call["files"]))


def run_jax(code: str, *arguments) -> Done:
    """`python -c code arguments…` in a new process where Keras runs on JAX.

    Each operation is compiled once for each shape, which takes longer than to run it.
    """
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@cache
def _parent(ready: tuple[str, ...]) -> subprocess.Popen:
    """Ends when its input ends, which is when this process does."""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [sys.executable, __file__, *ready],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def _serve(ready: list[str]) -> None:
    for name in ready:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _be(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _be(argv, code, cwd, env, files) -> None:
    """What `python -c` does, and then the end of this process."""
    import traceback

    status = 1
    try:
        for number, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.path[:] = ["", *[p for p in sys.path if p != str(Path(__file__).parent)]]
        sys.argv = argv
        for name in [m for m in sys.modules if m.partition(".")[0] == "huggingface_hub"]:
            del sys.modules[name]  # what it needs stays
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1:])
