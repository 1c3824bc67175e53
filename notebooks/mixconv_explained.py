# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # MixConv: one convolution, kernels of several sizes
#
# A depthwise convolution filters every channel on its own, and in most mobile networks every
# channel gets a 3x3 kernel. Larger kernels see more, but they cost more, and past some size they
# lower the accuracy again. *MixConv* ([Tan & Le, 2019](https://arxiv.org/abs/1907.09595)) does not
# choose: it splits the channels in groups and gives each group its own kernel size.
#
# This notebook shows what `kerazoo.layers.MixConv2D` does, how the channels are shared out, what
# that costs, and what the kernels of a network look like that was trained with it. It needs no
# data and no network: the weights come with the package.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

import kerazoo
from kerazoo.layers import MixConv2D

# One colour for each kernel size, from here to the end.
COLOURS = {3: "#3b6fb6", 5: "#4fa8a0", 7: "#e0a83a", 9: "#d9703c", 11: "#a8375b"}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


# %% [markdown]
# ## A dot goes in
#
# Nine channels, three groups: the first three channels get 3x3 kernels, the next three 5x5, the
# last three 7x7. With all weights set to one, a single bright dot comes out of each channel as the
# square that its kernel covers.

# %%
layer = MixConv2D(kernel_sizes=[3, 5, 7], depthwise_initializer="ones")
dot = np.zeros((1, 15, 15, 9), "float32")
dot[0, 7, 7] = 1
squares = array(layer(dot))[0]

figure, axes = plt.subplots(1, 10, figsize=(12, 1.9), layout="constrained")
axes[0].imshow(dot[0, ..., 0], cmap="Greys")
axes[0].set_title("input,\nevery channel", fontsize=9)
sizes = np.repeat(layer.kernel_sizes, layer.splits)
for channel, size in enumerate(sizes):
    axes[channel + 1].imshow(squares[..., channel], cmap="Greys", vmin=0, vmax=1.6)
    title = {"fontsize": 9, "color": COLOURS[size]}
    axes[channel + 1].set_title(f"channel {channel}\n{size}x{size}", **title)
for each in axes:
    each.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## The same by hand
#
# The layer is nothing more than a split, a depthwise convolution for each part, and a
# concatenation. Built from the layers of Keras it gives the same numbers.

# %%
layer = MixConv2D(kernel_sizes=[3, 5, 7])
picture = np.random.default_rng(0).normal(size=(1, 32, 32, 9)).astype("float32")
mixed = array(layer(picture))

parts = []
for part, kernel in zip(np.split(picture, 3, axis=-1), layer.kernels, strict=True):
    convolution = keras.layers.DepthwiseConv2D(kernel.shape[0], padding="same", use_bias=False)
    convolution.build(part.shape)
    convolution.kernel.assign(kernel)
    parts.append(array(convolution(part)))
by_hand = np.concatenate(parts, axis=-1)

difference = np.abs(mixed - by_hand).max()
assert difference < 1e-5
print("kernels:", [tuple(kernel.shape) for kernel in layer.kernels])
print("MixConv2D and the layers of Keras agree:", difference < 1e-5)

# %% [markdown]
# ## How channels are shared out
#
# `partition="equal"` gives every group the same number of channels, which is what MixNet does.
# `"exponential"` halves the number from one group to the next, so that the expensive kernels get
# few channels. A list sets the numbers yourself. Here are 240 channels and five groups.

# %%
partitions = {
    'partition="equal"': "equal",
    'partition="exponential"': "exponential",
    "partition=[40, 40, 40, 40, 80]": [40, 40, 40, 40, 80],
}


def draw_groups(axis, row, splits, kernel_sizes):
    """One horizontal bar: the channels from left to right, coloured by their kernel size."""
    left = 0
    for channels, size in zip(splits, kernel_sizes, strict=True):
        axis.barh(row, channels, left=left, color=COLOURS[size], edgecolor="white", height=0.75)
        if channels >= 24:
            text = {"ha": "center", "va": "center", "color": "white", "fontsize": 9}
            axis.text(left + channels / 2, row, f"{channels}", **text)
        left += channels


def legend(target, **options):
    """The colours of the kernel sizes."""
    boxes = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    target.legend(boxes, [f"{k}x{k}" for k in COLOURS], frameon=False, **options)


figure, axis = plt.subplots(figsize=(10, 2.4), layout="constrained")
for row, partition in enumerate(partitions.values()):
    layer = MixConv2D(groups=5, partition=partition)  # kernels 3, 5, 7, 9, 11
    layer.build((None, 8, 8, 240))
    draw_groups(axis, row, layer.splits, layer.kernel_sizes)
