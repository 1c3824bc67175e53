"""A trained network, real pictures, and a folder with its smaller form."""

import gzip
import os
from pathlib import Path
from typing import Any

import keras

from kerazoo import __version__
from kerazoo._checks import check_choice, check_int, check_number, checked
from kerazoo._errors import invalid
from kerazoo._files import publish, staging, write_json
from kerazoo._locks import LOCK, holding
from kerazoo._machine import installed_versions, require
from kerazoo._progress import Progress
from kerazoo.data.open import open_source
from kerazoo.deploy.exporting import export
from kerazoo.deploy.exporting.record import SIDECAR
from kerazoo.deploy.runtimes import OPENERS
from kerazoo.evaluation import evaluate
from kerazoo.optimize._tfmot import legacy
from kerazoo.optimize.compress import cluster, prune
from kerazoo.optimize.qat import QuantizeAware, quantize_aware
from kerazoo.optimize.training import check_training, fine_tune
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of_model
from kerazoo.training.inputs import fit_batches, load_inputs, open_inputs
from kerazoo.training.recipe import Recipe, load_recipe

METHODS = ("qat", "prune", "cluster")
LITERT, KERAS, RESULT, REPORT = "model.tflite", "model.keras", "result.json", "report.json"
FILES = (LITERT, LITERT + SIDECAR, KERAS, RESULT, REPORT)
PACKAGES = ("keras", "numpy", "tensorflow", "tensorflow-model-optimization", "tf_keras")
SETTLING = 50  # batches that batch-norm statistics are measured on at the end


@checked(
    *("model", "data", "output", "method", "data_dir", "train", "test", "calibration", "steps"),
    *("epochs", "learning_rate", "batch_size", "seed", "sparsity", "clusters", "limit"),
    *("preprocessing", "force", "command", "progress"),
)
def optimize(
    model: keras.Model,
    data: str | os.PathLike,
    output: str | os.PathLike,
    method: str,
    *,
    data_dir: str | os.PathLike | None = None,
    train: str = "train",
    test: str = "test",
    calibration: str | None = None,
    steps: int | None = None,
    epochs: int = 1,
    learning_rate: float = 1e-5,
    batch_size: int = 64,
    seed: int = 0,
    sparsity: float = 0.5,
    clusters: int = 16,
    limit: int | None = None,
    preprocessing: Preprocessing | None = None,
    force: bool = False,
    command: str | None = None,
    progress: bool | None = False,
) -> dict[str, Any]:
    """Make a trained network smaller while it goes on learning a little.

    `output` gets `model.tflite` with its record, `result.json`, `report.json` (what happened to
    each layer) and, but for `"qat"`, `model.keras`. It appears as a whole at the end.

    Args:
        model: A trained network of kerazoo that gives one score a class.
        data: A TFDS name with `data_dir`, or the path of a folder or CSV file.
        output: Folder for the results.
        method: `"qat"`: int8 after quantisation-aware training. `"prune"`: a share of the weights
            is zero. `"cluster"`: each kernel has a few different values.
        data_dir: The TFDS folder that holds `<name>/<version>`.
        train, test: Splits to learn from, and to measure before and after.
        calibration: Split that ranges of `"qat"` are found with at the beginning, 300 pictures at
            most; by default `train`.
        steps: Batches to learn from; by default `epochs` times all.
        epochs: Where `steps` is None.
        learning_rate: Of Adam at the start; it falls to zero in a half cosine.
        batch_size: Pictures in a batch.
        seed: Of order, augmentation and dropout.
        sparsity: For `"prune"`: the share of zeros.
        clusters: For `"cluster"`: different values of a kernel.
        limit: Measure on this many test pictures, the first ones; by default all.
        preprocessing: In place of the model's own.
        force: Replace what an earlier call left in `output`.
        command: What the user typed, for `result.json`.
        progress: Whether to tell on stderr how far training and measuring are; None for a bar on a
            terminal and lines elsewhere.

    Returns:
        The task's figure before and after, as publishers give it (of classification `float_top1`
        and `top1`, in percent), on `pictures` pictures, `file_size` and `gzip_size` of
        `model.tflite` in bytes, `training`, and the arguments that count.

    Raises:
        ImportError: The extra `[tfmot]` is not installed.
        ValueError: Before anything is trained: a wrong argument, no such data, classes that are
            not those of the model, layers that cannot be lowered, an `output` that holds files or
            that another process writes to.
    """
    check_choice("method", method, METHODS)
    check_training(1 if steps is None else steps, learning_rate)
    for name, value in {"epochs": epochs, "batch_size": batch_size}.items():
        check_int(name, value)
    check_int("seed", seed, 0)
    check_int("limit", limit, optional=True)
    check_number("sparsity", sparsity, above=0, below=1)
    check_int("clusters", clusters, 2)
    output = Path(output)
    with holding(output):
        _check_output(output, force)
        packages = legacy()
        require(OPENERS["litert"].needs, "Measuring a LiteRT file")
        options = {"batch_size": batch_size, "seed": seed, "epochs": epochs}
        recipe = tuning_recipe(model, data, train, test, preprocessing=preprocessing, **options)
        inputs = open_inputs(recipe, data_dir)
        inputs.task.check(model, inputs.train)
        inputs = load_inputs(recipe, inputs)
        steps = epochs * inputs.steps if steps is None else steps
        packages.keras.utils.set_random_seed(seed)
        settings: dict[str, Any] = {}
        if method == "qat":
            source = inputs.train
            if calibration is not None:
                source = open_source(data, calibration, data_dir=data_dir)
            made = quantize_aware(model, source, preprocessing=preprocessing)
        elif method == "prune":
            settings["sparsity"] = sparsity
            made = prune(model, sparsity, steps=steps)
        else:
            settings["clusters"] = clusters
            made = cluster(model, clusters)
        measured = {"batch_size": batch_size, "limit": limit}
        before = _measured("before", progress, model, inputs.test, preprocessing, measured)
        batches = fit_batches(recipe, inputs).batches
        with Progress(steps, "step", method, show=progress) as told:
            training = fine_tune(
                made.model,
                batches,
                steps,
                learning_rate=learning_rate,
                callbacks=[*getattr(made, "callbacks", ()), _telling(packages, told)],
            )
        output.parent.mkdir(parents=True, exist_ok=True)
        with staging(output) as folder:
            results = folder / output.name
            results.mkdir()
            report = _write(made, results, preprocessing, batches.take(SETTLING))
            write_json(results / REPORT, report)
            content = (results / LITERT).read_bytes()
            after = _measured("after", progress, results / LITERT, inputs.test, None, measured)
            monitor = inputs.task.monitor
            result = {
                "kerazoo": __version__,
                "command": command,
                "model": model.name,
                "method": method,
                f"float_{monitor.metric}": monitor.published(before.headline),
                monitor.metric: monitor.published(after.headline),
                "pictures": before.count,
                "file_size": len(content),
                "gzip_size": len(gzip.compress(content, mtime=0)),
                "steps": steps,
                "learning_rate": learning_rate,
                "batch_size": batch_size,
                "seed": seed,
                **settings,
                "training": training,
                "data": inputs.describe(),
                "versions": installed_versions(PACKAGES),
            }
            write_json(results / RESULT, result)
            publish(folder, [output])
        return result


