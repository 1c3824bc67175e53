"""The worker's side of peers.py: loads networks and runs them when told, over a pipe.

One request a line on standard input, one answer a line on standard output, both JSON:

* `{"do": "load", "engine": …, "model": …, "batch": …}` -> `{"seconds": …, "facts": {…}}`
* `{"do": "run", "key": [engine, model, batch], "repeats": n}` -> `{"seconds": [n numbers]}`
* `{"do": "versions"}` -> `{"versions": {…}}`

An answer with `error` says why it could not be done. This file is used in several environments:
it needs nothing but Python and the project's files.
"""

import importlib.metadata
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The file alone: environments of peers cannot import the package.
TIMING = runpy.run_path(str(Path(__file__).parents[1] / "kerazoo" / "benchmark" / "timing.py"))

Load = Callable[[str, str, int], tuple[Callable[[], Any], dict]]


def serve(load: Load, packages: tuple[str, ...]) -> None:
    """Answers requests until standard input ends.

    Args:
        load: `load(engine, model, batch)` gives a function that runs the network once, and facts.
        packages: Whose versions are told.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    runs: dict[tuple, Callable[[], Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answer(request, load, runs, packages)
        except Exception as error:  # told to the driver, which goes on without this cell
            text = " ".join(str(error).split())
            answer = {"error": f"{type(error).__name__}: {text}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request, load: Load, runs, packages) -> dict:
    if request["do"] == "versions":
        return {"versions": _versions(packages)}
    if request["do"] == "load":
        key = (request["engine"], request["model"], request["batch"])
        start = time.perf_counter()
        runs[key], facts = load(*key)
        runs[key]()
        return {"seconds": time.perf_counter() - start, "facts": facts}
    return {"seconds": TIMING["timed"](runs[tuple(request["key"])], request["repeats"])}


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
