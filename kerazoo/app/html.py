"""What is found, as HTML: pictures, bars, tables and times. All text of others is escaped."""

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

from kerazoo.app.looking import Look
from kerazoo.app.networks import AS_BUILT, Network
from kerazoo.tasks.task import Task

WIDE, SMALL = 1280, 480  # pixels of the longer side at the most


def result(title: str, network: Network, found: Look, task: Task, side: int = WIDE) -> str:
    """A figure: the picture if something is drawn on it, bars, a table and the times.

    Args:
        title: Name of the network, or of the picture where there are several.
        network: What looked.
        found: What it found.
        task: Of both.
        side: Of the picture.
    """
    shown = picture(found, side) if task.placed or side == SMALL else ""
    details = "" if side == SMALL else table(task.columns, found.table)
    return (
        f'<figure class="kz-result"><figcaption>{escape(title)}</figcaption>{shown}'
        f"{bars(found.captions)}{times(network, found)}{details}</figure>"
    )


def escape(text: str) -> str:
    """Text of others, in which nothing is HTML, moves the cursor or turns the line round."""
    seen = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return html.escape("".join(seen))


def picture(found: Look, side: int) -> str:
    """The drawn picture inside of the page: nothing lies on a disk."""
    shown = found.picture.convert("RGB")
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    said = ", ".join(_line(name, share) for name, share in found.captions) or "nothing found"
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(said)}">'


def bars(captions: Sequence[tuple[str, float | None]]) -> str:
    """A line for each thing, with a bar as long as its share."""
    if not captions:
        return "<p>Nothing was found.</p>"
    rows = []
    for name, share in captions:
        width = 0 if share is None else min(max(100 * share, 0), 100)
        number = "" if share is None else f"<b>{100 * share:.1f} %</b>"
        rows.append(
            f'<li><span>{escape(name)}</span>{number}<i style="width:{width:.2f}%"></i></li>'
        )
    return f'<ul class="kz-bars">{"".join(rows)}</ul>'


def times(network: Network, found: Look) -> str:
    """The stages, what ran the network, and how large it is."""
    stages = [f"{name} {1e3 * seconds:.1f} ms" for name, seconds in found.seconds.items()]
    what = "weights" if network.runtime == AS_BUILT else "file"
    facts = [*stages, network.runtime, f"{what} {network.size / 1e6:.1f} MB"]
    return f'<p class="kz-times">{" · ".join(map(escape, facts))}</p>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What `kerazoo predict` prints, folded away."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        "<details><summary>As a table</summary><table><thead><tr>"
        f"{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def failure(title: str, text: str) -> str:
    """What went wrong, which screen readers tell at once."""
    return (
        f'<figure class="kz-result"><figcaption>{escape(title)}</figcaption>'
        f'<p class="kz-error" role="alert">{escape(text)}</p></figure>'
    )


def row(figures: Sequence[str]) -> str:
    """Figures side by side where there is room."""
    return f'<div class="kz-row">{"".join(figures)}</div>'


def frame(page: str, title: str) -> str:
    """A whole HTML page within another; its scripts cannot reach out."""
    return (
        f'<iframe class="kz-frame" sandbox="allow-scripts" title="{escape(title)}" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def _line(name: str, share: Any) -> str:
    return name if share is None else f"{name} {100 * share:.1f} %"
