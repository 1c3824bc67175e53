"""From the names of another library's tensors to kerazoo's variables: one layout a publisher.

A kerazoo variable is called `<layer>/<variable>`, `stage1_block2_expand_conv/kernel`. A layout
translates *every* name of a file, so that nothing in the file can be overlooked; names it does not
know are kept and later reported as unexpected. The layouts themselves are in `layouts/`, a file a
publisher and family; a new file there is found by itself.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

IGNORED = None  # what a name translates to that stands for no weight

Translation = dict[str, str | None]


@dataclass(frozen=True)
class Layout:
    """How one publisher names the tensors of some families.

    Attributes:
        libraries: Whose names these are, by the `layout` of registered checkpoints: those of this
            model say what a file with such names was trained with.
        marker: Regular expression; a file is of this layout if one of its names matches.
        translate: `(names of the file, layers of the model) -> {name: variable or IGNORED}`.
        torch: Whether arrays have PyTorch's axis order.
    """

    libraries: tuple[str, ...]
    marker: str
    translate: Callable[[Iterable[str], Iterable[str]], Translation]
    torch: bool = True

    @property
    def name(self) -> str:
        """For messages."""
        return " and ".join(self.libraries)


_TORCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def torch_variable(layer: str, variable: str) -> str:
    """`("stem_bn", "weight")` -> `"stem_bn/gamma"`, `("head_conv", "weight")` -> `…/kernel`."""
    if layer.endswith("_bn"):
        return f"{layer}/{_TORCH_NORM.get(variable, variable)}"
    kind, _, part = variable.partition(".")
    if part:  # a mixed convolution: "0.weight"
        return f"{layer}/kernel_{kind}" if part == "weight" else f"{layer}/{variable}"
    return f"{layer}/{'kernel' if variable == 'weight' else variable}"


def blocks_in(layers: Iterable[str]) -> list[str]:
    """The blocks of a model, `["stage1_block1", …]`, in order."""
    found = (re.match(r"stage\d+_block\d+", layer) for layer in layers)
    return list(dict.fromkeys(match[0] for match in found if match))


def translate_modules(
    names: Iterable[str], module_of: Callable[[str], tuple[str, str] | None]
) -> Translation:
    """Translate PyTorch names with `module_of(name) -> (layer, variable)`, None where unknown."""
    translation: Translation = {}
    for name in names:
        if name.endswith("num_batches_tracked"):
            translation[name] = IGNORED
            continue
        found = module_of(name)
        translation[name] = torch_variable(*found) if found else name
    return translation


def _identity(names: Iterable[str], layers: Iterable[str]) -> Translation:
    return {name: name for name in names}


OWN = Layout(("kerazoo",), r"", _identity, torch=False)


@functools.cache
def _layouts() -> tuple[Layout, ...]:
    """`LAYOUTS` of every module in `layouts/`."""
    from kerazoo.checkpoints import layouts

    names = (module.name for module in pkgutil.iter_modules(layouts.__path__))
    found = sorted(name for name in names if name != __name__.rpartition(".")[2])
    modules = [importlib.import_module(f"{layouts.__name__}.{name}") for name in found]
    return tuple(layout for module in modules for layout in module.LAYOUTS)


def unknown_names(source: str, model: str, names: Iterable[str]) -> ValueError:
    """The error for a file that holds another network, or names of a library that is not known."""
    names = list(names)
    first = ", ".join(f"`{name}`" for name in names[:3])
    return ValueError(
        f"{source} does not hold weights of `{model}`: of its {len(names)} names ({first}, …) none "
        "is one that kerazoo knows for this model."
    )


def find_layout(names: Iterable[str]) -> Layout:
    """The layout whose marker is among the names; kerazoo's own otherwise."""
    names = list(names)
    for layout in _layouts():
        if any(re.fullmatch(layout.marker, name) for name in names):
            return layout
    return OWN
