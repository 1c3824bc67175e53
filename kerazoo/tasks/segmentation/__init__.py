"""A class for every pixel. The networks are here; training, evaluating and drawing them is not yet.

Whatever is not there says so in one sentence: nothing here pretends.
"""

from kerazoo.tasks.task import Card, Figure


class Segmentation:
    """See `kerazoo.tasks.task.Task`. The output is `logits`, `(batch, height, width, classes)`."""

    name = "segmentation"
    monitor = Figure("mean_iou", "mIoU", "miou")
    figures = (monitor,)
    outputs = ("logits",)
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

    def move(self, target, placement, flip):
        raise _not_yet("trained")

    def encode(self, targets, classes):
        raise _not_yet("trained")

    def loss(self, recipe):
        raise _not_yet("trained")

    def metrics(self):
        raise _not_yet("trained")

    def meter(self, source):
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
