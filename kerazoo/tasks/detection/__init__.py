"""Boxes with a class each.

A box is `(x1, y1, x2, y2)` in pixels: of the network's input, or of the upright picture once it is
decoded. What a network's outputs mean is told by `detector`. `anchors` and `fitting` say where it
may look, `boxes` and `matching` turn a data set's boxes into what it should answer there, `losses`
compare the two, `postprocess` and `postprocess_graph` turn outputs into boxes, `evaluation`
measures them.

This module is light, so that a listing can ask it: what needs Keras or TensorFlow is in the modules
beside it, imported where it is called.
"""

from types import MappingProxyType

from kerazoo._rules import number
from kerazoo.tasks.description import Card, Figure, Option


class Detection:
    """See `kerazoo.tasks.task.Task`. The outputs are `codes` and `logits` of every anchor."""

    name = "detection"
    monitor = Figure("ap", "AP", "ap")
    figures = (monitor, Figure("ap50", "AP50", "ap50"))
    outputs = ("codes", "logits")
    mixes = False
    placed = True
    merges = True
    joins = True
    fits_head = False
    losses = ()
    ships_thresholds = True
    drawings = MappingProxyType(
        {"precision.png": "precision and recall of each class", "worst.png": "the worst pictures"}
    )
    photographs = ("worst.png",)
    files = MappingProxyType({})
    learning = MappingProxyType({"classifier_activation": None})
    learned = MappingProxyType({"classifier_activation": None})
    shapes = ("(batch, anchors, 4)", "(batch, anchors, 1 + classes)")
    columns = ("score (%)", "class", "box")
    fields = ("index", "name", "id", "score", "x1", "y1", "x2", "y2")
    options = (
        Option(
            "threshold",
            "measured for each class, else 0.5",
            "score from which on a thing is told, 0 to 1",
            number(least=0, most=1),
            float,
        ),
        Option("most", 100, "things a picture"),
    )
    card = Card(
        pipeline_tag="object-detection",
        features_tag="image-feature-extraction",
        usage="outputs = model.predict(x)\n",
        decode='print(kerazoo.predict(model, "photograph.jpg").rows())\n',
        head="predictors",
    )

    def head(self, trunk, arguments):
        from kerazoo.tasks.detection.head import head

        return head(trunk, arguments)

    def check(self, model, source=None):
        from kerazoo.tasks.detection.head import check

        check(model, source)

    def arguments(self, given, source, preprocessing, build):
        from kerazoo.tasks.detection.auto import fitted_arguments

        return fitted_arguments(given, source, preprocessing, build)

    def adopt(self, model, labels, classes, build):
        from kerazoo.tasks.detection.adopt import adopt

        return adopt(model, labels, classes, build)

    def plan(self, pictures):
        from kerazoo.tasks.detection.plan import plan

        return plan(pictures)

    def check_targets(self, targets, source, complete=False):
        from kerazoo.tasks.detection.targets import check_targets

        check_targets(targets, source, complete)

    def survey(self, sources):
        from kerazoo.tasks.detection.survey import survey

        return survey(sources)

    def move(self, target, placement):
        from kerazoo.tasks.detection.targets import move

        return move(target, placement)

    def show(self, picture, target, classes):
        from kerazoo.tasks.detection.figures import show

        return show(picture, target, classes)

    def renumber(self, target, numbers):
        from kerazoo.tasks.detection.targets import renumber

        return renumber(target, numbers)

    def regions(self, target):
        from kerazoo.tasks.detection.targets import regions

        return regions(target)

    def join(self, targets):
        from kerazoo.tasks.detection.targets import join

        return join(targets)

    def present(self, targets, classes):
        from kerazoo.tasks.detection.targets import present

        return present(targets, classes)

    def encode(self, targets, classes, model=None):
        from kerazoo.tasks.detection.training import encode

        return encode(targets, model)

    def loss(self, recipe, model, source=None):
        from kerazoo.tasks.detection.training import loss

        return loss(model)

    def metrics(self):
        return []  # AP needs all pictures: the meter measures it

    def fit_head(self, learned, held_out, classes, whole):
        raise ValueError("The head of a detector cannot be fitted to stored features.")

    def calibrate(self, model, answers):
        from kerazoo.tasks.detection.answers import calibrate

        return calibrate(model, answers)

    def meter(self, source, network, quick=False):
        from kerazoo.tasks.detection.meter import DetectionMeter

        return DetectionMeter(source, network, quick)

    def gather(self, batches, source, indices, network):
        from kerazoo.tasks.detection.answers import gather

        return gather(batches, source, indices, network)

    def draw_figures(self, answers, folder, count):
        from kerazoo.tasks.detection.figures import draw

        draw(answers, folder, count)

    def facts(self, model, labels):
        from kerazoo.tasks.detection.serving import facts

        return facts(model, labels)

    def answer(self, outputs, record, **how):
        from kerazoo.tasks.detection.serving import answer

        return answer(outputs, record, **how)

    def signatures(self, record, batch=False, **how):
        from kerazoo.tasks.detection.serving import signatures

        return signatures(record, batch, **how)

    def merge(self, views, record):
        from kerazoo.tasks.detection.tiles import merge

        return merge(views, record)

    def decode(self, outputs, record, placements=(), pictures=(), **how):
        from kerazoo.tasks.detection.predictions import decode

        return decode(outputs, record, placements, pictures, **how)

    def rows(self, prediction):
        from kerazoo.tasks.detection.predictions import rows

        return rows(prediction)

    def json(self, prediction):
        from kerazoo.tasks.detection.predictions import as_json

        return as_json(prediction)

    def captions(self, prediction):
        from kerazoo.tasks.detection.predictions import captions

        return captions(prediction)

    def draw(self, picture, prediction):
        from kerazoo.tasks.detection.drawing import draw

        return draw(picture, prediction)


TASK = Detection()
