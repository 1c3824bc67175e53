"""A class for every pixel. The networks are here; training, evaluating and drawing them is not yet.

Whatever is not there says so in one sentence: nothing here pretends.
"""

from types import MappingProxyType

from kerazoo.tasks.task import Card, Figure


class Segmentation:
    """See `kerazoo.tasks.task.Task`. The output is `logits`, `(batch, height, width, classes)`."""

    name = "segmentation"
    monitor = Figure("mean_iou", "mIoU", "miou")
    figures = (monitor,)
    outputs = ("logits",)
    mixes = False
    placed = True
    fits_head = False
    drawings = MappingProxyType({})
    photographs = ()
    learning = MappingProxyType({"classifier_activation": None})
    learned = MappingProxyType({"classifier_activation": None})
    shapes = ("(batch, height, width, classes)",)
    columns = ("share (%)", "class")
    fields = ("index", "name", "share")
    options = ()
    card = Card(
        pipeline_tag="image-segmentation",
        features_tag="image-feature-extraction",
        usage="logits = model.predict(x)\n",
    )

    def head(self, trunk, arguments):
        from kerazoo.tasks.segmentation.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        raise _not_yet("predicted with, evaluated or exported")

    def check_targets(self, targets, source, complete=False):
        raise _not_yet("trained")

    def move(self, target, placement):
        raise _not_yet("trained")

    def renumber(self, target, numbers):
        raise _not_yet("trained")

    def fit_head(self, learned, held_out, classes, whole):
        raise _not_yet("trained")

    def calibrate(self, model, answers):
        raise _not_yet("trained")

    def encode(self, targets, classes):
        raise _not_yet("trained")

    def loss(self, recipe):
        raise _not_yet("trained")

    def metrics(self):
        raise _not_yet("trained")

    def meter(self, source):
        raise _not_yet("evaluated")

    def gather(self, batches, source, indices):
        raise _not_yet("evaluated")

    def draw_figures(self, answers, folder, count):
        raise _not_yet("evaluated")

    def facts(self, model, labels):
        raise _not_yet("exported")

    def answer(self, outputs, record, **how):
        raise _not_yet("exported")

    def decode(self, outputs, record, placements=(), **how):
        raise _not_yet("predicted with")

    def rows(self, prediction):
        raise _not_yet("predicted with")

    def json(self, prediction):
        raise _not_yet("predicted with")

    def captions(self, prediction):
        raise _not_yet("predicted with")

    def draw(self, picture, prediction):
        raise _not_yet("predicted with")


def _not_yet(what: str) -> ValueError:
    return ValueError(
        f"Segmentation networks cannot be {what} by kerazoo yet: build them with "
        "`kerazoo.create_model`, call them on pictures, and train them with Keras' own `fit`."
    )


TASK = Segmentation()
