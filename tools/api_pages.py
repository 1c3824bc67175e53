"""The reference of public names on the site: a page a face, from the docstrings by mkdocstrings.

The faces say what is public (`_PUBLIC`, `__all__`), so nothing can be forgotten.
"""

import importlib

# Page -> what it says before its names. Constructors are on the pages of their families.
PAGES = {
    "kerazoo": "Names of the package itself. Constructors (`kerazoo.MixNetS`, …) are on the pages "
    "of their [families](../families/index.md).",
    "kerazoo.data": "Pictures and what belongs to them.",
    "kerazoo.training": "Runs from recipes, and fine-tuning.",
    "kerazoo.deploy": "Networks that are made to run.",
    "kerazoo.scoring": "Many pictures, to files of answers.",
    "kerazoo.optimize": "Smaller networks, with TF-MOT.",
    "kerazoo.checkpoints": "What is known of published weights.",
    "kerazoo.models": "What networks are made with.",
    "kerazoo.blocks": "Builders of blocks.",
    "kerazoo.layers": "Keras layers.",
}


def public(package: str) -> dict[str, str]:
    """Public name -> the module that defines it."""
    face = importlib.import_module(package)
    names = getattr(face, "_PUBLIC", None) or face.__all__
    # Not that of the face, which may name a package of the same name as the function.
    return {name: getattr(getattr(face, name), "__module__", package) for name in names}


def pages() -> dict[str, str]:
    """Path on the site -> Markdown."""
    lines = ["# Python reference", "", "| package | |", "|---|---|"]
    made = {}
    for package, about in PAGES.items():
        name = f"{package.rpartition('.')[2]}.md"
        made[f"api/{name}"] = page(package, about)
        lines.append(f"| [`{package}`]({name}) | {about.partition('. ')[0].rstrip('.')} |")
    return {"api/index.md": "\n".join([*lines, ""]), **made}


def page(package: str, about: str) -> str:
    """Of one package."""
    parts = [f"# `{package}`", about]
    for name, module in sorted(public(package).items(), key=lambda item: item[0].lower()):
        parts.append(f"::: {module}.{name}\n    options:\n      heading: {package}.{name}")
    return "\n\n".join(parts) + "\n"
