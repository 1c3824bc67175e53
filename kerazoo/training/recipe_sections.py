"""The sections of a recipe, one record each."""

from dataclasses import dataclass
from typing import Any

from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._rules import (
    auto_or,
    choice,
    either,
    flag,
    integer,
    number,
    optional,
    row,
    table,
    text,
    word,
)

# Names of models, optimizers and schedules are checked where they are looked up.
_POSITIVE, _NOT_NEGATIVE = number(above=0), number(least=0)
_SHARE, _FACTOR = number(least=0, below=1), number(above=0, most=1)
_PATTERN = text("a pattern of layer names")
_PATTERNS = either(
    _PATTERN,
    row(_PATTERN, "a list", least=1),
    wants='"none", "backbone", a pattern of layer names or a list of these',
)
_WEIGHTS = either(
    choice("none", "shares"),
    row(_NOT_NEGATIVE, "numbers", least=2),
    wants='"none", "shares" or a number for each class',
)
_LABELS = either(text(), row(text(), "names", least=2), wants="a label set, or names of classes")
# How a head learns on a frozen network: `Transfer.head`.
STEPS, STORED, WITH_HELD_OUT = "steps", "features", "features, held out too"


@dataclass(frozen=True)
class Data(Record, section="data", keys="recipe key"):
    """Where the pictures come from.

    Args:
        name: A TFDS name, the path of a folder, or of a `.csv` file (`kerazoo.data.open`).
        train: Split to learn from, with or without a slice: `"train[:90%]"`; in folders also
            with a pattern of names: `"train[!0006R0*]"`.
        test: Split that the finished network is measured on, once, at the end.
        validation: Split that is watched after every epoch, and chooses the best checkpoint; by
            default `test`, whose figure at the best epoch is then no fair measure.
        fractions: Shares of the splits, for folders and CSV files without splits of their own.
        options: Further arguments of what reads the data: `{classes = ["sky", "road"], ignore =
            [11]}` says what the values of masks mean (`kerazoo.data.masks_source`).
        on_corrupt: `"skip"` leaves out pictures that cannot be decoded, and counts them; `"fail"`
            stops at the first.
        memory: Whether training pictures are decoded once and kept; `"auto"` does so for TFDS sets
            whose pictures all have one small size (CIFAR).
        cache: Whether encoded pictures of a TFDS set are kept in memory.
        shuffle_buffer: Pictures to choose from, for TFDS sets that are not in memory.
        balance: Shows pictures with rare classes more often: 0 not at all, 1 by the root of how
            much rarer the class is than the most common one (`kerazoo.data.balance`).
    """

    name: str = field(text(), "cifar10")
    train: str = field(text(), "train")
    test: str = field(text(), "test")
    validation: str | None = field(optional(text()), None)
    fractions: dict[str, float] | None = field(
        optional(table(_NOT_NEGATIVE, "a table of shares")), None
    )
    options: dict[str, Any] = field(table(), {})
    on_corrupt: str = field(word("skip", "fail"), "skip")
    memory: bool | str = field(auto_or(flag()), "auto")
    cache: bool = field(flag(), False)
    shuffle_buffer: int = field(integer(), 8192)
    balance: float = field(number(least=0, most=1), 0.0)


@dataclass(frozen=True)
class Optimizer(Record, section="optimizer", keys="recipe key"):
    """The optimizer, and what else shapes a step.

    Args:
        name: Any of Keras: `"sgd"`, `"rmsprop"`, `"adamw"`, `"muon"`, …
        learning_rate: The top of the schedule.
        warmup_epochs: The rate rises to it from 0 in a line meanwhile.
        momentum: For those that have one; None is 0.9 for SGD, the optimizer's default otherwise.
        weight_decay: Decoupled: every step shrinks kernels by `learning_rate * weight_decay`.
            Batch-norm scales and biases are left alone, by `l2` as well.
        l2: Added to the loss instead, `l2 / 2 * |kernel|²`, as papers before AdamW have it.
        label_smoothing: Share of the target that is spread over all classes.
        clipnorm, global_clipnorm, clipvalue: Clipping of gradients as in Keras; at most one.
        accumulate: Batches whose gradients are averaged before a step.
        ema: Momentum of an average of the weights, such as 0.999; 0 is off. The average is what
            is validated and exported.
        arguments: Others of the optimizer: `{rho = 0.9, epsilon = 0.001}`.
    """

    name: str = field(text(), "sgd")
    learning_rate: float = field(_POSITIVE, 0.1)
    warmup_epochs: float = field(_NOT_NEGATIVE, 1.0)
    momentum: float | None = field(optional(_SHARE), None)
    weight_decay: float = field(_NOT_NEGATIVE, 0.0)
    l2: float = field(_NOT_NEGATIVE, 0.0)
    label_smoothing: float = field(_SHARE, 0.0)
    clipnorm: float | None = field(optional(_POSITIVE), None)
    global_clipnorm: float | None = field(optional(_POSITIVE), None)
    clipvalue: float | None = field(optional(_POSITIVE), None)
    accumulate: int = field(integer(), 1)
    ema: float = field(_SHARE, 0.0)
    arguments: dict[str, Any] = field(table(), {})

    def check_together(self) -> None:
        clips = [n for n in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(self, n)]
        if len(clips) > 1:
            raise invalid(f"optimizer.{clips[1]}", getattr(self, clips[1]), f"without {clips[0]}")


