"""The explorer as one HTML file that needs nothing else: it works from `file://` as well."""

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from kerazoo.app.explorer.points import explorer_data


def explorer_page(benchmarks: Iterable[Mapping[str, Any]] = ()) -> str:
    """The page, data and all.

    Args:
        benchmarks: Reports of `kerazoo benchmark`, for the axes of measured latency.
    """
    parts = {name: _read(f"explorer.{name}") for name in ("html", "css", "js")}
    data = json.dumps(explorer_data(benchmarks), separators=(",", ":"), ensure_ascii=False)
    # No text of a record may end the script that it stands in.
    data = data.replace("<", "\\u003c")
    page = parts["html"].replace("/*style*/", parts["css"]).replace("/*script*/", parts["js"])
    return page.replace("/*data*/", data)


def _read(name: str) -> str:
    return (resources.files("kerazoo.app.explorer") / name).read_text(encoding="utf-8")
