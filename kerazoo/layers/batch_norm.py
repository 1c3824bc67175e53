"""Batch normalisation at the speed of the backend's own kernel."""

import keras

from kerazoo.layers._runtime import xla_pays


@keras.saving.register_keras_serializable(package="kerazoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, with the fused kernels of TensorFlow and PyTorch.

    Same variables, configuration and results. Keras composes the training step of a dozen
    element-wise operations; TensorFlow has one kernel for it, and with it a training step of
    MixNet-S takes about four fifths of the time on CPU (`benchmarks/training_step.py`). PyTorch has
    one for training and one for inference (`benchmarks/backends.py`). JAX' compiler fuses by
    itself: there, with masks, and with axes that are not the last, Keras' own code runs, as it does
    where the kernel does not take the dtype (float64 on TensorFlow).

    Input and output: `(batch, …, channels)`. Arguments: those of the Keras layer.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Every kerazoo network has this layer, so here is where `fit` is kept from a bad choice
        # (Keras then also answers `compile(jit_compile=True)` with a warning and the graph).
        self.supports_jit = xla_pays()

    def call(self, inputs, training=None, mask=None):
        backend = keras.backend.backend()
        plain = (
            mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and not self.synchronized
            and not getattr(self, "renorm", False)
        )
        trains = training and self.trainable
        if plain and backend == "torch":
            return self._torch_call(inputs, trains)
        known = keras.backend.standardize_dtype(inputs.dtype) != "float64"
        if plain and trains and backend == "tensorflow" and self.scale and self.center and known:
            return self._tensorflow_training(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _torch_call(self, inputs, trains):
        from kerazoo.layers import _torch

        if not trains:
            statistics = (self.moving_mean, self.moving_variance)
            return _torch.normalise(inputs, *statistics, self.gamma, self.beta, self.epsilon)
        outputs, mean, variance = _torch.normalise_batch(
            inputs, self.gamma, self.beta, self.epsilon
        )
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs

    def _tensorflow_training(self, inputs):
        import tensorflow as tf

        # The kernel takes float32 statistics with half-precision pictures, as Keras computes them.
        gamma, beta = (tf.cast(v.value, tf.float32) for v in (self.gamma, self.beta))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=tf.zeros((0,), tf.float32),
            variance=tf.zeros((0,), tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel reports the unbiased variance, Keras keeps the biased one.
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        variance *= (count - 1.0) / count
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            value = tf.cast(value, moving.dtype)
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs
