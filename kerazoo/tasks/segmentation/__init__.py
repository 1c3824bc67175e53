"""A class for every pixel.

This module is light, so that a listing can ask it: what needs Keras or TensorFlow is in the modules
beside it, imported where it is called.
"""

from types import MappingProxyType

from kerazoo.tasks.description import Card, Figure


class Segmentation:
    """See `kerazoo.tasks.task.Task`. The output is `logits`, `(batch, height, width, classes)`; a
    target is `{"mask": …}`, the bytes of a PNG (`targets`).
    """

    name = "segmentation"
    monitor = Figure("mean_iou", "mIoU", "miou")
    figures = (monitor,)
    outputs = ("logits",)
    mixes = False
    placed = True
    merges = True
    joins = False
    fits_head = False
    losses = ("cross-entropy + dice", "cross-entropy", "dice", "focal", "focal + dice")
    ships_thresholds = False
    drawings = MappingProxyType({"confusion.png": "pixels by true and predicted class"})
    photographs = ()
    files = MappingProxyType({"_classes.png": "save_mask"})
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

    def head(self, trunk, arguments):
        from kerazoo.tasks.segmentation.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        from kerazoo.tasks.segmentation.head import check

        check(model, source)

    def arguments(self, given, source, preprocessing, build):
        return given

    def adopt(self, model, labels, classes, build):
        from kerazoo.tasks.segmentation.adopt import adopt

        return adopt(model, labels, classes, build)

    def plan(self, pictures):
        from kerazoo.tasks.segmentation.plan import plan

        return plan(pictures)

    def survey(self, sources):
        from kerazoo.tasks.segmentation.survey import survey

        return survey(sources)

    def check_targets(self, targets, source, complete=False):
        from kerazoo.tasks.segmentation.targets import check_targets

        check_targets(targets, source, complete)

    def move(self, target, placement):
        from kerazoo.tasks.segmentation.targets import move

        return move(target, placement)

    def show(self, picture, target, classes):
        from kerazoo.tasks.segmentation.predictions import show

        return show(picture, target, classes)

    def renumber(self, target, numbers):
        from kerazoo.tasks.segmentation.targets import renumber

        return renumber(target, numbers)

    def regions(self, target):
        return None

    def join(self, targets):
        raise ValueError("Masks of several pictures are not put together.")

    def present(self, targets, classes):
        raise ValueError("Segmentation does not balance classes: every mask has to be read for it.")

    def encode(self, targets, classes, model=None):
        from kerazoo.tasks.segmentation.training import encode

        return encode(targets, model)

    def loss(self, recipe, model, source=None):
        from kerazoo.tasks.segmentation.training import loss

        return loss(recipe, model, source)

    def metrics(self):
        return []  # the meter measures at the size of the pictures

    def fit_head(self, learned, held_out, classes, whole):
        raise ValueError("The decoder of a segmenter cannot be fitted to stored features.")

    def calibrate(self, model, answers):
        return None

    def meter(self, source, network, quick=False):
        from kerazoo.tasks.segmentation.meter import SegmentationMeter

        return SegmentationMeter(source, network)

    def gather(self, batches, source, indices, network):
        from kerazoo.tasks.segmentation.answers import gather

        return gather(batches, source, network)

    def draw_figures(self, answers, folder, count):
        from kerazoo.tasks.segmentation.answers import draw

        draw(answers, folder)

    def facts(self, model, labels):
        from kerazoo.tasks.segmentation.serving import facts

        return facts(model, labels)

    def answer(self, outputs, record, **how):
        from kerazoo.tasks.segmentation.serving import answer

        return answer(outputs, record, **how)

    def signatures(self, record, batch=False, **how):
        return {}

    def merge(self, views, record):
        from kerazoo.tasks.segmentation.tiles import merge

        return merge(views)

    def decode(self, outputs, record, placements=(), pictures=(), **how):
        from kerazoo.tasks.segmentation.predictions import decode

        return decode(outputs, record, placements, pictures, **how)

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
