"""A budget as people write it."""

import re
from typing import Any

from kerazoo._errors import invalid
from kerazoo._rules import is_number

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|fps)\s*")
RULE = 'milliseconds, or text such as "15 ms", "0.5 s" or "60 fps" (pictures a second), above 0'


def milliseconds(budget: Any) -> float:
    """The time that one picture may take, in milliseconds.

    Args:
        budget: A number of milliseconds, or text.

    Raises:
        ValueError: It is neither.

    >>> milliseconds("60 fps")
    16.666666666666668
    """
    if is_number(budget) and budget > 0:
        return float(budget)
    found = _FORM.fullmatch(budget) if isinstance(budget, str) else None
    if found is None or not float(found[1]):
        raise invalid("budget", budget, RULE)
    number, unit = float(found[1]), found[2]
    return {"ms": number, "s": 1e3 * number, "fps": 1e3 / number if number else 0.0}[unit]
