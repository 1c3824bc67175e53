"""FLGC: a convolution that learns which channels and which filters form its groups."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._layer_facts import kernel_macs
from kerazoo.layers._initializers import fresh

STRAIGHT_THROUGH = ("winner", "plain")
DUPLICATE_SCORES = ("raw", "softmax")


@dataclass(frozen=True)
class Assignment:
    """The groups of an `FLGCConv2D`: index lists, one a group, ascending.

    Attributes:
        channels: Input channels that the group owns; every channel has one owner.
        duplicated: Channels of other groups that were copied into the group.
        filters: Filters of the group; every filter is in one group.
    """

    channels: tuple[tuple[int, ...], ...]
    duplicated: tuple[tuple[int, ...], ...]
    filters: tuple[tuple[int, ...], ...]

    def inputs(self, group: int) -> tuple[int, ...]:
        """Channels that the group's filters see, its own and the duplicated, ascending."""
        return tuple(sorted(self.channels[group] + self.duplicated[group]))


@keras.saving.register_keras_serializable(package="kerazoo")
class FLGCConv2D(keras.layers.Conv2D):
    """Fully learnable group convolution: a dense kernel under a learned mask.

    Source: "Fully Learnable Group Convolution for Acceleration of Deep Neural Networks" (Wang et
    al., CVPR 2019), https://arxiv.org/abs/1904.00346. Two score matrices are trained with the
    kernel: one row a channel, one row a filter, one column a group. Channel and filter go to the
    group of their highest score; the kernel is used where both are in the same group.

    **Gradients** pass the choice of the group straight through to the softmax of its row.
    `straight_through="winner"` passes only what arrives at the chosen entries, as the published
    layer does; `"plain"` passes all of it. Kernel elements outside the mask get none.

    **Rules** where the choice is not plain sailing:

    * Of equal scores the lowest group wins.
    * A group may be empty. The output of a filter whose group has no channel is its bias alone.
    * If that befell every filter the layer would be dead: no filter then shares a group with any
      channel. Each filter takes the best of the groups that do have channels instead.
    * If everything collapses into one group, the layer is an ordinary convolution.

    **Duplicated channels** (the extension of Motohashi and Yamauchi): with `duplicate_top=n`, each
    group takes the mean score of its n best channels (of all it has, if fewer); channels of
    other groups whose score for this group is above the mean serve it as well. An empty group gets
    none. The copies are chosen entries like the winners: gradients reach their scores in the same
    way; the mean itself is a constant.

    Scores, softmax and choice are computed in the variable dtype under mixed precision too: half
    precision would turn near scores into ties. This form computes the dense convolution, which is
    what `kerazoo.profile` counts; `kerazoo.deploy.freeze_groups` makes the fast one.

    Input `(batch, height, width, channels)`, output `(batch, height', width', filters)`.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel.
        groups: Number of groups, at most the smaller of channels and filters.
        duplicate_top: 0 for none, else the number of channels in the mean (3 in the source).
        straight_through: `"winner"` or `"plain"`.
        duplicate_scores: `"raw"`, or `"softmax"` to compare probabilities.
        score_initializer: Of both score matrices; N(0, 1) in the source.
        strides, padding, dilation_rate, use_bias, activation, …: As in `keras.layers.Conv2D`.

    Raises:
        ValueError: for `groups` or `duplicate_top` out of range or an unknown variant.
    """

    @checked("filters", "kernel_size", "straight_through", "duplicate_scores")
    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        groups: int = 8,
        duplicate_top: int = 0,
        straight_through: str = "winner",
        duplicate_scores: str = "raw",
        score_initializer: Any = None,
        **kwargs,
    ):
        check_int("filters", filters)
        # For Conv2D this is one dense convolution; the groups exist in the mask only.
        super().__init__(filters, kernel_size, **kwargs)
        if self.data_format != "channels_last":
            raise invalid("data_format", self.data_format, "'channels_last'")
        self.learned_groups = check_int("groups", groups)
        if groups > filters:
            raise invalid("groups", groups, f"at most the {filters} filters")
        self.duplicate_top = check_int("duplicate_top", duplicate_top, 0)
        if straight_through not in STRAIGHT_THROUGH:
            raise invalid("straight_through", straight_through, f"one of {STRAIGHT_THROUGH}")
        if duplicate_scores not in DUPLICATE_SCORES:
            raise invalid("duplicate_scores", duplicate_scores, f"one of {DUPLICATE_SCORES}")
        self.straight_through = straight_through
        self.duplicate_scores = duplicate_scores
        if score_initializer is None:
            score_initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.score_initializer = keras.initializers.get(score_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or self.learned_groups > channels:
            raise invalid("groups", self.learned_groups, f"at most the {channels} input channels")
        if self.duplicate_top > channels:
            raise invalid("duplicate_top", self.duplicate_top, f"at most the {channels} channels")
        super().build(input_shape)
        self.channel_scores, self.filter_scores = (
            self.add_weight(
                name=name,
                shape=(rows, self.learned_groups),
                initializer=fresh(self.score_initializer),
                autocast=False,
            )
            for name, rows in (("channel_scores", channels), ("filter_scores", self.filters))
        )
        # Freezing refuses a layer that never saw training; no other trace of it survives saving.
        self.training_calls = self.add_weight(
            name="training_calls",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )

    def call(self, inputs, training=False):
        if training:
            self.training_calls.assign_add(1)
        return super().call(inputs)

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, ops.multiply(kernel, self._mask(kernel.dtype)))

    def _mask(self, dtype):
        """`(channels, filters)`: 1 where both share a group, with gradients for the scores."""
        channels, duplicated, filters = self._chosen()
        channels = self._pass_through(channels + duplicated, self.channel_scores)
        filters = self._pass_through(filters, self.filter_scores)
        return ops.cast(ops.matmul(channels, ops.transpose(filters)), dtype)

    def _pass_through(self, chosen, scores):
        """`chosen` exactly, with the gradient of the softmax of `scores`."""
        soft = _softmax(scores)
        zero = soft - ops.stop_gradient(soft)
        return chosen + (zero * chosen if self.straight_through == "winner" else zero)

    def _chosen(self):
        """Zeros and ones, without gradient: channel owners, duplicated channels, filter groups."""
        channel_scores = ops.stop_gradient(ops.convert_to_tensor(self.channel_scores))
        filter_scores = ops.stop_gradient(ops.convert_to_tensor(self.filter_scores))

        def choose(scores):
            best = ops.argmax(scores, axis=-1)
            return ops.one_hot(best, self.learned_groups, dtype=scores.dtype)

        channels, filters = choose(channel_scores), choose(filter_scores)
        inhabited = ops.max(channels, axis=0, keepdims=True) > 0
        rescued = choose(ops.where(inhabited, filter_scores, -float("inf")))
        alive = ops.any(ops.logical_and(filters > 0, inhabited))
        filters = ops.where(alive, filters, rescued)
        return channels, self._duplicates(channel_scores, channels), filters

    def _duplicates(self, scores, owners):
        if not self.duplicate_top:
            return ops.zeros_like(owners)
        if self.duplicate_scores == "softmax":
            scores = _softmax(scores)
        members = ops.transpose(ops.where(owners > 0, scores, -float("inf")))
        best, _ = ops.top_k(members, self.duplicate_top)
        present = ops.isfinite(best)
        count = ops.sum(ops.cast(present, scores.dtype), axis=-1)
        mean = ops.sum(ops.where(present, best, 0.0), axis=-1) / ops.maximum(count, 1.0)
        above = ops.logical_and(scores > mean, count > 0)
        return ops.cast(ops.logical_and(above, owners == 0), scores.dtype)

    def assignment(self) -> Assignment:
        """The groups as they are now.

        Raises:
            ValueError: if the layer is not built yet.
        """
        if not self.built:
            raise ValueError(f"Layer `{self.name}` has no groups before it is built.")

        def groups(matrix):
            columns = ops.convert_to_numpy(matrix).T
            return tuple(tuple(map(int, column.nonzero()[0])) for column in columns)

        return Assignment(*map(groups, self._chosen()))

    def save_own_variables(self, store):
        # Conv2D saves the kernel and the bias only.
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`: the masked form computes the whole dense convolution."""
        return kernel_macs([self.kernel], output_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.learned_groups,
            "duplicate_top": self.duplicate_top,
            "straight_through": self.straight_through,
            "duplicate_scores": self.duplicate_scores,
            "score_initializer": keras.initializers.serialize(self.score_initializer),
        }


def _softmax(scores):
    """Over groups. Of one group it is 1 whatever the scores, which Keras would warn of."""
    return ops.softmax(scores, axis=-1) if scores.shape[-1] > 1 else 0 * scores + 1
