"""`score`: parts to workers, and a folder that goes on where it was left."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo import __version__
from kerazoo._checks import check_choice, check_flag, check_int, check_number, check_text, checked
from kerazoo._errors import invalid
from kerazoo._files import read_json, write_json
from kerazoo._locks import holding
from kerazoo._machine import require
from kerazoo.checkpoints.records import all_checkpoints
from kerazoo.registry import catalogue
from kerazoo.scoring.on_ray import run_on_ray
from kerazoo.scoring.parts import Part, divide
from kerazoo.scoring.worker import Done, Worker
from kerazoo.scoring.writing import FORMS, count, part_path, unreadable_path
from kerazoo.tasks import TASKS

ENGINES = ("process", "ray")
PLAN, RESULT = "scoring.json", "result.json"


@dataclass(frozen=True)
class Scored:
    """What `score` left.

    Attributes:
        folder: With the files.
        files: Of answers, in the order of the pictures.
        pictures: How many there are.
        unreadable: How many of them could not be read.
        parts: How many files.
        resumed: How many of these were there before.
        seconds: How long it took.
    """

    folder: Path
    files: tuple[Path, ...]
    pictures: int
    unreadable: int
    parts: int
    resumed: int
    seconds: float

    @property
    def complaints(self) -> Iterator[str]:
        """What is wrong with each picture that could not be read, a line each."""
        for file in self.files:
            path = unreadable_path(file)
            if path.is_file():
                yield from path.read_text(encoding="utf-8").splitlines()


@checked(
    *("what", "output", "weights", "size", "like", "runtime", "labels", "exact", "settings", "tell")
)
def score(
    what: str | os.PathLike,
    pictures: Any,
    output: str | os.PathLike,
    *,
    engine: str = "process",
    form: str = "parquet",
    part_size: int = 1024,
    column: str | None = None,
    workers: int | None = None,
    cpus: int | None = None,
    gpus: float = 0,
    address: str | None = None,
    weights: str | os.PathLike | None = None,
    size: int | None = None,
    like: str | None = None,
    runtime: str | None = None,
    batch_size: int = 32,
    labels: str | Sequence[str] | None = None,
    exact: bool = True,
    settings: dict[str, Any] | None = None,
    force: bool = False,
    tell: Callable[[Done, int, int], None] | None = None,
    **how: Any,
) -> Scored:
    """What a network says of many pictures, in files of a folder; goes on where it was left.

    The pictures are divided into parts, each of which makes one file, `part-000000.parquet` and so
    on in their order, that is whole or not there. The same call leaves alone what is there, so a
    run that was killed goes on. A row has `picture`, `predictions` (as `kerazoo predict --json`
    prints them) and `error`, of which one is null; unreadable pictures are named in
    `part-000000.unreadable.txt` too.

    >>> score("mixnet_s", "photographs/", "scores/", engine="ray")   # doctest: +SKIP

    Args:
        what: Name of a network, as for `kerazoo.predict`: each worker opens it for itself.
        pictures: A path or several: pictures, folders, globs; `.txt` files with a path a line;
            Parquet files with a column of paths or of bytes; tar files (WebDataset); or a folder of
            such files. All of one kind. With several machines each has to see them.
        output: Folder, for the files; each machine has to see it.
        engine: `"process"`, or `"ray"`: workers on a Ray cluster (`pip install "kerazoo[ray]"`).
        form: `"parquet"` or `"jsonl"`, JSON with a picture a line.
        part_size: Pictures of a file; rounded up to whole batches, so that the batches, and with
            them the last bits of scores, are those of a single process. A tar file is one part.
        column: Of Parquet files; by default the first of `kerazoo.scoring.reading.PICTURES`.
        workers: With Ray: how many; by default as many as there is room for.
        cpus: With Ray: cores of each worker; by default 2.
        gpus: With Ray: graphics cards of each worker, or a share of one.
        address: Of a Ray cluster; by default that of RAY_ADDRESS, else one is started here.
        weights, size, like, runtime, batch_size, labels, exact: As for `kerazoo.predict`.
        settings: Further arguments of the network's constructor.
        force: Throw away another scoring in `output`.
        tell: Called with each part that is done, how many are, and how many there are.
        **how: Options of the network's task, as for `kerazoo.predict`.

    Raises:
        ValueError: An argument outside what is accepted; the folder holds another scoring, or
            another process writes to it.
        PictureError: There are no pictures, or a file of many cannot be read.
        ImportError: Ray, or what Parquet needs, is not installed.
    """
    check_choice("engine", engine, ENGINES)
    check_choice("form", form, tuple(FORMS))
    for name, value in {"part_size": part_size, "batch_size": batch_size}.items():
        check_int(name, value)
    for name, value in {"workers": workers, "cpus": cpus}.items():
        check_int(name, value, optional=True)
    check_number("gpus", gpus, least=0)
    check_flag("force", force)
    for name, value in {"column": column, "address": address}.items():
        check_text(name, value, optional=True)
    if not isinstance(what, str | os.PathLike):
        rule = "the name or path of a network: each worker opens it for itself"
        raise invalid("what", type(what).__name__, rule)
    if form == "parquet":
        require([("pyarrow", "ray")], "Writing Parquet")
    part_size = -(-part_size // batch_size) * batch_size
    ids = {checkpoint.id for checkpoint in all_checkpoints()}
    network = {
        "what": whole(what, {*TASKS, *catalogue(), *ids}),
        "weights": weights and whole(weights, ids),
        "size": size,
        "like": like,
        "runtime": runtime,
        "batch_size": batch_size,
        "labels": labels,
        **(settings or {}),
    }
    folder = Path(output)
    parts = divide(pictures, part_size)
    plan = _plan(network, how, exact, form, column, parts)
    with holding(folder):
        _begin(folder, plan, force)
        left = [p for p in parts if not part_path(folder, p.number, form).is_file()]
        resumed = len(parts) - len(left)
        arguments = (network, how, exact, os.path.abspath(folder), form, column)
        options = {"workers": workers, "cpus": cpus, "gpus": gpus, "address": address}
        began = time.monotonic()
        with contextlib.closing(_run(engine, left, arguments, options)) as done:
            for number, each in enumerate(done, start=resumed + 1):
                if tell is not None:
                    tell(each, number, len(parts))
        return _finish(folder, parts, form, resumed, time.monotonic() - began)


def whole(name: str | os.PathLike, known: Iterable[str]) -> str:
    """A name that means the same in another folder: paths from the root, but for what is known."""
    text = os.fspath(name)
    return text if text in known or not Path(text).exists() else os.path.abspath(text)


def _run(
    engine: str, parts: Sequence[Part], arguments: tuple, options: dict
) -> Generator[Done, None, None]:
    if not parts:
        return
    if engine == "ray":
        yield from run_on_ray(parts, arguments, **options)
        return
    worker = Worker(*arguments)
    yield from map(worker, parts)


def _plan(network: dict, how: dict, exact: bool, form: str, column: str | None, parts) -> dict:
    """What makes two scorings the same, as JSON has it."""
    listed = hashlib.sha256()
    for part in parts:
        listed.update(json.dumps(part.to_dict()).encode("utf-8", "surrogatepass"))
    facts = {
        "network": network,
        "options": how,
        "exact": exact,
        "form": form,
        "column": column,
        "parts": len(parts),
        "pictures": listed.hexdigest(),
    }
    return json.loads(json.dumps(facts, default=str))


def _begin(folder: Path, plan: dict, force: bool) -> None:
    """Writes down what is scored; goes on only with the same.

    Raises:
        ValueError: The folder holds something else, and `force` is false.
    """
    for partial in folder.glob(".*.part-*"):  # of workers that were killed
        partial.unlink(missing_ok=True)
    there = sorted(folder.glob("part-*"))
    path = folder / PLAN
    before = None
    if path.is_file():
        with contextlib.suppress(ValueError):
            before = read_json(path)
    if there and before is not None and {**before, "kerazoo": None} == {**plan, "kerazoo": None}:
        return
    if there and not force:
        differ = [key for key in plan if before is None or before.get(key) != plan[key]]
        rule = f"without another scoring ({', '.join(differ)}); force=True or --force overwrites it"
        raise invalid("output", str(folder), rule)
    for each in there:
        each.unlink()
    write_json(path, {**plan, "kerazoo": __version__})


def _finish(folder: Path, parts, form: str, resumed: int, seconds: float) -> Scored:
    files = tuple(part_path(folder, part.number, form) for part in parts)
    counts = [count(file) for file in files]
    scored = Scored(
        folder,
        files,
        sum(pictures for pictures, _ in counts),
        sum(unreadable for _, unreadable in counts),
        len(files),
        resumed,
        round(seconds, 3),
    )
    facts = asdict(scored)
    write_json(folder / RESULT, {k: v for k, v in facts.items() if k not in ("folder", "files")})
    return scored
