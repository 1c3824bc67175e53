"""Which tests skip, compared with the list of those that may: `may_skip.toml`.

A skip is easily overlooked: a fixture that finds no file takes a hundred tests with it, and the
run is green. `conftest.py` takes the hooks from here.
"""

import tomllib
from pathlib import Path

import pytest

LIST = Path(__file__).parent / "may_skip.toml"
_skipped: dict[str, str] = {}


def allowed() -> dict[str, str]:
    """`{test: reason}`; a test is named with or without its parameters."""
    groups = tomllib.loads(LIST.read_text("utf-8")).values()
    return {test: group["reason"] for group in groups for test in group["tests"]}


def unexpected(skipped, may) -> list[str]:
    """Those that skipped and are not on the list."""
    return sorted(id for id in skipped if not {id, id.partition("[")[0]} & set(may))


def _note(report) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason


def pytest_runtest_logreport(report):
    _note(report)


def pytest_collectreport(report):
    _note(report)  # a module that skips as a whole


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    worker = hasattr(session.config, "workerinput")
    if not worker and session.exitstatus == 0 and unexpected(_skipped, allowed()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    may = allowed()
    for id in unexpected(_skipped, may):
        terminalreporter.write_line(f"UNEXPECTED SKIP {id}: {_skipped[id]}", red=True)
    listed = len(_skipped) - len(unexpected(_skipped, may))
    if listed:
        terminalreporter.write_line(f"{listed} skipped that may ({LIST.parent.name}/{LIST.name})")
