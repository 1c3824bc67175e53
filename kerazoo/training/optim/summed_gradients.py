"""Clipping of gradients under `tf.distribute`, of the whole batch as on one device."""

import functools
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

if TYPE_CHECKING:  # it is mixed into classes of optimizers
    _Base = keras.optimizers.Optimizer
else:
    _Base = object


def sum_before_clipping(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes an optimizer sum the gradients of all devices before it clips them.

    Keras clips those of each device by itself and sums afterwards: with two devices, gradients may
    be twice as long. The optimizer's class is changed in place.
    """
    optimizer.__class__ = _summing(type(optimizer))


class _SummedGradients(_Base):
    def apply(self, grads, trainable_variables=None):
        context = tf.distribute.get_replica_context()
        present = [i for i, gradient in enumerate(grads) if gradient is not None]
        summed = list(grads)
        if context is not None and present:
            found = context.all_reduce(tf.distribute.ReduceOp.SUM, [grads[i] for i in present])
            for i, gradient in zip(present, found, strict=True):
                summed[i] = gradient
        super().apply(summed, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars  # they are


@functools.cache
def _summing(kind: type) -> type:
    # The name of the class stays, for it is what a saved model knows.
    return type(kind.__name__, (_SummedGradients, kind), {"__module__": kind.__module__})
