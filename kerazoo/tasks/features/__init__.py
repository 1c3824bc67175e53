"""Networks without a task: a backbone's maps or vector, or the outputs of heads of your own.

They can be exported and run; what else is done with their outputs is their owner's business.
"""

from types import MappingProxyType

from kerazoo._errors import invalid
from kerazoo.tasks.description import Card, Figure
from kerazoo.tasks.task import no_merging
from kerazoo.tasks.untrained import Untrained

_DESCRIPTION = "features"


class Features(Untrained):
    """See `kerazoo.tasks.task.Task`. The outputs are those of the network, by its own names."""

    name = "features"
    monitor = Figure("loss", "loss", "loss", percent=False, higher_is_better=False)
    figures = (monitor,)
    outputs = ()
    placed = False
    merges = False
    joins = False
    learning = MappingProxyType({})
    learned = MappingProxyType({})
    shapes = ()
    columns = ("values", "output")
    fields = ("name", "shape")
    options = ()
    card = Card("image-feature-extraction", "image-feature-extraction", "maps = model.predict(x)\n")

    def check(self, model, source=None):
        if source is not None:
            raise self.refusal("measured on a data set")
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

    def signatures(self, record, batch=False, **how):
        return {}

    def merge(self, views, record):
        raise no_merging(self.name)

    def decode(self, outputs, record, placements=(), pictures=(), **how):
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

    def refusal(self, what):
        return ValueError(
            f"A network of feature maps or with a head of your own cannot be {what} by kerazoo: "
            "train and measure it with Keras' own `fit` and `evaluate`."
        )

    def head(self, trunk, arguments):
        raise self.refusal("built with a head")


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


TASK = Features()
