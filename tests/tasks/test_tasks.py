"""What every task has, and what those that are not finished say."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from kerazoo.tasks import FEATURES, TASKS, get_task, task_of
from kerazoo.tasks.task import Task, check_options

METHODS = [
    name for name, value in vars(Task).items() if callable(value) and not name.startswith("_")
]


@pytest.mark.parametrize("name", [*TASKS, FEATURES])
def test_a_task_has_all_that_is_asked_of_it(name):
    task = get_task(name)
    assert task.name == name
    assert [each for each in (*Task.__annotations__, *METHODS) if not hasattr(task, each)] == []
    assert task.figures[0] == task.monitor


def test_a_network_without_a_task_says_what_cannot_be_done_with_it():
    task = get_task(FEATURES)
    for call in (
        lambda: task.meter(None, None),
        lambda: task.loss(None, None),
        lambda: task.head(None, None),
    ):
        with pytest.raises(ValueError, match=r"a head of your own cannot be .* with Keras' own"):
            call()


def test_figures_in_the_unit_of_publishers():
    assert get_task("classification").monitor.published(0.12345678) == 12.3457
    assert get_task(FEATURES).monitor.published(0.12345678) == 0.1235


def test_the_task_of_a_network():
    assert task_of(SimpleNamespace(task="segmentation")).name == "segmentation"
    assert task_of(None).name == task_of(SimpleNamespace()).name == "classification"
    with pytest.raises(ValueError, match=r"Unknown `task`\. Did you mean 'segmentation'"):
        get_task("segmentatoin")


def test_options():
    task = get_task("classification")
    check_options(task, {})
    check_options(task, {"top": 3})
    with pytest.raises(ValueError, match=r"Unknown `option`\. Did you mean 'top'"):
        check_options(task, {"tops": 3})
    with pytest.raises(ValueError, match="`top` must be left out: it is no option of segmentation"):
        check_options(get_task("segmentation"), {"top": 3})


def test_looking_at_tasks_imports_no_backend():
    code = (
        "import sys\nfrom kerazoo.tasks import TASKS, get_task\n"
        "for name in TASKS:\n    get_task(name).monitor.shown(0.5)\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
