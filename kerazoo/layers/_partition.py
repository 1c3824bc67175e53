"""How channels are divided among the groups of a mixed layer."""

from collections.abc import Sequence

from kerazoo._errors import invalid

PARTITIONS = ("equal", "exponential")


def split_channels(
    channels: int,
    groups: int,
    partition: str | Sequence[int] = "equal",
    *,
    argument: str = "partition",
) -> tuple[int, ...]:
    """Channels of each group; what an uneven division leaves over goes to the first group.

    The remainder rule is that of the official MixNet code (`_split_channels`).

    Args:
        channels: Number of channels to divide.
        groups: Number of groups.
        partition: `"equal"`; `"exponential"` (half of the channels in the first group, a quarter
            in the second, …, the last as many as the one before it: MixConv paper, section 3.2);
            or the sizes themselves.
        argument: Name of the argument to blame in an error.

    Raises:
        ValueError: if a group would be left without channels, or explicit sizes do not add up.
    """
    if isinstance(partition, str):
        if partition not in PARTITIONS:
            raise invalid(argument, partition, f"one of {PARTITIONS} or a list of channel counts")
        if partition == "equal":
            sizes = [channels // groups] * groups
        else:
            sizes = [channels >> min(i + 1, groups - 1) for i in range(groups)]
        sizes[0] += channels - sum(sizes)
        if min(sizes) < 1:
            needed = groups if partition == "equal" else 2 ** (groups - 1)
            raise ValueError(
                f"{groups} groups with {partition} partition need at least {needed} channels. "
                f"Received: {channels} channels"
            )
        return tuple(sizes)
    sizes = list(partition)
    if len(sizes) != groups or sum(sizes) != channels or min(sizes, default=0) < 1:
        raise invalid(
            argument, sizes, f"{groups} positive channel counts that add up to {channels}"
        )
    return tuple(sizes)
