"""README.md tells the truth: its examples run and its table is fresh."""

import re

import pytest

from tests import ROOT
from tools.model_tables import with_table

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- runs: .*? -->\n```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_runs(code):
    exec(compile(code, "README.md", "exec"), {})


def test_there_are_examples():
    assert len(EXAMPLES) == 4


def test_table_is_fresh():
    assert with_table(README) == README, "run `make catalogue`"
