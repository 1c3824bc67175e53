"""A class for every pixel. The networks are here; training, evaluating and drawing them is not yet.

Whatever is not there says so in one sentence: nothing here pretends.
"""

from types import MappingProxyType

from kerazoo.tasks.task import Card, Figure, Untrained


class Segmentation(Untrained):
    """See `kerazoo.tasks.task.Task`. The output is `logits`, `(batch, height, width, classes)`."""

    name = "segmentation"
    monitor = Figure("mean_iou", "mIoU", "miou")
    figures = (monitor,)
    outputs = ("logits",)
    placed = True
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

    def refusal(self, what):
        return ValueError(
            f"Segmentation networks cannot be {what} by kerazoo yet: build them with "
            "`kerazoo.create_model`, call them on pictures, and train them with Keras' own `fit`."
        )

    def head(self, trunk, arguments):
        from kerazoo.tasks.segmentation.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        raise self.refusal("predicted with, evaluated or exported")

    def facts(self, model, labels):
        raise self.refusal("exported")

    def answer(self, outputs, record, **how):
        raise self.refusal("exported")

    def decode(self, outputs, record, placements=(), **how):
        raise self.refusal("predicted with")

    def rows(self, prediction):
        raise self.refusal("predicted with")

    def json(self, prediction):
        raise self.refusal("predicted with")

    def captions(self, prediction):
        raise self.refusal("predicted with")

    def draw(self, picture, prediction):
        raise self.refusal("predicted with")


TASK = Segmentation()
