"""One class for a picture.

This module is light, so that a listing can ask it: what needs Keras or TensorFlow is in the modules
beside it (`head`, `training`, `meter`, …), imported where it is called.
"""

from types import MappingProxyType

from kerazoo.tasks.description import Card, Figure, Option
from kerazoo.tasks.task import no_merging


class Classification:
    """See `kerazoo.tasks.task.Task`. The target is the int64 class, the output is `scores`."""

    name = "classification"
    monitor = Figure("accuracy", "top-1", "top1")
    figures = (monitor, Figure("top5_accuracy", "top-5", "top5"))
    outputs = ("scores",)
    mixes = True
    placed = False
    merges = False
    joins = False
    fits_head = True
    losses = ()
    ships_thresholds = False
    drawings = MappingProxyType(
        {"confusion.png": "confusion matrix", "mistakes.png": "the most confident mistakes"}
    )
    photographs = ("mistakes.png",)
    files = MappingProxyType({})
    learning = MappingProxyType({"classifier_activation": None})
    learned = MappingProxyType({"classifier_activation": "softmax"})
    shapes = ("(batch, classes)",)
    columns = ("score (%)", "class")
    fields = ("index", "name", "score", "sure")
    options = (Option("top", 5, "classes a picture"),)
    card = Card(
        pipeline_tag="image-classification",
        features_tag="image-feature-extraction",
        usage="scores = model.predict(x)\n",
        decode="print(kerazoo.decode_predictions(scores, model=model))\n",
        head="classifier",
    )

    def head(self, trunk, arguments):
        from kerazoo.tasks.classification.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        from kerazoo.tasks.classification.head import check

        check(model, source)

    def arguments(self, given, source, preprocessing, build):
        return given

    def adopt(self, model, labels, classes, build):
        return 0  # its head is fitted to the pictures anyway

    def plan(self, pictures):
        return None

    def check_targets(self, targets, source, complete=False):
        from kerazoo.tasks.classification.targets import check_targets

        check_targets(targets, source, complete)

    def survey(self, sources):
        from kerazoo.tasks.classification.survey import survey

        return survey(sources)

    def move(self, target, placement):
        return target  # a class stays what it is, wherever it is in the picture

    def show(self, picture, target, classes):
        from kerazoo.tasks.classification.targets import describe

        return picture, describe(target, classes)

    def renumber(self, target, numbers):
        import tensorflow as tf

        return tf.gather(numbers, target)

    def regions(self, target):
        return None  # it may be anywhere

    def join(self, targets):
        raise ValueError("Classes of pictures cannot lie side by side in one.")

    def present(self, targets, classes):
        from kerazoo.tasks.classification.targets import present

        return present(targets, classes)

    def encode(self, targets, classes, model=None):
        from kerazoo.tasks.classification.training import encode

        return encode(targets, classes)

    def loss(self, recipe, model, source=None):
        from kerazoo.tasks.classification.training import loss

        return loss(recipe)

    def metrics(self):
        from kerazoo.tasks.classification.training import metrics

        return metrics()

    def fit_head(self, learned, held_out, classes, whole):
        from kerazoo.tasks.classification.probe import fit_probe

        return fit_probe(learned, held_out, classes, whole)

    def calibrate(self, model, answers):
        from kerazoo.tasks.classification.head import calibrate

        return calibrate(model, answers)

    def meter(self, source, network, quick=False):
        from kerazoo.tasks.classification.meter import ClassificationMeter

        return ClassificationMeter(source)

    def gather(self, batches, source, indices, network):
        from kerazoo.tasks.classification.answers import gather

        return gather(batches, source, indices)

    def draw_figures(self, answers, folder, count):
        from kerazoo.tasks.classification.figures import draw

        draw(answers, folder, count)

    def facts(self, model, labels):
        from kerazoo.tasks.classification.serving import facts

        return facts(model, labels)

    def answer(self, outputs, record, **how):
        from kerazoo.tasks.classification.serving import answer

        return answer(outputs, record, **how)

    def signatures(self, record, batch=False, **how):
        return {}

    def merge(self, views, record):
        raise no_merging(self.name)

    def decode(self, outputs, record, placements=(), pictures=(), **how):
        from kerazoo.tasks.classification.predictions import decode

        return decode(outputs, record, **how)

    def rows(self, prediction):
        from kerazoo.tasks.classification.predictions import rows

        return rows(prediction)

    def json(self, prediction):
        from kerazoo.tasks.classification.predictions import as_json

        return as_json(prediction)

    def captions(self, prediction):
        from kerazoo.tasks.classification.predictions import captions

        return captions(prediction)

    def draw(self, picture, prediction):
        return picture  # a class is nowhere in particular


TASK = Classification()
