"""The two padding conventions of the field.

`"same"` is TensorFlow's rule: the total depends on the input size and the smaller half comes
first. `"symmetric"` is PyTorch's `padding=k // 2`: the same zeros on every side. They differ only
where the stride is above 1.
"""

from keras import ops

PADDINGS = ("same", "symmetric")


def pad_symmetric(inputs, amount: int):
    """Zeros on every side of a `(batch, height, width, channels)` tensor."""
    return ops.pad(inputs, [[0, 0], [amount, amount], [amount, amount], [0, 0]])