@dataclass(frozen=True)
class Transfer(Record, section="transfer", keys="recipe key"):
    """How a network that was trained before goes on learning (`kerazoo.training.transfer.layers`).

    Args:
        trunk: A trained network whose layers all but the head starts from, as a classifier's are of
            use to a detector on the same backbone: a registered id, `"hf://user/repo"`, a folder as
            `weights/*` or that of a run. The recipe's `weights` are left out then.
        labels: What the classes of the start weights are called, where their file does not say: a
            label set, such as `"cityscapes"`, or names. A new head starts with what they know of
            classes of the same name.
        freeze: `"none"`, `"backbone"` (all but the head: a linear probe), or a pattern of
            layer names, such as `"stage[12]_*"`, or a list of these. The beginning of names up to
            an underscore will do: `"stem"`, `"stage3"`, `"stage3_block1"`.
        freeze_until: A pattern; the layers that it fits are frozen, and all that come before them.
        batch_norm: What batch normalisation does. `"auto"`: in frozen layers it keeps its
            statistics, scale and shift, in others it learns all of them. `"frozen"`: it keeps them
            everywhere. `"train"`: it learns them in frozen layers as well.
        restore_batch_norm: Measure statistics of batch norms that were folded into convolutions
            before the first step (`training.batch_norm.restore_batch_norm`). `"auto"` does so
            where the start weights have such and something of them is trained.
        rates: Pattern of layer names -> factor of the learning rate; the first that fits counts.
        layer_decay: Factor of the learning rate from each block to the one before it: 1 is off,
            0.75 to 0.9 is usual. The head has the whole rate, the stem the lowest.
        head: How the head learns on a network that is frozen as a `"backbone"`. `"steps"`: as
            everything does. `"features"`: the network runs once over the pictures, which are not
            augmented, and the head is fitted to what it gives until that has converged
            (`kerazoo.training.transfer.stored`); epochs, optimizer and schedule do not count.
            `"features, held out too"`: once the validation split has chosen, the last weights are
            fitted to its pictures as well; the best weights are not.
    """

    trunk: str | None = field(optional(text()), None)
    labels: str | tuple[str, ...] | None = field(optional(_LABELS), None)
    freeze: str | tuple[str, ...] = field(_PATTERNS, "none")
    freeze_until: str | None = field(optional(_PATTERN), None)
    batch_norm: str = field(word("auto", "frozen", "train"), "auto")
    restore_batch_norm: bool | str = field(auto_or(flag()), "auto")
    rates: dict[str, float] = field(table(_NOT_NEGATIVE, "a table of factors, 0 or more"), {})
    layer_decay: float = field(_FACTOR, 1.0)
    head: str = field(choice(STEPS, STORED, WITH_HELD_OUT), STEPS)

    def check_together(self) -> None:
        if self.head != STEPS and (self.freeze, self.freeze_until) != ("backbone", None):
            rule = f'{STEPS!r} where more than the head learns (`freeze = "backbone"` leaves it)'
            raise invalid("transfer.head", self.head, rule)


@dataclass(frozen=True)
class Loss(Record, section="loss", keys="recipe key"):
    """What is minimised, where the task leaves a choice (its `losses`).

    Args:
        name: One of the task's `losses` (a wrong one is answered by all of them); None for the
            first, its own choice.
        class_weights: Of losses that can weigh classes. `"none"`: all count alike. `"shares"`: rare
            ones count more, by 1 / log(1.02 + share of the training set), as ENet's authors have
            it. Or a number for each class.
    """

    name: str | None = field(optional(text()), None)
    class_weights: str | tuple[float, ...] = field(_WEIGHTS, "none")


@dataclass(frozen=True)
class Distillation(Record, section="distillation", keys="recipe key"):
    """What is learned from a trained network (`kerazoo.training.distillation`).

    Args:
        teacher: A network of the same classes in the same order: a registered id,
            `"hf://user/repo"`, a folder as `weights/*` or that of a run; None for targets alone.
        weight: Share of its opinion in the targets; smoothing goes on top.
    """

    teacher: str | None = field(optional(text()), None)
    weight: float = field(_FACTOR, 0.5)
