"""Fine-tuning: which layers learn, how fast, and what batch normalisation does meanwhile.

Layers are chosen by patterns. A pattern is a shell pattern of layer names (`"stage[12]_*"`,
`"*_se"`), or the beginning of names up to an underscore: `"stem"`, a stage `"stage3"`, a block
`"stage3_block1"`. Blocks and stages are in the names of all networks here (`model.summary()`).
"""

import fnmatch
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras

from kerazoo._errors import invalid, unknown
from kerazoo._keras_graph import feeds, is_graph, maker
from kerazoo.tasks import get_task
from kerazoo.training.optim.layer_rates import scale_variables
from kerazoo.training.recipe_sections import Transfer
from kerazoo.training.transfer.batch_norm import batch_norms, has_folded_batch_norm

log = logging.getLogger("kerazoo")

# What names of layers in one block share: kerazoo's and keras.applications' blocks, NASNet's cells
# (`separable_conv_1_normal_left1_5`), else the first word.
_BLOCK = re.compile(r"^(?:.*?block_?\d+[a-z]?(?=_|$))")
_CELL = re.compile(r"_((?:stem_|reduce_)?\d+)$")


def prepare(model: keras.Model, transfer: Transfer) -> None:
    """Freeze the layers that shall not learn; call it before `compile`.

    A frozen batch normalisation works in inference mode: it normalises with its moving statistics
    and does not update them. Layers that are frozen already stay so.

    Args:
        model: A kerazoo network, or another model of Keras.
        transfer: `freeze`, `freeze_until` and `batch_norm` count here.

    Raises:
        ValueError: for a pattern that fits no layer (the nearest names are listed), or settings
            that leave nothing to learn.
    """
    frozen = [*_frozen(model, transfer.freeze), *_frozen_until(model, transfer.freeze_until)]
    norms = {id(layer) for layer in batch_norms(model)}
    for layer in frozen:
        if id(layer) not in norms or transfer.batch_norm != "train":
            layer.trainable = False
    if transfer.batch_norm == "frozen":
        for layer in batch_norms(model):
            layer.trainable = False
    if not model.trainable_variables:
        choice = {"freeze": transfer.freeze, "freeze_until": transfer.freeze_until}
        raise invalid("transfer", choice, "settings that leave a layer to learn")


def restores_batch_norm(model: keras.Model, transfer: Transfer) -> bool:
    """Whether `restore_batch_norm` is to be called before the first step.

    Args:
        model: With its start weights, as `prepare` left it.
        transfer: With `"auto"`, it is for folded batch norms of which some learn; the others work
            in inference, where they are right as they are.
    """
    if transfer.restore_batch_norm != "auto":
        return bool(transfer.restore_batch_norm)
    learning = any(layer.trainable for layer in batch_norms(model))
    return learning and has_folded_batch_norm(model)


def scale_rates(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, transfer: Transfer
) -> keras.optimizers.Optimizer:
    """Give layers rates of their own; see `layer_rates.scale_variables`, which does it.

    Args:
        optimizer: Any of Keras, not built yet.
        model: As `prepare` left it.
        transfer: `rates` and `layer_decay` count here; a layer's factor is the product of both.

    Returns:
        The optimizer to compile with.

    Raises:
        ValueError: for a pattern that fits no layer.
    """
    factors = rate_factors(model, transfer)
    by_path = {
        variable.path: factors[layer.name]
        for layer in units(model)
        for variable in layer.trainable_variables
        if factors[layer.name] != 1.0
    }
    return scale_variables(optimizer, by_path) if by_path else optimizer


def rate_factors(model: keras.Model, transfer: Transfer) -> dict[str, float]:
    """Name of every layer with weights -> factor of the learning rate, from stem to head.

    Args:
        model: A model.
        transfer: `rates`: the first pattern that fits a layer counts. `layer_decay`: the head
            has 1, the block before it `layer_decay`, the one before that `layer_decay` squared, …

    Raises:
        ValueError: for a pattern that fits no layer.
    """
    layers = units(model)
    factors = {layer.name: 1.0 for layer in layers}
    open_ = list(layers)
    for pattern, factor in transfer.rates.items():
        chosen = matching(model, pattern, "rates")
        if not any(layer.trainable_variables for layer in chosen):
            log.warning("rates: all layers that %r fits are frozen.", pattern)
        for layer in chosen:
            if layer in open_:
                factors[layer.name] = float(factor)
                open_.remove(layer)
    if transfer.layer_decay != 1.0:
        order = blocks(model)
        for depth, block in enumerate(reversed(order)):
            for layer in block:
                factors[layer.name] *= transfer.layer_decay**depth
    return factors


