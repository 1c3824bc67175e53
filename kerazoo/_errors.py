"""How kerazoo words its complaints: one helper, so that every message has the same shape."""

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST = 400  # letters of a value that are quoted
WHOLE, BESIDE = 10, 5  # beside the nearest names: what is listed whole, and of longer lists


def invalid(argument: str, value: Any, rule: str) -> ValueError:
    """A `ValueError` in the style of keras.applications: the rule, then what was received.

    Args:
        argument: Name of the offending argument.
        value: What the caller passed.
        rule: What is accepted, worded to follow "The argument `x` must be ".
    """
    return ValueError(
        f"The argument `{argument}` must be {rule}. Received: `{argument}={quoted(value)}`"
    )


def unknown(
    argument: str, value: Any, accepted: Iterable[str], *, limit: int | None = 20
) -> ValueError:
    """A `ValueError` for a name that is not in `accepted`; the nearest names come first.

    Args:
        argument: Name of the offending argument.
        value: What the caller passed.
        accepted: All names.
        limit: Names that are listed where none is near; None for all. Where one is, a long list
            is cut short: it would bury the hint.
    """
    names = sorted(accepted)
    hint = did_you_mean(value, names)
    if hint and len(names) > WHOLE:
        limit = BESIDE
    shown = names if limit is None else names[:limit]
    rest = "" if len(shown) == len(names) else f", … ({len(names) - len(shown)} more)"
    return ValueError(
        f"Unknown `{argument}`.{hint} Accepted: {', '.join(map(quoted, shown))}{rest}. "
        f"Received: `{argument}={quoted(value)}`"
    )


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`"1 picture"`, `"2 pictures"`; `plural` where that is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def reason_of(error: BaseException) -> str:
    """What an exception of somebody else's says, in a line that is not too long; else its kind."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def quoted(value: Any) -> str:
    """`repr` of a value, cut short where it would be longer than anyone reads."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    except ValueError:  # an integer of thousands of digits
        text = f"an {type(value).__name__} of many digits"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def did_you_mean(value: Any, accepted: Iterable[str]) -> str:
    """A question with the nearest names, a space before it; empty where none is near."""
    near = difflib.get_close_matches(quoted(value).strip("'"), list(accepted), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(quoted, near))}?" if near else ""
