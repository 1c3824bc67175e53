"""Learning-rate schedules with warm restarts, and a picture of any schedule.

All are `keras.optimizers.schedules.LearningRateSchedule`s: give one to an optimizer, which calls it
at every step, or to `epoch_callback`, which sets the rate at the start of every epoch.
"""

import inspect
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kerazoo._checks import check_flag, check_int, check_number
from kerazoo._errors import invalid, unknown
from kerazoo._files import write_bytes
from kerazoo._rules import is_int, is_number
from kerazoo.training.optim import rates

log = logging.getLogger("kerazoo")

MILESTONES = (50, 100, 130, 160, 190, 220, 250, 280)
POINTS = 2000  # that a plot samples at most


@keras.saving.register_keras_serializable(package="kerazoo")
class CyclicWarmRestarts(keras.optimizers.schedules.LearningRateSchedule):
    """ESPNetv2's rate: it falls in a line for a few epochs, then restarts at the top.

    In epoch t the rate is `maximum - (t mod cycle) * minimum`; at each milestone both ends are
    multiplied by `decay`. Source: "ESPNetv2" (Mehta et al., CVPR 2019),
    https://arxiv.org/abs/1811.11431, and the authors' code (github.com/sacmehta/ESPNetv2,
    `imagenet/LRSchedule.py`), which adds one rule to the paper's: the very first epoch runs at the
    minimum, because training from the maximum sometimes diverges, and t is counted from the epoch
    after it. With the defaults epoch 0 has 0.1, epochs 1 to 5 have 0.5, 0.4, 0.3, 0.2, 0.1, epoch
    6 has 0.5 again, and the first halving is in epoch 51, which is t = 50. The code also rounds to
    five decimals; this does not.

    >>> schedule = CyclicWarmRestarts(steps_per_epoch=100)
    >>> [round(float(schedule(100 * epoch)), 3) for epoch in (0, 1, 2, 5, 6, 51)]
    [0.1, 0.5, 0.4, 0.1, 0.5, 0.25]

    Args:
        minimum: What the rate falls by in an epoch, eta_min in the paper; positive.
        maximum: Rate at a restart, eta_max; default `cycle * minimum`, as published. Not below
            that, for the rate would turn negative.
        cycle: Epochs from restart to restart, T.
        milestones: Rising values of t from which `decay` applies once more.
        decay: In (0, 1].
        steps_per_epoch: Optimizer steps in an epoch; 1 if it is called with epochs.
        gentle_start: The first-epoch rule of the authors' code.
        continuous: Let the rate fall at every step, not only from epoch to epoch; it then ends a
            cycle at `maximum - cycle * minimum`.
        name: Of the schedule.

    Raises:
        ValueError: for an argument outside these ranges.
    """

    def __init__(
        self,
        minimum: float = 0.1,
        maximum: float | None = None,
        cycle: int = 5,
        milestones: Sequence[int] = MILESTONES,
        decay: float = 0.5,
        steps_per_epoch: int = 1,
        gentle_start: bool = True,
        continuous: bool = False,
        name: str = "CyclicWarmRestarts",
    ):
        super().__init__()
        check_number("minimum", minimum, above=0)
        check_int("cycle", cycle)
        check_int("steps_per_epoch", steps_per_epoch)
        if maximum is not None and not (is_number(maximum) and maximum >= cycle * minimum):
            raise invalid(
                "maximum", maximum, f"None or at least `cycle * minimum` ({cycle * minimum:g})"
            )
        check_number("decay", decay, above=0, most=1)
        check_flag("gentle_start", gentle_start)
        check_flag("continuous", continuous)
        self.minimum, self.maximum, self.cycle = minimum, maximum, cycle
        self.milestones = _rising(milestones)
        self.decay, self.steps_per_epoch = decay, steps_per_epoch
        self.gentle_start, self.continuous, self.name = gentle_start, continuous, name

    def __call__(self, step):
        """The rate, a float32 scalar, at a step counted from 0."""
        with keras.name_scope(self.name):
            per_epoch = self.steps_per_epoch
            # Whole numbers as long as possible: float32 no longer counts single steps from 2**24.
            step = ops.cast(step, "int32")
            first = step < per_epoch
            elapsed = ops.maximum(step - per_epoch, 0) if self.gentle_start else step
            in_cycle = ops.mod(elapsed, per_epoch * self.cycle)
            if self.continuous:
                t = ops.cast(in_cycle, "float32") / float(per_epoch)
            else:
                t = ops.cast(ops.floor_divide(in_cycle, per_epoch), "float32")
            maximum = self.cycle * self.minimum if self.maximum is None else self.maximum
            rate = maximum - t * self.minimum
            if self.gentle_start:
                rate = ops.where(first, ops.cast(self.minimum, "float32"), rate)
            return rate * self._factor(ops.floor_divide(elapsed, per_epoch))

    def _factor(self, epoch):
        passed = [ops.cast(epoch >= milestone, "float32") for milestone in self.milestones]
        return ops.power(ops.cast(self.decay, "float32"), sum(passed, ops.zeros(())))

    def get_config(self):
        names = inspect.signature(type(self).__init__).parameters
        config = {name: getattr(self, name) for name in names if name != "self"}
        return {**config, "milestones": list(self.milestones)}


