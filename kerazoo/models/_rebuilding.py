"""Whether a network is still what its `info` says: it may have been changed since it was made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kerazoo.checkpoints.local import is_stored_model
from kerazoo.checkpoints.read.keras import stored_config

# What has no part in what a network computes, or differs from session to session.
_ASIDE = ("name", "dtype", "trainable", "registered_name", "build_config", "seed", "synchronized")
_ASIDE_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def difference(network: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> str | None:
    """Where two networks part, in a few words; None where they compute the same.

    Weights do not count, nor does what training alone needs. Keys that one of the two lacks are
    left alone: another version of Keras may have written it.

    Args:
        network, rebuilt: Configurations of functional models, as `configuration` gives them.
    """
    layers = [each["layers"] for each in (network, rebuilt)]
    if len(layers[0]) != len(layers[1]):
        return f"it has {len(layers[0])} layers, not {len(layers[1])}"
    # Names that Keras makes up count on from network to network; the order of calls does not.
    orders = [{layer["name"]: i for i, layer in enumerate(each)} for each in layers]
    for one, other in zip(*layers, strict=True):
        where = f"its layer `{one['name']}`"
        # `.h5` files put the package before the names of registered classes.
        kinds = [layer["class_name"].rpartition(">")[2] for layer in (one, other)]
        if kinds[0] != kinds[1]:
            return f"{where} is of {kinds[0]}, not {kinds[1]}"
        if key := _differs(one["config"], other["config"]):
            return f"{where} has another `{key}`"
        calls = [_calls(x, order) for x, order in zip((one, other), orders, strict=True)]
        if calls[0] != calls[1]:
            return f"{where} reads another tensor"
    ends = [
        [_calls(each[key], order) for key in ("input_layers", "output_layers")]
        for each, order in zip((network, rebuilt), orders, strict=True)
    ]
    return None if ends[0] == ends[1] else "it has other inputs or outputs"


def configuration(model: keras.Model) -> dict[str, Any]:
    """What a `.keras` file says of the graph."""
    return json.loads(json.dumps(keras.saving.serialize_keras_object(model)["config"]))


def check_stored(source: str, family: Any, create: Any) -> None:
    """Raises where weights come from a file with a network that was changed after it was made.

    Its weights would mean something else in the network that `info` describes.

    Args:
        source: Where the weights come from.
        family: Of the constructor.
        create: The constructor.
    """
    path = Path(source)
    config = stored_config(path) if path.is_file() and is_stored_model(path) else None
    info = (config or {}).get("info") or {}
    if config is None or info.get("architecture") not in family.ids:
        return
    again = create(weights=None, **{**family.ids[info["architecture"]], **info["arguments"]})
    if found := difference(config, configuration(again)):
        raise changed(path.name, info["architecture"], found)


def changed(name: str, architecture: str, found: str) -> ValueError:
    """The error of a network that its `info` does not describe."""
    return ValueError(
        f"The network `{name}` was changed after it was made: {found}. Its `info` still describes "
        f"a `{architecture}` without that change, which would be another network with its weights; "
        "`model.save` keeps it as it is."
    )


def _differs(one: Any, other: Any, key: str = "value") -> str | None:
    """The key under which two configurations differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for each in one.keys() & other.keys():
            aside = each in _ASIDE or each.endswith(_ASIDE_ENDINGS)
            if not aside and (found := _differs(one[each], other[each], each)):
                return found
        return None
    return None if one == other else key


def _calls(value: Any, order: Mapping[str, int]) -> Any:
    """Which tensors a layer is called with, layers by their place in place of their name."""
    if isinstance(value, Mapping):
        if "keras_history" in value:
            layer, *rest = value["keras_history"]
            return [order[layer], *rest]
        # Of a layer its calls count alone, of other things all.
        parts = value["inbound_nodes"] if "inbound_nodes" in value else value.values()
        return [_calls(each, order) for each in parts]
    if isinstance(value, list):
        return [_calls(each, order) for each in value]
    return order.get(value, value) if isinstance(value, str) else value
