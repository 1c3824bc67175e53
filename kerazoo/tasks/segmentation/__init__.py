"""A class for every pixel. The networks are here; training, evaluating and drawing them is not yet.

Whatever is not there says so in one sentence: nothing here pretends.
"""

from types import MappingProxyType

from kerazoo.tasks.task import Card, Figure


class Segmentation:
    """See `kerazoo.tasks.task.Task`. The output is `logits`, `(batch, height, width, classes)`."""

    name = "segmentation"
    monitor = Figure("mean_iou", "mIoU", "miou")
    outputs = ("logits",)
    mixes = False
    placed = True
    drawings = MappingProxyType({})
    learning = MappingProxyType({"classifier_activation": None})
    learned = MappingProxyType({"classifier_activation": None})
    shapes = ("(batch, height, width, classes)",)
    columns = ("share (%)", "class")
    card = Card(
        pipeline_tag="image-segmentation",
        features_tag="image-feature-extraction",
        usage="logits = model.predict(x)\n",
    )

    def head(self, trunk, arguments):
        from kerazoo.tasks.segmentation.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        raise self._not_yet("evaluated, exported or trained on a data set")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._not_yet(f"asked for `{name}`")

    def _not_yet(self, what: str) -> ValueError:
        return ValueError(
            f"Segmentation networks cannot be {what} by kerazoo yet: build them with "
            "`kerazoo.create_model`, call them on pictures, and train them with Keras' own `fit`."
        )


TASK = Segmentation()