def cosine_restarts(
    maximum: float = 0.1,
    cycle: int = 10,
    cycle_growth: float = 2.0,
    restart_decay: float = 1.0,
    minimum: float = 0.0,
    steps_per_epoch: int = 1,
) -> keras.optimizers.schedules.CosineDecayRestarts:
    """Cosine annealing with warm restarts (SGDR), in epochs: Keras' own `CosineDecayRestarts`.

    Source: Loshchilov & Hutter, ICLR 2017, https://arxiv.org/abs/1608.03983.

    Args:
        maximum: Rate at the start.
        cycle: Epochs until the first restart.
        cycle_growth: Each cycle is this many times as long as the one before it; at least 1.
        restart_decay: Each restart begins at this many times the rate of the one before it, in
            (0, 1].
        minimum: Rate at the end of a cycle, from 0 to below `maximum`.
        steps_per_epoch: Optimizer steps in an epoch; 1 if it is called with epochs.

    Raises:
        ValueError: for an argument outside these ranges.
    """
    check_number("maximum", maximum, above=0)
    check_int("cycle", cycle)
    check_int("steps_per_epoch", steps_per_epoch)
    if not is_number(cycle_growth) or cycle_growth < 1:
        raise invalid("cycle_growth", cycle_growth, "a number, at least 1")
    if not is_number(restart_decay) or not 0 < restart_decay <= 1:
        raise invalid("restart_decay", restart_decay, "a number above 0 and at most 1")
    if not is_number(minimum) or not 0 <= minimum < maximum:
        raise invalid("minimum", minimum, f"a number from 0 to below `maximum` ({maximum:g})")
    return keras.optimizers.schedules.CosineDecayRestarts(
        maximum,
        cycle * steps_per_epoch,
        t_mul=float(cycle_growth),
        m_mul=float(restart_decay),
        alpha=minimum / maximum,
    )


SCHEDULES: dict[str, Callable[..., keras.optimizers.schedules.LearningRateSchedule]] = {
    "constant": rates.constant,
    "cosine": rates.cosine,
    "exponential": rates.exponential,
    "piecewise": rates.piecewise,
    "cyclic": CyclicWarmRestarts,
    "cosine_restarts": cosine_restarts,
}


def make_schedule(schedule: str, **arguments) -> keras.optimizers.schedules.LearningRateSchedule:
    """A schedule by name, for recipes and command lines.

    Args:
        schedule: A key of `SCHEDULES`.
        **arguments: Of that function or class.

    Raises:
        ValueError: for an unknown name or argument (the nearest ones are named), or a wrong value.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    accepted = inspect.signature(SCHEDULES[schedule]).parameters
    for name in arguments:
        if name not in accepted:
            raise unknown("schedule argument", name, accepted)
    return SCHEDULES[schedule](**arguments)


def epoch_callback(
    schedule: keras.optimizers.schedules.LearningRateSchedule, steps_per_epoch: int = 1
) -> keras.callbacks.LearningRateScheduler:
    """A callback that sets the rate at the start of every epoch and leaves it there.

    Args:
        schedule: Any schedule.
        steps_per_epoch: What the schedule counts in an epoch; 1 if it counts epochs.
    """
    check_int("steps_per_epoch", steps_per_epoch)
    rate = _rate_of(schedule)
    return keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(epoch * steps_per_epoch))


def plot_schedule(
    schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int, path: str | Path
) -> Path:
    """Draw the rate from step 0 to `steps - 1` into a picture file.

    Args:
        schedule: Any schedule.
        steps: How many steps (or epochs, if the schedule counts those) to show.
        path: File to write; its ending decides the format (`.png`, `.svg`, `.pdf`, …).

    Returns:
        The path.

    Raises:
        ValueError: if `steps` is not a positive integer or the ending is unknown.
        ImportError: if Matplotlib is not installed.
    """
    check_int("steps", steps)
    rate, path = _rate_of(schedule), Path(path)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            '`plot_schedule` needs Matplotlib: pip install "kerazoo[plot]"'
        ) from error
    figure = Figure(figsize=(8, 3), layout="constrained")
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in formats:
        raise unknown("path", path.suffix, [f".{ending}" for ending in formats])
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(int))
    axes = figure.add_subplot()
    axes.step(shown, [rate(int(step)) for step in shown], where="post")
    axes.set(xlabel="step", ylabel="learning rate", ylim=(0, None), title=_title(schedule))
    axes.grid(alpha=0.3)
    # Drawn in memory first: a failure leaves no half-written file.
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.lower().lstrip("."))
    write_bytes(path, buffer.getvalue())
    log.info("Wrote %s.", path)
    return path


def _title(schedule) -> str:
    return getattr(schedule, "name", None) or type(schedule).__name__


def _rate_of(schedule) -> Callable[[int], float]:
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        raise invalid("schedule", schedule, "a `keras.optimizers.schedules.LearningRateSchedule`")
    return lambda step: float(ops.convert_to_numpy(schedule(step)))


def _rising(milestones) -> tuple[int, ...]:
    whole = isinstance(milestones, Sequence) and all(is_int(m) and m > 0 for m in milestones)
    if isinstance(milestones, str) or not whole or list(milestones) != sorted(set(milestones)):
        raise invalid("milestones", milestones, "a list of positive integers in rising order")
    return tuple(milestones)
