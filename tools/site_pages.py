"""Lays out the pages of the site in a folder, those that are generated among them: `make docs`.

    python -m tools.site_pages build/docs/pages

`docs/` is read on its own too, so its links go to files of the repository. Here they are turned to
the pages that show these files; what has no page is copied beside them.
"""

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path

from kerazoo.app.explorer.page import explorer_page
from tools import api_pages, benchmark_tables, command_pages, family_pages, model_tables

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Files of the repository that are pages.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
EXPLORER = "explorer_plot.html"  # what docs/explorer.md shows
RUNTIMES = ROOT / "benchmarks/results/runtimes.json"  # latencies for its axes
FILES = "files"  # folder of the site for what else pages link to
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def generated() -> dict[str, str]:
    """Path on the site -> text, of every page that no file of the repository is."""
    models = "# Every network\n\nThe figure is that of the weights that a network has by default, "
    models += "as their publisher measured it. `kerazoo list` shows them by data set.\n\n"
    return {
        "models.md": f"{models}{model_tables.models_table()}\n",
        "commands.md": command_pages.page(),
        EXPLORER: explorer_page([json.loads(RUNTIMES.read_text(encoding="utf-8"))]),
        **family_pages.pages(),
        **api_pages.pages(),
    }


def lay_out(folder: Path, browser: Path | None = None) -> None:
    """Writes all pages, and what they show, into a folder, which is emptied before.

    Args:
        folder: For the pages.
        browser: What tools/browser_page.py made, for the site's folder of that name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    sources = {ROOT / name: page for name, page in PAGES.items()}
    for path in sorted(DOCS.rglob("*")):
        if path.is_file() and path.name != "requirements.txt":
            sources[path] = path.relative_to(DOCS).as_posix()
    copied: dict[Path, str] = {}
    for path, page in sources.items():
        place = folder / page
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, place)
            continue
        text = path.read_text(encoding="utf-8")
        text = benchmark_tables.filled(text, ROOT)
        place.write_text(_turned(text, path, page, sources, copied), encoding="utf-8")
    for page, text in generated().items():
        place = folder / page
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if browser is not None:
        shutil.copytree(browser, folder / "browser")
    for path, page in copied.items():
        place = folder / page
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _turned(text: str, path: Path, page: str, pages: dict, copied: dict) -> str:
    """A page with its links to files of the repository turned to where they are on the site."""

    def turn(match: re.Match) -> str:
        target = match[2]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        file = (path.parent / target).resolve()
        there = pages.get(file) or _family(file)
        if there is None:
            if not file.is_file():
                raise SystemExit(f"{path.relative_to(ROOT)} links to {target}, which is no file")
            there = copied[file] = f"{FILES}/{file.relative_to(ROOT).as_posix()}"
        return f"{match[1]}{os.path.relpath(there, Path(page).parent)}{match[3]}"

    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    return "".join(p if p.startswith("```") else _LINK.sub(turn, p) for p in parts)


def _family(file: Path) -> str | None:
    """The page of a family, of whose file that is."""
    models = ROOT / "kerazoo" / "models"
    known = file.parent == models and not file.stem.startswith("_")
    return f"families/{file.stem}.md" if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pages go; emptied before")
    parser.add_argument("--browser", type=Path, help="what tools/browser_page.py made, to go along")
    folder, browser = vars(parser.parse_args()).values()
    lay_out(folder, browser)
    print(f"{len(list(folder.rglob('*.md')))} pages in {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