axis.set_yticks(range(3), partitions)
axis.set(xlabel="channels", xlim=(0, 240), ylim=(2.6, -0.6))
axis.spines[["top", "right", "left"]].set_visible(False)
axis.tick_params(left=False)
legend(figure, loc="outside right center", title="kernel")
plt.show()

# %% [markdown]
# ## What it costs
#
# A depthwise kernel has $k^2$ weights a channel, and each weight is one multiply-add for every
# output pixel. So mixing five sizes costs as much as one kernel of about 7.5x7.5, and
# exponential shares cost little more than 5x5, while both still have channels that look 11 pixels
# far.

# %%
choices = {f"{k}x{k} alone": {"kernel_sizes": [k]} for k in COLOURS}
choices["mixed, equal"] = {"groups": 5}
choices["mixed, exponential"] = {"groups": 5, "partition": "exponential"}
costs = {}
for name, arguments in choices.items():
    layer = MixConv2D(**arguments)
    layer.build((None, 8, 8, 240))
    costs[name] = layer.count_params()

figure, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
colours = [*COLOURS.values(), "#555555", "#555555"]
bars = axis.barh(list(costs), list(costs.values()), color=colours)
axis.bar_label(bars, [f" {cost:,}" for cost in costs.values()], fontsize=9)
axis.invert_yaxis()
axis.set(xlabel="weights of a layer with 240 channels", xlim=(0, 33_000))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## The groups of a whole network
#
# MixNet-S uses small kernels where the maps are large, and mixes up to five sizes near the end.
# This is the network for CIFAR-10 that is part of the package; each bar is one depthwise
# convolution, from the first to the last.

# %%
model = kerazoo.MixNetS(weights="cifar10")
kinds = (MixConv2D, keras.layers.DepthwiseConv2D)
depthwise = [each for each in model.layers if isinstance(each, kinds)]

figure, axis = plt.subplots(figsize=(10, 5.2), layout="constrained")
names = []
for row, each in enumerate(depthwise):
    if isinstance(each, MixConv2D):
        draw_groups(axis, row, each.splits, each.kernel_sizes)
    else:
        draw_groups(axis, row, [each.output.shape[-1]], each.kernel_size[:1])
    _, height, width, _ = each.output.shape
    names.append(f"{each.name.removesuffix('_depthwise_conv')}  ({height}x{width})")
axis.set_yticks(range(len(names)), names, fontsize=9)
axis.invert_yaxis()
axis.set(xlabel="channels")
axis.set_title("MixNet-S at 32x32 pixels; in brackets the map that comes out", fontsize=10)
axis.spines[["top", "right", "left"]].set_visible(False)
axis.tick_params(left=False)
legend(axis, loc="upper right", title="kernel")
plt.show()

# %% [markdown]
# ## Kernels of the trained network
#
# The first mixed layer, `stage3_block1`, has three groups of 48 channels. Of each group these are
# the 14 kernels with the largest weights; blue is negative, red is positive, white is zero. There
# are spots, and edges with a blue half beside a red one, as in the early layers of other networks.
# Most 7x7 kernels became spots and edges of three to five pixels, which a 3x3 kernel could not
# hold; a few still look like noise.


