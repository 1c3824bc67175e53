"""`make notebooks`: `notebooks/*.py`, the text that is edited, becomes `*.ipynb` with outputs.

    python tools/notebooks.py [NAME ...]

The two are paired in jupytext's percent format. A notebook is replaced only after all its cells
ran, and only if nothing of this machine is in it.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

from kerazoo._files import write_text

FOLDER = Path(__file__).parents[1] / "notebooks"
LIMIT = 1_000_000  # bytes of a notebook, outputs included
SECONDS = 3600  # of a cell


def main(names: list[str]) -> None:
    texts = [FOLDER / f"{name}.py" for name in names] or sorted(FOLDER.glob("*.py"))
    for text in texts:
        print(f"running {text.name}", flush=True)
        size = write(text)
        print(f"wrote {text.with_suffix('.ipynb').name}, {size:,} bytes", flush=True)


def write(text: Path) -> int:
    """Runs a notebook and writes it; returns its size in bytes."""
    import nbformat

    content = nbformat.writes(run(text)) + "\n"
    check(content, text.stem)
    path = text.with_suffix(".ipynb")
    write_text(path, content)
    return len(content.encode())


def run(text: Path) -> "nbformat.NotebookNode":  # noqa: F821
    """The notebook with the outputs of its cells."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(text)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext's are random: every run would change every cell
    # In the folder above, as the package is there where it is not installed.
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER.parent)}},
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = kept(cell.outputs)
    notebook.metadata.pop("language_info", None)  # the version of Python that ran it
    return notebook


def kept(outputs: list) -> list:
    """What of the outputs is shown: text in one piece, each picture once.

    stderr is left out: it is what TensorFlow tells of the machine, and an error has stopped us.
    """
    found: list = []
    for each in outputs:
        if each.get("name") == "stderr":
            continue
        if each.get("name") == "stdout" and found and found[-1].get("name") == "stdout":
            found[-1].text += each.text
            continue
        if "image/png" in each.get("data", {}):
            each.data.pop("image/jpeg", None)  # Pillow offers both
        found.append(each)
    return found


def check(content: str, name: str) -> None:
    """Refuses outputs that are too large or tell of this machine's folders."""
    if len(content.encode()) >= LIMIT:
        raise SystemExit(f"{name}: {len(content.encode()):,} bytes, {LIMIT:,} at most")
    texts = [
        json.dumps(cell.get("outputs", []))
        for cell in json.loads(content)["cells"]
        if cell["cell_type"] == "code"
    ]
    # Pictures are base64, in which anything may stand.
    shown = re.sub(r'"image/png": "[^"]*"', "", " ".join(texts))
    given = (os.environ.get(variable, "") for variable in ("KERAZOO_DATA_DIR", "KERAZOO_WEIGHTS"))
    for folder in {str(FOLDER.parent), str(Path.home()), sys.prefix, tempfile.gettempdir(), *given}:
        if folder and folder in shown:
            raise SystemExit(f"{name}: an output names {folder}, which is of this machine")


if __name__ == "__main__":
    main(sys.argv[1:])