def blocks(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """The layers with weights, those of a block together, from stem to head.

    A block is what names share up to `block<number>`, or the first word (`stem`, `stage1`); the
    head is a block of its own, the last.
    """
    last = head(model)
    found: dict[str, list[keras.layers.Layer]] = {}
    for layer in units(model):
        if layer not in last:
            found.setdefault(_block(layer.name), []).append(layer)
    # By where each ends: side branches begin early.
    position = {id(layer): i for i, layer in enumerate(units(model))}
    return [*sorted(found.values(), key=lambda block: position[id(block[-1])]), last]


def head(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers with weights that belong to the task: what a linear probe trains.

    Of networks that say where something is, all of the head that they name (`ModelInfo.head`); of
    others the last layers on the way to the outputs, so that the probe is linear. MobileNetV3's
    head has a hidden layer, which came with the weights.
    """
    info = getattr(model, "info", None)
    if info is not None and info.head and get_task(info.task).placed:
        return [layer for layer in units(model) if layer.name.startswith(info.head)]
    return _last_layers(model)


def _last_layers(model: keras.Model) -> list[keras.layers.Layer]:
    if not is_graph(model):
        return units(model)[-1:]
    sources, found, seen = feeds(model), [], set()
    waiting = [maker(x) for x in model.outputs]
    while waiting:
        operation = waiting.pop()
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        if isinstance(operation, keras.Model):
            found += head(operation)
        elif getattr(operation, "weights", None):
            found.append(operation)
        else:
            waiting += sources.get(id(operation), ())
    return found


def units(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers with weights in order, those of models inside of it too."""
    found: list[keras.layers.Layer] = []
    for layer in model.layers:
        inside = units(layer) if isinstance(layer, keras.Model) else [layer]
        found += [each for each in inside if each.weights and each not in found]
    return found


def matching(model: keras.Model, pattern: str, argument: str) -> list[keras.layers.Layer]:
    """The layers with weights that a pattern fits.

    Args:
        model: A model.
        pattern: See the module.
        argument: Name of the setting, for the error.

    Raises:
        ValueError: where there are none; the nearest names are listed.
    """
    found = [layer for layer in units(model) if fits(layer.name, pattern)]
    if not found:
        names = [layer.name for layer in units(model)]
        raise unknown(argument, pattern, {*names, *map(_block, names), *map(_word, names)})
    return found


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern fits the name of a layer."""
    return any(fnmatch.fnmatchcase(name, p) for p in (pattern, f"{pattern}_*"))


def _frozen(model: keras.Model, freeze: str | Sequence[str]) -> Iterator[keras.layers.Layer]:
    for pattern in [freeze] if isinstance(freeze, str) else freeze:
        if pattern == "backbone":
            last = head(model)
            yield from (layer for layer in units(model) if layer not in last)
        elif pattern != "none":
            yield from matching(model, pattern, "freeze")


def _frozen_until(model: keras.Model, pattern: str | None) -> Iterable[keras.layers.Layer]:
    """The layers that a pattern fits, and all that their results depend on."""
    if pattern is None:
        return []
    chosen = matching(model, pattern, "freeze_until")
    wanted = _ancestors(model, {id(layer) for layer in chosen})
    return [layer for layer in units(model) if id(layer) in wanted]


def _ancestors(model: keras.Model, chosen: set[int]) -> set[int]:
    """Ids of `chosen` layers and of those before them, those of models inside too."""
    if not is_graph(model):
        order = [id(layer) for layer in units(model)]
        last = max((i for i, each in enumerate(order) if each in chosen), default=-1)
        return set(order[: last + 1])
    sources, found = feeds(model), set(chosen)
    operations = {id(layer): layer for layer in model.layers}
    waiting: list[Any] = [operations[each] for each in chosen if each in operations]
    for layer in model.layers:
        if isinstance(layer, keras.Model) and chosen & {id(each) for each in units(layer)}:
            found |= _ancestors(layer, chosen)
            waiting += sources.get(id(layer), ())
    seen: set[int] = set()
    while waiting:
        operation = waiting.pop()
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        inside = units(operation) if isinstance(operation, keras.Model) else [operation]
        found |= {id(each) for each in inside}
        waiting += sources.get(id(operation), ())
    return found


def _block(name: str) -> str:
    block, cell = _BLOCK.match(name), _CELL.search(name)
    return block[0] if block else cell[1] if cell else _word(name)


def _word(name: str) -> str:
    return name.partition("_")[0]
