"""What the pages for maintainers name is there."""

import dataclasses
import re
import shlex
import tomllib

import pytest

import kerazoo
from kerazoo import _bounds, registry
from kerazoo.cli import COMMANDS, _parser, main
from tests.pictures import photograph
from tools.import_circles import circles, imports
from tools.stubs import ROOT

RUN = ("docs/start.md", "docs/python.md", "docs/own_models.md")  # pages whose blocks run
PAGES = ("docs/architecture.md", "CONTRIBUTING.md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def places(text):
    """Files and folders of the repository that a page names in backticks."""
    words = (word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split())
    named = [word.strip(",") for word in words if "<" not in word and "*" not in word]
    return [w for w in named if re.fullmatch(r"[\w./-]+(\.(py|md|json|toml|cff|yml)|/)", w)]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    roots = (ROOT, ROOT / "kerazoo", *(ROOT / "kerazoo").iterdir())
    named = places((ROOT / page).read_text(encoding="utf-8"))
    made_by_a_run = {"run.json", "result.json", "config.json"}
    assert len(named) > 10
    missing = {n for n in named if not any((root / n).exists() for root in roots)}
    assert missing <= made_by_a_run


def test_the_tree_of_the_architecture_is_the_package():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = text.partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    named = set(re.findall(r"([\w]+)(?:\.py|/)", tree.partition("tests/ ")[0]))
    there = {
        path.stem
        for path in (ROOT / "kerazoo").iterdir()
        if (path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py"))))
        and path.stem not in ("__init__", "__pycache__")
    }
    assert there <= named, f"not in the tree: {sorted(there - named)}"


def test_every_module_has_its_place_among_the_layers():
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"]
    assert contract["exhaustive_ignores"] == ["tasks"]


def test_circles_are_found_even_in_functions(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "a": "from p import b",
        "b": "def f():\n    from p.c import x",
        "c": "import p.a\nx = 1",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import e",
        "e": "from p import d, a",
    }.items():
        (package / f"{name}.py").write_text(text)
    assert circles(imports(package)) == [["p.a", "p.b", "p.c"]]
    assert circles(imports(ROOT / "kerazoo")) == []


def test_one_version():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "kerazoo.__version__"}
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {kerazoo.__version__}\n" in citation
    assert f"## {kerazoo.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_bound_is_in_the_page_of_limits():
    """Under its variable, with its default."""
    text = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    bounds = [each for each in vars(_bounds).values() if isinstance(each, _bounds.Bound)]
    assert len(bounds) == len(re.findall(r"^\| `KERAZOO_", text, re.M)) > 5
    for each in bounds:
        assert f"| `{each.variable}` | {each.default:,} |" in text


# Networks that the pages name -> ones of three layers, which are as good for a page and far faster.
SMALLER = {"mobilenet_v1_025": "page_net", "kerazoo/mixnet_s_cifar10": "page.keras"}


def small_networks():
    """Registers `page_net`, and leaves `page.keras` in the present folder."""
    from kerazoo.blocks import Separable, Trunk, conv_bn, separable_stages
    from kerazoo.models import constructor

    @kerazoo.register_model
    @constructor(ids={"page_net": {}}, size=32, stride=4)
    def PageNet(x, conventions, stem_strides) -> Trunk:
        """A stem and a block."""
        stem = conv_bn(x, 8, 3, conventions, "stem", stem_strides)
        trunk = Trunk.from_stem(stem, conventions, stem_strides)
        separable_stages(trunk, [Separable(16, 2)])
        return trunk

    model = kerazoo.create_model("page_net", weights=None, classes=10, input_shape=(32, 32, 3))
    known = kerazoo.Preprocessing((32, 32))
    model.info = dataclasses.replace(model.info, preprocessing=known, labels="cifar10")
    model.save("page.keras")


@pytest.fixture
def beginning(tmp_path, monkeypatch):
    """A folder with the files that the pages name, and a registry that forgets what they add."""
    import keras

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_outside", {})
    small_networks()
    photograph("chelsea.png").save("cat.jpg")
    for split in ("train", "test"):
        for name in ("automobile", "cat"):
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                photograph("chelsea.png").resize((64, 48 + number)).save(folder / f"{number}.jpg")
    yield
    registry._listed.cache_clear()
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("page", RUN)
def test_blocks_of_a_page_run_in_their_order(page, beginning):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 2
    names = {"__name__": "page"}
    for language, code in blocks:
        line = text[: text.index(code)].count("\n")
        if language == "sh":
            run_commands(code)
            continue
        for name, smaller in SMALLER.items():
            code = code.replace(f'"{name}"', f'"{smaller}"')
        exec(compile("\n" * line + code, page, "exec"), names)


def run_commands(block):
    """Runs the lines that call kerazoo; `pip` and the like were run by whoever runs this."""
    for line in block.splitlines():
        program, *words = shlex.split(line, comments=True) or [""]
        if program != "kerazoo":
            assert program in ("", "python3", "pip"), line
        elif words == ["--help"]:
            assert set(COMMANDS) <= set(_parser().format_help().split())
        else:
            status = main([SMALLER.get(word, word) for word in words])
            assert status == (words[0] == "check"), line  # which sees how few pictures these are


def test_messages_that_a_page_explains_are_those_of_the_code():
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE)
    assert len(messages) > 10
    source = "".join(path.read_text("utf-8") for path in (ROOT / "kerazoo").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", source)  # literals that go on in the next line
    bounds = [bound.variable for bound in vars(_bounds).values() if hasattr(bound, "variable")]
    assert [m for m in messages if m not in code and m not in bounds] == []


def test_pages_link_to_what_is_there():
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} links to {target}"
