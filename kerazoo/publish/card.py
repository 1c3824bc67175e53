"""The README.md that is published beside the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerazoo.checkpoints.lineage import UNKNOWN
from kerazoo.registry import get_entry
from kerazoo.tasks import task_of

SHOWN = 200  # names of classes in a card
_SIDE = 224  # of the example's pictures, where a network takes any
# Data sets that are on the Hub by these names; others are there under a user's name.
_ON_HUB = {"imagenet": "imagenet-1k", "imagenet-1k": "imagenet-1k", "cifar10": "cifar10"}
_PREPARE = "x = kerazoo.preprocess_input(pictures, model)"
_UNKNOWN = "x = pictures  # prepare them as the network was trained: that was not recorded"
_PHOTOGRAPH = """
From a file to a name:

```python
print(kerazoo.predict("hf://{repo}", "cat.jpg"))
```
"""

_BODY = """
# {name}

`{architecture}` of kerazoo, networks for Keras 3{origin}.

## Usage

```python
import kerazoo
import numpy as np

model = kerazoo.from_pretrained("hf://{repo}")
pictures = np.random.randint(0, 256, ({size}, {channels}))  # yours: pixels 0 to 255
{prepare}
{usage}```
{photograph}
The weights alone, into a network built with other arguments:

```python
model = kerazoo.create_model("{architecture}", weights="hf://{repo}")
```

## Pictures

{pictures}

{classes}## Results

{results}

## Files

`model.safetensors` ({dtype}, {parameters:,} numbers, named by variable), and `config.json` with the
architecture, its arguments, the preprocessing, the classes and the results.

## Licence

{licence}
{lineage}"""


def model_card(repo: str, config: Mapping[str, Any], parameters: int) -> str:
    """YAML header and text for a repository.

    Args:
        repo: `"user/name"`.
        config: What `config.json` holds.
        parameters: Numbers in the weights file.
    """
    from huggingface_hub import EvalResult, ModelCardData

    card = task_of(get_entry(config["architecture"])).card
    metrics, name = config["metrics"], repo.split("/")[1]
    on_hub = _hub_dataset(config["dataset"])
    results = [
        EvalResult(
            task_type=card.pipeline_tag,
            dataset_type=on_hub or "custom",
            dataset_name=config["dataset"],
            metric_type=metric,
            metric_value=value,
        )
        for metric, value in metrics.items()
        if config["dataset"]
    ]
    header = ModelCardData(
        license=config["licence"],
        library_name="kerazoo",
        pipeline_tag=card.pipeline_tag if config["classes"] else card.features_tag,
        tags=["keras", "kerazoo", config["architecture"]],
        datasets=[on_hub] if on_hub else None,
        model_name=name if results else None,
        eval_results=results or None,
    )
    height, width, channels = config["arguments"]["input_shape"]
    body = _BODY.format(
        name=name,
        architecture=config["architecture"],
        origin=f", started from `{config['checkpoint']}`" if config["checkpoint"] else "",
        repo=repo,
        size=f"2, {height or _SIDE}, {width or _SIDE}",
        channels=channels,
        prepare=_PREPARE if config["preprocessing"] else _UNKNOWN,
        photograph=_PHOTOGRAPH.format(repo=repo) if config["preprocessing"] else "",
        usage=card.usage + (card.decode if config["labels"] else ""),
        pictures=_pictures(config["preprocessing"]),
        classes=_classes(config["labels"]),
        results=_results(metrics, config["dataset"]),
        dtype=config["dtype"],
        parameters=parameters,
        licence=config["licence"],
        lineage=_lineage(config.get("lineage") or ()),
    )
    return f"---\n{header.to_yaml()}\n---\n{body}"


def _lineage(origins: Sequence[Mapping[str, Any]]) -> str:
    """A section on what the network started from, and what nobody says of that."""
    if not origins:
        return ""
    rows = [f"| {' | '.join(_origin(each))} |" for each in origins]
    text = [
        "\n## Where it comes from\n",
        "What it started from, and what that had started from:\n",
        "| weights | learned | licence | sha256 |\n|---|---|---|---|",
        *rows,
    ]
    unknown = [f"`{each['weights']}`" for each in origins if each["licence"] == UNKNOWN]
    if unknown:
        text.append(
            f"\nUnder which licence {' and '.join(unknown)} may be passed on was not recorded. "
            "Find it out before you publish what was made of it."
        )
    return "\n".join([*text, ""])


def _origin(origin: Mapping[str, Any]) -> tuple[str, ...]:
    part = ", the trunk alone" if origin["part"] == "trunk" else ""
    licence = "not recorded" if origin["licence"] == UNKNOWN else origin["licence"]
    digest = f"`{origin['sha256']}`" if origin["sha256"] else "–"
    return f"`{origin['weights']}`{part}", origin["dataset"] or "–", licence, digest


def _hub_dataset(name: str | None) -> str | None:
    """A data set's name on the Hub; None for a folder of somebody's own."""
    return _ON_HUB.get(name or "", name if name and "/" in name else None)


def _pictures(preprocessing: Mapping[str, Any] | None) -> str:
    if preprocessing is None:
        return "The preprocessing was not recorded."
    height, width = preprocessing["size"]
    share = f"{preprocessing['crop_fraction']:.4g}"
    how = {
        "crop": f"so that {height}x{width} is {share} of it, centre crop",
        "stretch": f"to {height}x{width}, whatever its proportions",
        "pad": f"to fit into {height}x{width}, centred on a border",
    }[preprocessing.get("fit", "crop")]
    return (
        f"Scaled ({preprocessing['interpolation']}) {how}, then `(x / 255 - mean) / std` "
        f"with mean {preprocessing['mean']} and std {preprocessing['std']}."
    )


def _classes(labels: Any) -> str:
    """A section with the names, where they are not those of a registered set."""
    if not isinstance(labels, list):
        return ""
    shown = ", ".join(labels[:SHOWN])
    rest = f", … ({len(labels)} in all, see `config.json`)" if len(labels) > SHOWN else ""
    return f"## Classes\n\n{shown}{rest}\n\n"


def _results(metrics: Mapping[str, float], dataset: str | None) -> str:
    if not metrics:
        return "None were given."
    rows = [f"| {name} | {value} |" for name, value in metrics.items()]
    return "\n".join([f"| {dataset or 'metric'} | value |", "|---|---|", *rows])
