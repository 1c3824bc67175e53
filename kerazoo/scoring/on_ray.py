"""Parts on a Ray cluster: a network in each worker, to which paths travel and no pixels.

Ray Data keeps the workers: it starts one anew where it was killed, and gives its part to another.
"""

import importlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from kerazoo._errors import invalid
from kerazoo._machine import require
from kerazoo.scoring.parts import Part
from kerazoo.scoring.worker import Done, Worker

_STORE = 128 * 2**20  # bytes of the object store of a cluster of our own: no pixels go there


class RayWorker:
    """`Worker` for Ray Data: rows in, rows out. Errors that users cause come back as text."""

    def __init__(self, *arguments: Any):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self.failed, self.worker = "", None
        try:
            self.worker = Worker(*arguments)
        except (ValueError, ImportError, OSError) as error:
            self.failed = str(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A part, as JSON, to what was done, as JSON."""
        if self.worker is not None:
            try:
                done = self.worker(Part.from_dict(json.loads(row["part"])))
                return {"done": json.dumps(asdict(done)), "failed": ""}
            except (ValueError, OSError) as error:
                return {"done": "", "failed": str(error)}
        return {"done": "", "failed": self.failed}


def run_on_ray(
    parts: Sequence[Part],
    arguments: tuple,
    *,
    workers: int | None,
    cpus: int | None,
    gpus: float,
    address: str | None,
) -> Iterator[Done]:
    """Scores parts in workers of a cluster; in the order in which they are done.

    Args:
        parts: Of `divide`.
        arguments: Of `Worker`, without `cpus`.
        workers: How many; by default as many as the cluster has cores for.
        cpus: Cores of each; by default two, or as many as the smallest machine has.
        gpus: Graphics cards of each, or a share of one.
        address: Of the cluster; by default that of RAY_ADDRESS, else one is started here.

    Raises:
        ImportError: Ray is not installed.
        ValueError: A worker cannot open the network, or cannot read the file of a part.
    """
    require([("ray", "ray")], "engine='ray'")
    ray = _imported()
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, address)
    try:
        cpus, workers = _room(ray, len(parts), workers, cpus)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False  # we tell ourselves
        rows = [{"part": json.dumps(part.to_dict())} for part in parts]
        # A block each: what a worker that dies had in hand is a part, not many.
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            RayWorker,
            fn_constructor_args=(*arguments, cpus),
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=cpus,
            num_gpus=gpus,
        )
        for row in data.iter_rows():
            if row["failed"]:
                raise ValueError(row["failed"])
            yield Done(**json.loads(row["done"]))
    finally:
        if ours:
            ray.shutdown()


def _imported() -> Any:
    """Ray, which says nothing of itself: neither to its makers nor on stderr, where we tell."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray: Any = importlib.import_module("ray")
    importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address or os.environ.get("RAY_ADDRESS"):
            ray.init(address=address, **quiet)
        else:
            ray.init("local", object_store_memory=_STORE, include_dashboard=False, **quiet)
    except ConnectionError as error:
        raise invalid("address", address, "that of a Ray cluster that answers") from error


def _room(ray: Any, parts: int, workers: int | None, cpus: int | None) -> tuple[int, int]:
    """Cores of a worker, and how many workers there is room for."""
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    machines = [cores for cores in machines if cores]
    cpus = cpus or min([2, *machines])
    room = sum(cores // cpus for cores in machines)
    if not room:
        raise invalid("cpus", cpus, f"at most {max(machines, default=0)}: no machine has more")
    return cpus, min(workers or room, room, parts)
