"""Rates that a recipe can name, in epochs: schedules that Keras ships, and a warm-up before them.

Each takes `maximum`, the top of the rate, and `steps_per_epoch`, optimizer steps in an epoch; give
1 for a schedule that is called with epochs. `schedules` beside this has those with restarts.
"""

from collections.abc import Sequence

import keras
from keras import ops
from keras.optimizers import schedules

from kerazoo._errors import invalid


@keras.saving.register_keras_serializable(package="kerazoo")
class WarmUp(schedules.LearningRateSchedule):
    """A rate that rises from 0 in a line before another schedule takes over.

    The other one counts its steps from the start, not from the end of the warm-up, as the
    published schedules of MnasNet and EfficientNet do.

    Args:
        after: The schedule.
        maximum: The rate at the end of the warm-up.
        steps: Its length.
        name: Of the schedule.
    """

    def __init__(self, after, maximum: float, steps: int, name: str = "WarmUp"):
        super().__init__()
        if isinstance(after, dict):
            after = keras.saving.deserialize_keras_object(after)
        self.after, self.maximum, self.steps, self.name = after, maximum, steps, name

    def __call__(self, step):
        """The rate, a float32 scalar, at a step counted from 0."""
        with keras.name_scope(self.name):
            # Whole numbers are compared as such: float32 loses single steps from 2**24.
            rising = ops.cast(step, "float32") * (self.maximum / max(self.steps, 1))
            return ops.where(ops.cast(step, "int32") < self.steps, rising, self.after(step))

    def get_config(self):
        after = keras.saving.serialize_keras_object(self.after)
        return {"after": after, "maximum": self.maximum, "steps": self.steps, "name": self.name}


def constant(maximum: float = 0.1, steps_per_epoch: int = 1) -> schedules.LearningRateSchedule:
    """The same rate all the time."""
    return schedules.PiecewiseConstantDecay([1], [float(maximum)] * 2)


def cosine(
    maximum: float = 0.1,
    epochs: int = 100,
    minimum: float = 0.0,
    warmup_epochs: float = 0.0,
    steps_per_epoch: int = 1,
) -> schedules.CosineDecay:
    """Half a cosine from `maximum` to `minimum`, after a warm-up.

    Args:
        maximum: Rate at the end of the warm-up.
        epochs: Length, warm-up included.
        minimum: Rate at the end, from 0 to `maximum`.
        warmup_epochs: The rate rises from 0 meanwhile; less than `epochs`.
        steps_per_epoch: Optimizer steps in an epoch.

    Raises:
        ValueError: for a `minimum` or `warmup_epochs` outside these ranges.
    """
    if not 0 <= minimum <= maximum:
        raise invalid("minimum", minimum, f"a number from 0 to the maximum ({maximum:g})")
    if not 0 <= warmup_epochs < epochs:
        raise invalid("warmup_epochs", warmup_epochs, f"0 or more, and below {epochs} epochs")
    warmup = int(warmup_epochs * steps_per_epoch)
    return schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else maximum,
        warmup_target=maximum if warmup else None,
        warmup_steps=warmup,
        decay_steps=epochs * steps_per_epoch - warmup,
        alpha=minimum / maximum,
    )


def exponential(
    maximum: float = 0.1,
    decay: float = 0.97,
    every: float = 2.4,
    staircase: bool = True,
    steps_per_epoch: int = 1,
) -> schedules.ExponentialDecay:
    """`maximum * decay ** (epoch / every)`: 0.97 every 2.4 epochs is MnasNet's and MixNet's.

    Args:
        maximum: Rate at the start.
        decay: In (0, 1].
        every: Epochs; positive, not necessarily whole.
        staircase: Falls at once after so many epochs, not a little at every step.
        steps_per_epoch: Optimizer steps in an epoch.

    Raises:
        ValueError: for a `decay` or `every` outside these ranges.
    """
    if not 0 < decay <= 1:
        raise invalid("decay", decay, "a number above 0 and at most 1")
    if not every > 0:
        raise invalid("every", every, "a positive number of epochs")
    return schedules.ExponentialDecay(
        float(maximum), every * steps_per_epoch, float(decay), staircase
    )


def piecewise(
    maximum: float = 0.1,
    milestones: Sequence[float] = (30, 60, 90),
    decay: float = 0.1,
    steps_per_epoch: int = 1,
) -> schedules.PiecewiseConstantDecay:
    """Constant, and multiplied by `decay` at each milestone.

    Args:
        maximum: Rate at the start.
        milestones: Rising epochs, not necessarily whole.
        decay: In (0, 1].
        steps_per_epoch: Optimizer steps in an epoch.

    Raises:
        ValueError: for `milestones` or a `decay` outside these ranges.
    """
    if not 0 < decay <= 1:
        raise invalid("decay", decay, "a number above 0 and at most 1")
    steps = [round(milestone * steps_per_epoch) for milestone in milestones]
    if not steps or steps[0] < 1 or steps != sorted(set(steps)):
        raise invalid("milestones", list(milestones), "positive numbers of epochs in rising order")
    # Keras' boundaries are the last steps of their pieces.
    values = [float(maximum) * decay**i for i in range(len(steps) + 1)]
    return schedules.PiecewiseConstantDecay([step - 1 for step in steps], values)
