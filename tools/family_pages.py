"""The page of each family of networks on the site, made of its file, the catalogue and the records.

Nothing is written here by hand: the block tables are those of the source, word for word.
"""

import ast
import inspect
import re
from collections.abc import Iterator

from kerazoo.checkpoints.records import checkpoints_for
from kerazoo.models._catalogue import constructors
from kerazoo.registry import get_entry
from kerazoo.tasks import task_of
from tools.model_tables import ROOT, Family, families, number

# What all constructors have in common begins with this argument: the index says it once.
COMMON = "    include_top:"
ROWS = 3  # rows that make a table of an assignment


def pages() -> dict[str, str]:
    """Path on the site -> Markdown, the index and a page a family."""
    made = {f"families/{family.name}.md": page(family) for family in families()}
    return {"families/index.md": index(), **made}


def index() -> str:
    """All families, and the arguments that every constructor takes."""
    lines = ["# Families", "", "| family | task | networks | what |", "|---|---|---:|---|"]
    for family in families():
        task = family.entries[0].task
        lines.append(
            f"| [{family.title}]({family.name}.md) | {task} | {len(family.ids)} | {family.about} |"
        )
    common = inspect.getdoc(constructors()["MixNetS"]) or ""
    _, _, common = common.partition(COMMON)
    common = (COMMON + common).partition("\n\n")[0]
    lines += ["", "[Every network](../models.md) is in one table.", ""]
    lines += ["## Arguments of every constructor", "", *_arguments(common)]
    return "\n".join([*lines, ""])


def page(family: Family) -> str:
    """Of one family."""
    about = family.about[0].upper() + family.about[1:]
    parts = [f"# {family.title}", f"{about}.", _linked(family.source)]
    parts += ["## Variants", _variants(family)]
    parts += ["## Weights", _weights(family)]
    tables = list(block_tables(family.name))
    if tables:
        parts += ["## Block tables", f"As they stand in `kerazoo/models/{family.name}.py`:"]
        parts += [f"```python\n{table}\n```" for table in tables]
    parts += ["## Constructors"]
    for name, create in sorted(constructors().items()):
        if create.__module__ == f"kerazoo.models.{family.name}":
            parts += [f"### `kerazoo.{name}`", *_described(create)]
    parts += ["## Citation", _citation(family)]
    return "\n\n".join(parts) + "\n"


def _variants(family: Family) -> str:
    lines = [
        "| id | parameters | multiply-adds | picture | made by |",
        "|---|---:|---:|---:|---|",
    ]
    for id in family.ids:
        entry = get_entry(id)
        arguments = ", ".join(f"{name}={value!r}" for name, value in entry.arguments.items())
        height, width = entry.input_size
        lines.append(
            f"| `{id}` | {entry.params:,} | {entry.macs:,} | {height} x {width} "
            f"| `kerazoo.{entry.constructor}({arguments})` |"
        )
    return "\n".join(lines)


def _weights(family: Family) -> str:
    found = [c for id in family.ids for c in checkpoints_for(id)]
    if not found:
        return "None are registered: these networks start from random weights."
    figures = task_of(family.entries[0]).figures
    shown = [f for f in figures if any(f.metric in c.metrics for c in found)]
    head = "".join(f" {f.label} (%) |" for f in shown)
    lines = [
        f"| weights | network | data |{head} pixels | licence |",
        "|---|---|---|" + "---:|" * len(shown) + "---:|---|",
    ]
    for c in found:
        values = "".join(f" {number(c.metrics.get(f.metric), 2)} |" for f in shown)
        mark = " (default)" if c.default else ""
        licence = c.licence + (", not for commerce" if c.non_commercial else "")
        lines.append(
            f"| `{c.id}`{mark} | `{c.model}` | {c.dataset} |{values} {c.size[0]} | {licence} |"
        )
    sources = sorted({str(c.metrics["source"]) for c in found if "source" in c.metrics})
    told = ["", "The figures are the publishers' own, for whole pictures of these sizes:", ""]
    return "\n".join([*lines, *told, *(f"- {_linked(source)}" for source in sources)])


def block_tables(name: str) -> Iterator[str]:
    """The assignments of a family file that are tables, with the comments in them."""
    text = (ROOT / "kerazoo" / "models" / f"{name}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Name) or not target.id.strip("_")[:1].isupper():
            continue
        value = getattr(node, "value", None)
        if isinstance(value, ast.Dict | ast.Tuple | ast.List) and _lines(node) >= ROWS:
            lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
            yield "\n".join(lines)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _described(create) -> list[str]:
    """What a constructor says of itself, without what all say."""
    text = inspect.getdoc(create) or ""
    text, _, own = text.partition("Args:\n")
    own = own.partition(COMMON)[0]
    parts = [_linked(text.strip())]
    if own.strip():
        parts += ["Beside the [arguments of every constructor](index.md):"]
        parts += ["\n".join(_arguments(own))]
    return parts


def _arguments(text: str) -> list[str]:
    """The lines of an `Args:` section as a list."""
    lines = []
    for argument in re.split(r"\n(?=    \S)", text.strip("\n")):
        name, _, about = " ".join(argument.split()).partition(": ")
        lines.append(f"- `{name}`: {_linked(about)}")
    return lines


def _citation(family: Family) -> str:
    lines = [f"- <{paper}>" for paper in family.papers]
    return "\n".join(
        ["The paper, and kerazoo by the `CITATION.cff` of its repository:", "", *lines]
    )


def _linked(text: str) -> str:
    """Bare addresses as links; what stands in backticks is left alone."""
    parts = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?<!\()https?://[^\s,;)\]]*[^\s,;)\].]", r"<\g<0>>", parts[i])
    return "".join(parts)
