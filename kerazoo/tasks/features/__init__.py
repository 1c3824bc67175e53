"""Networks without a task: a backbone's maps or vector, or the outputs of heads of your own.

They can be exported and run; what else is done with their outputs is their owner's business.
"""

from types import MappingProxyType

from kerazoo._errors import invalid
from kerazoo.tasks.task import Card, Figure

_DESCRIPTION = "features"


class Features:
    """See `kerazoo.tasks.task.Task`. The outputs are those of the network, by its own names."""

    name = "features"
    monitor = Figure("loss", "loss", "loss", percent=False, higher_is_better=False)
    figures = (monitor,)
    outputs = ()
    mixes = False
    placed = False
    fits_head = False
    drawings = MappingProxyType({})
    photographs = ()
    learning = MappingProxyType({})
    learned = MappingProxyType({})
    shapes = ()
    columns = ("values", "output")
    fields = ("name", "shape")
    options = ()
    card = Card("image-feature-extraction", "image-feature-extraction", "maps = model.predict(x)\n")

    def check(self, model, source=None):
        if source is not None:
            raise _cannot("measured on a data set")
        inputs = getattr(model, "inputs", None)
        if not inputs or not getattr(model, "outputs", None):
            raise invalid("model", model.name, "functional, or sequential and built")
        shapes = [tuple(x.shape) for x in inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4:
            rule = "a network of pictures: one input (batch, height, width, channels)"
            raise invalid("model", shapes, rule)

    def facts(self, model, labels):
        return {"outputs": dict.fromkeys(_names(model), _DESCRIPTION), "labels": ()}

    def answer(self, outputs, record, **how):
        return dict(outputs)

    def decode(self, outputs, record, placements=(), **how):
        count = len(next(iter(outputs.values())))
        return [{name: y[i] for name, y in outputs.items()} for i in range(count)]

    def rows(self, prediction):
        return [("x".join(map(str, y.shape)), name) for name, y in prediction.items()]

    def json(self, prediction):
        return [{"name": name, "shape": list(y.shape)} for name, y in prediction.items()]

    def captions(self, prediction):
        return []

    def draw(self, picture, prediction):
        return picture

    # What has no answer without a task.
    def head(self, trunk, arguments):
        raise _cannot("built with a head")

    def check_targets(self, targets, source, complete=False):
        raise _cannot("trained")

    def move(self, target, placement):
        raise _cannot("trained")

    def renumber(self, target, numbers):
        raise _cannot("trained")

    def encode(self, targets, classes):
        raise _cannot("trained")

    def fit_head(self, learned, held_out, classes, whole):
        raise _cannot("trained")

    def calibrate(self, model, answers):
        raise _cannot("trained")

    def loss(self, recipe):
        raise _cannot("trained")

    def metrics(self):
        raise _cannot("trained")

    def meter(self, source):
        raise _cannot("measured on a data set")

    def gather(self, batches, source, indices):
        raise _cannot("measured on a data set")

    def draw_figures(self, answers, folder, count):
        raise _cannot("measured on a data set")


def _names(model) -> list[str]:
    """Of a dict its keys, of a single output its kind, of several the layers that make them."""
    structure = model.output
    if isinstance(structure, dict):
        return list(structure)
    if len(model.outputs) == 1:
        return [_DESCRIPTION]
    names = list(model.output_names)
    unique = len(set(names)) == len(names)
    return names if unique else [f"output_{i}" for i in range(len(names))]


def _cannot(what: str) -> ValueError:
    return ValueError(
        f"A network of feature maps or with a head of your own cannot be {what} by kerazoo: "
        "train and measure it with Keras' own `fit` and `evaluate`."
    )


TASK = Features()