# %%
def draw_kernels(layer, count=14):
    """The strongest kernels of every group, one group a row."""
    rows = len(layer.kernels)
    axes = plt.subplots(rows, count, figsize=(12, rows + 0.3), layout="constrained")[1]
    for row, kernel in zip(axes, layer.kernels, strict=True):
        kernel = array(kernel)[..., 0]
        size = kernel.shape[0]
        strongest = np.argsort(-np.square(kernel).sum((0, 1)))[:count]
        for axis, channel in zip(row, strongest, strict=True):
            limit = np.abs(kernel[..., channel]).max()
            axis.imshow(kernel[..., channel], cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_color(COLOURS[size])
        row[0].set_ylabel(f"{size}x{size}", color=COLOURS[size])
    plt.show()


draw_kernels(model.get_layer("stage3_block1_depthwise_conv"))

# %% [markdown]
# Deep in the network the maps are only 4x4 or 2x2 pixels, and the largest kernels are 11x11. What
# did those learn? Here is `stage6_block1`, which takes a 4x4 map and has all five sizes.

# %%
draw_kernels(model.get_layer("stage6_block1_depthwise_conv"))

# %% [markdown]
# ## Where a kernel learned anything
#
# At first sight that is noise, with a smooth patch in the middle of the large kernels. To see the
# patch, take the root mean square of each weight over all channels of a group, and divide it by
# that of a network that was never trained.
#
# A kernel that is larger than its map mostly looks at the zeros around it. The white frame holds
# the weights that ever meet a pixel; it follows from the sizes alone.


# %%
def reach(size, kernel, stride):
    """First and last index, along one axis, of the weights that meet a pixel ("same" padding)."""
    steps = -(-size // stride)
    before = max((steps - 1) * stride + kernel - size, 0) // 2
    met = [t for t in range(kernel) for o in range(steps) if 0 <= o * stride - before + t < size]
    return min(met), max(met)


keras.utils.set_random_seed(0)
fresh = kerazoo.MixNetS(weights=None, classes=10, input_shape=(32, 32, 3))


def strength(name):
    """For each group: weights by place, root mean square over channels, fresh network = 1."""
    pairs = zip(model.get_layer(name).kernels, fresh.get_layer(name).kernels, strict=True)
    return [
        np.sqrt(np.square(array(a)[..., 0]).mean(-1) / np.square(array(b)).mean()) for a, b in pairs
    ]


def draw_strength(name):
    layer = model.get_layer(name)
    size = layer.input.shape[1]
    count = len(layer.kernels)
    figure, axes = plt.subplots(1, count, figsize=(2.2 * count + 0.8, 2.6), layout="constrained")
    limit = max(0.35, *(values.max() for values in strength(name)))
    for axis, values, kernel in zip(axes, strength(name), layer.kernel_sizes, strict=True):
        image = axis.imshow(values, cmap="magma", vmin=0.1, vmax=limit)
        first, last = reach(size, kernel, layer.strides)
        box = {"fill": False, "edgecolor": "white", "linewidth": 2}
        side = last - first + 1
        axis.add_patch(plt.Rectangle((first - 0.47, first - 0.47), side - 0.06, side - 0.06, **box))
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"{kernel}x{kernel}", color=COLOURS[kernel], fontsize=10)
    figure.colorbar(image, ax=axes, label="fresh network = 1")
    block = name.removesuffix("_depthwise_conv")
    figure.suptitle(f"{block}: {size}x{size} map, stride {layer.strides}", fontsize=11)
    plt.show()


for block in ("stage3_block1", "stage5_block3", "stage6_block1", "stage6_block3"):
    draw_strength(f"{block}_depthwise_conv")

# %% [markdown]
# `stage3_block1` works on 16x16 maps: all weights meet pixels, and the large kernels became smooth
# hills. In `stage6_block1` the 11x11 kernels meet pixels with their inner 6x6 weights only, and the
# bright patch fills just that frame. Outside no gradient ever arrives: what stands there is the
# noise of the first day, shrunk by weight decay, by the same factor everywhere. In `stage6_block3`
# the map has 2x2 pixels; a 9x9 kernel is a 3x3 kernel there, with 72 idle weights around it, and
# even the inner ones hardly moved.
#
# How much of the network is that? Count the weights that no pixel ever meets.

# %%
print("block           weights   idle   strength inside   outside")
totals = np.zeros(2, int)
for each in depthwise:
    if not isinstance(each, MixConv2D):
        continue
    idle = weights = 0
    inside, outside = [], []
    groups = zip(each.kernel_sizes, each.splits, strength(each.name), strict=True)
    for kernel, channels, values in groups:
        first, last = reach(each.input.shape[1], kernel, each.strides)
        met = np.zeros((kernel, kernel), bool)
        met[first : last + 1, first : last + 1] = True
        inside.append(values[met])
        outside.append(values[~met])
        weights += met.size * channels
        idle += int((~met).sum()) * channels
    totals += weights, idle
    inside, outside = (np.concatenate(parts) for parts in (inside, outside))
    mean = f"{outside.mean():10.3f}" if len(outside) else "         –"
    name = each.name.removesuffix("_depthwise_conv")
    print(f"{name:15} {weights:7,} {idle:6,} {inside.mean():17.3f}{mean}")
weights, idle = totals
print(f"\n{idle:,} of {weights:,} weights in mixed kernels are idle: {100 * idle / weights:.0f} %")

# %% [markdown]
# ## What to take along
#
# - MixConv is a depthwise convolution whose channels have different kernel sizes: no new operation,
#   and fewer weights than the largest kernel for all.
# - Trained kernels are spots and edges; the large ones put most of their weight in the middle.
# - Large kernels need large maps. MixNet was made for pictures of 224 pixels, where its last maps
#   are 14x14 and 7x7. On CIFAR's 32 pixels, nearly half of the weights in its mixed kernels never
#   meet a pixel. Resizing the pictures, or fewer strides (`stem_strides=1` is set here already),
#   wakes them up.