def _measured(when: str, show: Any, network: Any, source: Any, preprocessing, how) -> Any:
    with Progress(0, "picture", f"measuring {when}", show=show) as told:
        return evaluate(network, source, preprocessing=preprocessing, progress=told.at, **how)


def _telling(packages: Any, told: Progress) -> Any:
    """A callback of tf_keras that says how far training is."""
    return packages.keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: told.at(batch + 1)
    )


def _check_output(output: Path, force: bool) -> None:
    """Raises ValueError unless the folder is new, empty, or one of ours that may be replaced."""
    if output.exists() and not output.is_dir():
        raise invalid("output", str(output), "a folder, or a path where there is nothing")
    here = sorted(p.name for p in output.iterdir() if p.name != LOCK) if output.is_dir() else []
    others = [name for name in here if name not in FILES]
    if others:
        rule = f"a folder without anything else; it holds {', '.join(others[:5])}"
        raise invalid("output", str(output), rule)
    if here and not force:
        rule = f"a folder without {', '.join(here)} (force=True or --force replaces it)"
        raise invalid("output", str(output), rule)


def tuning_recipe(
    model: keras.Model,
    data: str | os.PathLike,
    train: str,
    test: str,
    *,
    preprocessing: Preprocessing | None = None,
    **options: Any,
) -> Recipe:
    """The recipe whose data pipeline a network goes on learning with.

    Pictures are varied as for `kerazoo finetune`: moderate random crops and flips; CIFAR's are
    padded and cropped.

    Args:
        model: A network of kerazoo.
        data: As `optimize` takes it.
        train, test: Splits.
        preprocessing: In place of the model's own.
        **options: Further keys: `batch_size`, `epochs`, `seed`.
    """
    info = getattr(model, "info", None)
    known = preprocessing or getattr(info, "preprocessing", None)
    if info is None or known is None:
        rule = "a trained network of kerazoo that carries its preprocessing, or given with one"
        raise invalid("model", getattr(model, "name", model), rule)
    task = task_of_model(model)
    if not task.mixes:  # `fine_tune` learns from shares of the classes
        rule = "one that gives a score for each class of a picture"
        raise invalid("model", f"{model.name}, for {task.name}", rule)
    inside = bool(info.arguments.get("include_preprocessing"))
    height, width = model.input_shape[1:3]
    if height and width:
        known = known.with_size((height, width))
    name = os.fspath(data)
    cifar = name.startswith("cifar")
    return load_recipe(
        {
            "model": info.architecture,
            "arguments": {"include_preprocessing": True} if inside else {},
            "preprocessing": known.to_dict(),
            "data": {"name": name, "train": train, "test": test},
            "augmentation": {} if cifar else {"crop": "random", "area": [0.35, 1.0]},
            **options,
        }
    )


def _write(
    made: Any, folder: Path, preprocessing: Preprocessing | None, batches: Any
) -> dict[str, Any]:
    """The network's files; returns the report."""
    if isinstance(made, QuantizeAware):
        return made.to_litert(folder / LITERT)
    network, kernels = made.finish(batches)
    network.save(folder / KERAS)
    export(network, folder / LITERT, "litert", preprocessing=preprocessing)
    return {"kernels": kernels}
