"""The head of detectors: further maps, and on each map what reads classes and boxes from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerazoo._errors import invalid, unknown
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, output_dtype
from kerazoo.blocks.ssd import Predictor, predictor
from kerazoo.labels import label_names, shared_classes
from kerazoo.tasks.detection.anchors import RULES, rule_from_dict
from kerazoo.tasks.detection.detector import CODES, LOGITS, detector_of
from kerazoo.tasks.detection.rules import RULE_SETS, RuleSet

# Name prefixes of the layers made here: the extra maps, the predictors, and what joins their rows.
LAYERS = ("extra", "classes", "boxes", CODES, LOGITS)


@dataclass(frozen=True)
class SSDHead:
    """What a network of this task leaves in `Trunk.head`.

    Attributes:
        picture: The tensor that the network starts from.
        maps: Makes the extra maps; gives all that are read, finest first.
        predictors: One for each map.
        conventions: For the predictors.
        rules: What the outputs mean.
    """

    picture: Any
    maps: Callable[[], Sequence[Any]]
    predictors: Sequence[Predictor]
    conventions: Conventions
    rules: RuleSet


def chosen_rules(rules: str, anchors: Any) -> RuleSet:
    """The rule set of a name, with other anchors where somebody wants them.

    Args:
        rules: A name of `RULE_SETS`.
        anchors: None, an anchor rule, or one as its `to_dict` gives it.

    Raises:
        ValueError: One is none of these.
    """
    if not isinstance(rules, str) or rules not in RULE_SETS:
        raise unknown("rules", rules, RULE_SETS, limit=None)
    if isinstance(anchors, Mapping):
        anchors = rule_from_dict(anchors)
    if anchors is None:
        return RULE_SETS[rules]
    if not isinstance(anchors, tuple(RULES.values())):
        wants = "None, or an anchor rule of kerazoo.tasks.detection.anchors, as it is or as a dict"
        raise invalid("anchors", anchors, wants)
    return replace(RULE_SETS[rules], anchors=anchors)


def head(trunk: Trunk, arguments: Any) -> dict[str, Any]:
    """`codes` `(batch, anchors, 4)` and `logits` `(batch, anchors, 1 + classes)`; see `Task.head`.

    Args:
        trunk: Whose `head` is an `SSDHead`; it gets the `facts`.
        arguments: `classes` of the constructor, without background.
    """
    plan = trunk.head
    assert isinstance(plan, SSDHead)  # every network of this task has one
    _, height, width, channels = plan.picture.shape
    if height is None or width is None:
        rule = "of a fixed height and width: the anchors depend on it"
        raise invalid("input_shape", (height, width, channels), rule)
    if arguments.classifier_activation not in (None, "linear"):
        rule = "None: the loss and what reads the outputs take logits"
        raise invalid("classifier_activation", arguments.classifier_activation, rule)
    maps, counts = plan.maps(), plan.rules.anchors.counts
    if len(counts) != len(maps):
        rule = f"a rule for {len(maps)} maps; this one is for {len(counts)}"
        raise invalid("anchors", plan.rules.anchors, rule)
    outputs = {
        CODES: _rows(plan, maps, "boxes", 4, CODES),
        LOGITS: _rows(plan, maps, "classes", arguments.classes + 1, LOGITS),
    }
    grids = tuple((x.shape[1], x.shape[2]) for x in maps)
    trunk.facts = plan.rules.detector((height, width), grids).to_dict()
    return outputs


def _rows(plan: SSDHead, maps: Sequence[Any], name: str, width: int, output: str) -> Any:
    """`width` numbers of every anchor of all maps, in the order of the anchors."""
    found = []
    counts = plan.rules.anchors.counts
    for number, (x, row, count) in enumerate(zip(maps, plan.predictors, counts, strict=True), 1):
        y = predictor(x, count * width, row, plan.conventions, f"{name}{number}")
        anchors = x.shape[1] * x.shape[2] * count
        found.append(keras.layers.Reshape((anchors, width), name=f"{name}{number}_rows")(y))
    return keras.layers.Concatenate(axis=1, dtype=output_dtype(), name=output)(found)


def check(model: Any, source: Any = None) -> None:
    """See `Task.check`. Classes of a model with labels are found by their names."""
    detector_of(model)
    if source is None:
        return
    classes = model.output[LOGITS].shape[-1] - 1
    labels = model.info.labels
    names = label_names(labels) if isinstance(labels, str) else labels
    if names is None and classes != len(source.classes):
        rule = f"a detector of the {len(source.classes)} classes of {source.name!r}"
        raise invalid("model", f"{model.name}, of {classes} classes", rule)
    if names is not None and not shared_classes(names, source.classes):
        rule = f"a detector of some class of {source.name!r}: {', '.join(source.classes[:5])}"
        raise invalid("model", f"{model.name}, of {', '.join(names[:5])}, …", rule)
    if model.input_shape[-1] != 3:
        raise invalid("model", f"{model.name} for {model.input_shape[-1]} channels", "for RGB")
