"""A class for every pixel.

This module is light, so that a listing can ask it: what needs Keras or TensorFlow is in the modules
beside it, imported where it is called. Whatever is not there yet says so in one sentence: nothing
here pretends.
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
    fields = ("index", "name", "share", "pixels")
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
        from kerazoo.tasks.segmentation.head import check

        check(model, source)

    def facts(self, model, labels):
        from kerazoo.tasks.segmentation.serving import facts

        return facts(model, labels)

    def answer(self, outputs, record, **how):
        from kerazoo.tasks.segmentation.serving import answer

        return answer(outputs, record, **how)

    def decode(self, outputs, record, placements=(), pictures=(), **how):
        from kerazoo.tasks.segmentation.predictions import decode

        return decode(outputs, record, placements, **how)

    def rows(self, prediction):
        from kerazoo.tasks.segmentation.predictions import rows

        return rows(prediction)

    def json(self, prediction):
        from kerazoo.tasks.segmentation.predictions import as_json

        return as_json(prediction)

    def captions(self, prediction):
        from kerazoo.tasks.segmentation.predictions import captions

        return captions(prediction)

    def draw(self, picture, prediction):
        return prediction.draw(picture)


TASK = Segmentation()
