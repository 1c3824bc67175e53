"""Looks through a built site for links and pictures that lead nowhere: `make docs`.

    python tools/check_site.py build/docs/site

Checked are links, their anchors, pictures, styles and scripts. The site is to be read from a disk
as well as from a server, so whatever a page loads has to be in it: an address elsewhere may only be
a link. Exit status 1, with a line for each fault, where there is one.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Tag -> its attribute that names what is loaded to show the page.
LOADED = {
    "img": "src", "script": "src", "source": "src", "iframe": "src", "video": "src", "embed": "src",
    "object": "data",
}  # fmt: skip
LOADING = ("stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch")


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors it has."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.without_text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and "href" in values:
            loads = set(values.get("rel", "").split()) & set(LOADING)
            (self.loaded if loads else self.links).append(values["href"])
        if tag in LOADED and LOADED[tag] in values:
            self.loaded.append(values[LOADED[tag]])
        if tag == "img" and not values.get("alt"):
            self.without_text.append(values.get("src", ""))


def faults(site: Path) -> Iterator[str]:
    """A line for each."""
    paths = sorted(site.rglob("*.html"))
    if not paths:
        yield f"{site}: there is no page"
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in paths}
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        if name == "404.html":  # its addresses are those of a server's root
            continue
        for address in page.loaded:
            if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
                yield f"{name}: loads {address}, which is elsewhere"
        yield from (f"{name}: the picture {src} has no text" for src in page.without_text)
        for address in (*page.links, *page.loaded):
            fault = _leads_nowhere(path, address, site.resolve(), pages)
            if fault:
                yield f"{name}: {address} {fault}"


def _leads_nowhere(path: Path, address: str, site: Path, pages: dict) -> str | None:
    """What is wrong with an address of a page; None where nothing is, or it is elsewhere."""
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return None
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(site):
        return "is outside of the site"
    if not target.is_file():
        return "is not there"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "has no such anchor"
    return None


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    found = list(dict.fromkeys(faults(Path(sys.argv[1]))))
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(found)} faults", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
