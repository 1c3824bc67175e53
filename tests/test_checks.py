"""What a value must be, in words and as a function; and that the words name the argument."""

import re

import pytest

from kerazoo import _rules
from kerazoo._checks import check_choice, check_flag, check_int, check_number, check_text

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("bounds", "right", "wrong", "words"),
    [
        ({}, [1, 7], [0, -1, True, 1.0, "1", None, NAN, [1]], "a positive integer"),
        ({"least": 0}, [0, 1], [-1, False, "0"], "an integer, 0 or more"),
        ({"least": None}, [-5, 0], [2.5, True], "an integer"),
        ({"most": 3}, [1, 3], [0, 4], "an integer from 1 to 3"),
        ({"optional": True}, [None, 2], [0, "None"], "a positive integer or None"),
    ],
)
def test_integers(bounds, right, wrong, words):
    for value in right:
        assert check_int("count", value, **bounds) is value
    for value in wrong:
        text = f"The argument `count` must be {words}. Received: `count={value!r}`"
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            check_int("count", value, **bounds)


@pytest.mark.parametrize(
    ("bounds", "right", "wrong", "words"),
    [
        ({}, [-1, 0.5], [True, "0.5", None, NAN, INFINITY], "a finite number"),
        ({"above": 0}, [1e-9, 3], [0, -1, NAN, INFINITY], "a positive number"),
        ({"above": 2}, [3], [2], "a number above 2"),
        ({"least": 0}, [0, 3], [-0.1, False], "a number, 0 or more"),
        ({"most": 1}, [1, -3], [1.1], "a number, at most 1"),
        ({"least": 0, "below": 1}, [0, 0.99], [1, -0.1], "a number in [0, 1)"),
        ({"least": 0, "most": 1}, [0, 1], [1.01], "a number from 0 to 1"),
        ({"above": 0, "most": 1}, [0.1, 1], [0], "a number above 0 and at most 1"),
        ({"above": 0, "below": 1}, [0.5], [0, 1], "a number above 0 and below 1"),
    ],
)
def test_numbers(bounds, right, wrong, words):
    for value in right:
        assert check_number("share", value, **bounds) is value
    for value in wrong:
        with pytest.raises(ValueError, match=re.escape(f"`share` must be {words}. Received")):
            check_number("share", value, **bounds)


def test_words_and_flags():
    assert check_text("name", "x") == "x"
    assert check_flag("fused", False) is False
    assert check_choice("mode", "near", ("near", "far")) == "near"
    assert check_choice("mode", None, ("near", "far"), optional=True) is None
    for value in ("", 3, None):
        with pytest.raises(ValueError, match="`name` must be text"):
            check_text("name", value)
    for value in (0, 1, "yes", None):
        with pytest.raises(ValueError, match="`fused` must be True or False"):
            check_flag("fused", value)
    with pytest.raises(ValueError, match=r"Unknown `mode`. Did you mean 'near'"):
        check_choice("mode", "neat", ("near", "far"))
    with pytest.raises(ValueError, match="Unknown `mode`"):
        check_choice("mode", ["near"], ("near", "far"))


def test_rules_of_several_values():
    pair = _rules.row(_rules.number(least=0, most=1), "two shares", count=2, rising=True)
    assert pair.read([0.1, 0.2]) == (0.1, 0.2)
    assert [pair.accepts(v) for v in ((0, 1), (1, 0), (0,), [0, 1], (0, 2), "01")] == [
        True, *[False] * 5,
    ]  # fmt: skip
    either = _rules.either(pair, _rules.word("auto"))
    assert either.read([0, 1]) == (0, 1)
    assert either.write((0, 1)) == [0, 1]
    assert either.read("auto") == "auto"
    assert either.wants == 'two shares or "auto"'
    table = _rules.table(_rules.integer(), "counts")
    assert [table.accepts(v) for v in ({}, {"a": 1}, {"a": 0}, {1: 1}, {"": 1}, [])] == [
        True, True, *[False] * 4,
    ]  # fmt: skip
