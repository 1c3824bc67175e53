"""What networks are for, one folder a task; `task.py` says what a task is."""

import importlib
from typing import TYPE_CHECKING, Any

from kerazoo._errors import unknown

if TYPE_CHECKING:
    from kerazoo.tasks.task import Task

TASKS = ("classification", "segmentation")


def get_task(name: str) -> "Task":
    """The task of that name; light: neither Keras nor a backend is imported.

    Raises:
        ValueError: There is none.
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return importlib.import_module(f"kerazoo.tasks.{name}").TASK


def task_of(carrier: Any) -> "Task":
    """The task that a `ModelInfo`, `ExportRecord` or `Entry` names.

    Keras models of others and files without a record carry nothing: they are taken for the first
    of `TASKS`, whose `check` tells where that is wrong.
    """
    return get_task(getattr(carrier, "task", None) or TASKS[0])
