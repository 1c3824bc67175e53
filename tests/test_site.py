"""The pages of the site are laid out whole, and the look at the built site finds what is wrong."""

import importlib
import json
import re
import sys
from types import SimpleNamespace

import pytest
import yaml

from kerazoo.checkpoints.records import checkpoints_for
from tests import ROOT
from tools import api_pages, benchmark_tables, family_pages, site_pages
from tools.check_site import faults
from tools.model_tables import families


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    site_pages.lay_out(folder)
    return folder


def named_in(navigation) -> list[str]:
    """The pages that the navigation of mkdocs.yml lists, in order."""
    if isinstance(navigation, str):
        return [navigation]
    items = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for item in items for page in named_in(item)]


def test_the_navigation_has_every_page_once(laid_out):
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = [path.relative_to(laid_out).as_posix() for path in laid_out.rglob("*.md")]
    assert sorted(named_in(settings["nav"])) == sorted(pages)
    assert [name for plugin in settings["plugins"] for name in plugin] == ["mkdocstrings"]


def test_links_are_turned_to_where_things_are_on_the_site(laid_out):
    for path in laid_out.rglob("*.md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target:
                assert (path.parent / target).is_file(), f"{path.name} links to {target}"
    home = (laid_out / "index.md").read_text("utf-8")
    assert "](families/mixnet.md)" in home
    assert "](pictures/demo.jpg)" in home
    assert "](contributing.md)" in (laid_out / "architecture.md").read_text("utf-8")


def test_every_family_has_a_page_with_its_weights_and_tables(laid_out):
    names = {family.name for family in families()}
    models = {path.stem for path in (ROOT / "kerazoo/models").glob("[a-z]*.py")}
    assert names == models
    for family in families():
        page = (laid_out / f"families/{family.name}.md").read_text("utf-8")
        assert all(f"| `{id}` |" in page for id in family.ids)
        assert all(f"`{c.id}`" in page for id in family.ids for c in checkpoints_for(id))
        assert family.papers, family.name
    mixnet = (laid_out / "families/mixnet.md").read_text("utf-8")
    row = "    Row(200, 1, 2, 6, (3, 5, 7, 9, 11),  1, 1, squeeze=0.5, **_S),"
    assert row in mixnet  # word for word
    assert "- `scale`:" in (laid_out / "families/espnetv2.md").read_text("utf-8")


def test_arguments_of_a_docstring_become_a_list():
    text = "    one: First,\n        and more.\n    two: Second; see https://a.org/b."
    assert family_pages._arguments(text) == [
        "- `one`: First, and more.",
        "- `two`: Second; see <https://a.org/b>.",
    ]


def test_the_reference_names_what_is_public(laid_out):
    import kerazoo.deploy

    assert set(api_pages.public("kerazoo.deploy")) == set(kerazoo.deploy._PUBLIC)
    assert api_pages.public("kerazoo.deploy")["export"] == "kerazoo.deploy.exporting.writing"
    page = (laid_out / "api/deploy.md").read_text("utf-8")
    assert "::: kerazoo.deploy.exporting.writing.export\n" in page
    assert "heading: kerazoo.deploy.Runner\n" in page


def test_every_measurement_is_on_a_page(laid_out):
    pages = [path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")]
    for path in (ROOT / "benchmarks/results").glob("*.json"):
        report = json.loads(path.read_text("utf-8"))
        assert report["command"], path.name  # that makes it again
        assert report["machine"]["cpu"], path.name
        assert any(f"measured: ../benchmarks/results/{path.name} -->" in page for page in pages)
    page = (laid_out / "benchmarks.md").read_text("utf-8")
    assert "<!-- measured" not in page
    runtimes = json.loads((ROOT / "benchmarks/results/runtimes.json").read_text("utf-8"))
    for row in runtimes["results"]:
        assert f"| {row['pictures_per_second']:.1f} |" in page
    assert (laid_out / "files/benchmarks/results/peers.json").is_file()


def test_a_table_as_it_is():
    report = {"tables": [{"title": "One", "header": ["a", "b"], "rows": [["x", 1.5], ["y", None]]}]}
    text = "**One**\n\n| a | b |\n| --- | ---: |\n| x | 1.5 |\n| y | – |\n"
    assert benchmark_tables.markdown(report) == text


GOOD = '<a href="#here" id="here">x</a><img src="a.png" alt="a"><a href="https://a.org">y</a>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html">x</a>', "index.html: b.html is not there"),
        ('<a href="#there">x</a>', "index.html: #there has no such anchor"),
        ('<a href="other.html#x">x</a>', "index.html: other.html#x has no such anchor"),
        ('<a href="../a">x</a>', "index.html: ../a is outside of the site"),
        ('<img src="a.png">', "index.html: the picture a.png has no text"),
        ('<img src="b.png" alt="b">', "index.html: b.png is not there"),
        (
            '<script src="https://a.org/a.js"></script>',
            "index.html: loads https://a.org/a.js, which is elsewhere",
        ),
        ('<link rel="stylesheet" href="//a.org/a.css">', "loads //a.org/a.css"),
    ],
)
def test_faults_of_a_site_are_found(body, fault, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "other.html").write_text(GOOD)
    (tmp_path / "index.html").write_text(GOOD)
    assert list(faults(tmp_path)) == []
    (tmp_path / "index.html").write_text(GOOD + body)
    (found,) = faults(tmp_path)
    assert fault in found


def test_a_site_without_pages_is_a_fault(tmp_path):
    assert list(faults(tmp_path)) == [f"{tmp_path}: there is no page"]


def test_examples_in_docstrings_are_fenced(monkeypatch):
    # Griffe is in the environment of the site alone; the class it gives is not looked at here.
    monkeypatch.setitem(sys.modules, "griffe", SimpleNamespace(Extension=object))
    fenced = importlib.import_module("tools.griffe_doctests").fenced
    text = "It adds.\n\n>>> f(1)  # doctest: +SKIP\n2\n\nMore."
    assert fenced(text) == "It adds.\n\n```python\n>>> f(1)\n2\n```\n\nMore."
