"""What networks are for, one folder a task; `task.py` says what a task is."""

import importlib
from typing import TYPE_CHECKING, Any

from kerazoo._errors import unknown

if TYPE_CHECKING:
    from kerazoo.tasks.task import Task

TASKS = ("classification", "detection", "segmentation")
FEATURES = "features"  # of networks that have none of them


def get_task(name: str) -> "Task":
    """The task of that name; light: neither Keras nor a backend is imported.

    Raises:
        ValueError: There is none.
    """
    if name not in (*TASKS, FEATURES):
        raise unknown("task", name, TASKS)
    return importlib.import_module(f"kerazoo.tasks.{name}").TASK


def task_of(carrier: Any) -> "Task":
    """The task that a `ModelInfo`, `ExportRecord` or `Entry` names.

    Keras models of others and files without a record carry nothing: they are taken for the first
    of `TASKS`, whose `check` tells where that is wrong.
    """
    return get_task(getattr(carrier, "task", None) or TASKS[0])


def task_of_model(model: Any) -> "Task":
    """The task of a Keras model as it is to be run; `features` where it has no head of kerazoo's.

    Args:
        model: With an `info`, or any functional one: it is asked whether it looks like the first
            of `TASKS`.
    """
    info = getattr(model, "info", None)
    if info is not None:
        return get_task(info.task if info.head else FEATURES)
    task = task_of(None)
    if getattr(model, "inputs", None) is None:
        return task  # whose `check` tells what is wrong
    try:
        task.check(model)
    except ValueError:
        return get_task(FEATURES)
    return task
