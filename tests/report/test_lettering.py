"""Names in any script: in a font that has the letters, or in letters that say the same."""

import logging

import pytest
from PIL import Image

from kerazoo.report import lettering
from kerazoo.report.contact_sheet import contact_sheet
from kerazoo.report.lettering import font_for, lettered


@pytest.fixture
def only_pillows_own(monkeypatch):
    monkeypatch.setattr(lettering, "_names", lambda: (None,))
    lettering._tell.cache_clear()


def test_ascii_keeps_pillows_own_font():
    font = font_for(["tabby cat"], 18)
    assert font.getname() == font_for([], 18).getname() == ("Aileron", "Regular")
    assert lettered("tabby cat", font) == "tabby cat"


def test_matplotlibs_font_has_what_pillows_lacks():
    pytest.importorskip("matplotlib")
    names = ["Weißstorch", "Κουκουβάγια", "Сова"]
    font = font_for(names, 18)
    assert font.getname()[0] != "Aileron"
    assert [lettered(name, font) for name in names] == names


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Weißstorch", "Weissstorch"),
        ("Würgfalke, é", "Wurgfalke, e"),
        ("日 owl", r"\u65e5 owl"),
        ("a\tb", "a b"),
    ],
)
def test_what_no_font_has(only_pillows_own, name, written, caplog):
    with caplog.at_level(logging.WARNING, "kerazoo"):
        assert lettered(name, font_for([name], 18)) == written
    assert written in caplog.text


def test_a_sheet_shows_the_letters_it_can(only_pillows_own):
    picture = Image.new("RGB", (40, 30))

    def drawn(name):
        return contact_sheet("x", [picture], [[(name, 0.5)]]).tobytes()

    assert drawn("Bär") == drawn("Bar") != drawn("Bor")
