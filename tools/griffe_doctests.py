"""For mkdocstrings: examples in docstrings as blocks of code, wherever they stand.

Griffe knows those of an `Examples:` section alone; elsewhere `>>>` would be a quotation.
"""

import re

import griffe

_EXAMPLE = re.compile(r"(?:^[ \t]*>>> .*\n?(?:^[ \t]*\S.*(?:\n|\Z))*)+", re.MULTILINE)
_FLAG = re.compile(r"\s*# doctest: \S+")


def fenced(text: str) -> str:
    """A docstring with its examples between fences, without doctest's flags."""
    return _EXAMPLE.sub(lambda m: f"```python\n{_FLAG.sub('', m[0]).rstrip()}\n```\n", text)


class Doctests(griffe.Extension):
    """Changes the docstring of every object as it is collected."""

    def on_object(self, *, obj, **kwargs) -> None:
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)
