"""The folder of `finetune`: what it may hold before, and what it holds in the end."""

import dataclasses
import importlib.util
import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kerazoo import __version__
from kerazoo._errors import counted, invalid
from kerazoo._files import read_json, write_bytes, write_file, write_json
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.checkpoints.lineage import UNKNOWN, Origin, stated_licence
from kerazoo.checkpoints.run_record import read_run
from kerazoo.data.source import Source
from kerazoo.open import Start
from kerazoo.prediction import open_predictor
from kerazoo.publish.hub import hub_files
from kerazoo.report.curves import draw_curves
from kerazoo.tasks.description import Figure
from kerazoo.tasks.learning import Answers
from kerazoo.tasks.task import Task
from kerazoo.training import folder as names
from kerazoo.training.figures import collect_answers, draw_figures
from kerazoo.training.finetuning.judgement import Judgement, best_of, judge
from kerazoo.training.inputs import open_inputs, recipe_task
from kerazoo.training.recipe import Recipe
from kerazoo.training.recipe_sections import STEPS, WITH_HELD_OUT
from kerazoo.training.trained import load_trained

log = logging.getLogger("kerazoo")

MODEL = "model.keras"
RESULTS = (MODEL, WEIGHTS, CONFIG, CARD, names.CURVES)


class FinetuneFolder:
    """The folder, with `run.json` as its guard.

    Args:
        path: The folder.
        start: What the first phase starts from.
        recipes: Folder name -> recipe of each phase, in order.
        settings: `keep`, `licence` and `mistakes`, as `finetune` takes them.
        command: What the user typed.
    """

    def __init__(
        self,
        path: Path,
        start: Start,
        recipes: Mapping[str, Recipe],
        settings: Mapping[str, Any],
        command: str | None,
    ) -> None:
        self.path, self._start, self._recipes = path, start, recipes
        self._settings, self._command = settings, command
        self._task: Task = recipe_task(next(iter(recipes.values())))

    def check(self, force: bool) -> None:
        """Makes sure that the folder is that of this run, or free.

        Args:
            force: Throw away what is there of another run.

        Raises:
            ValueError: It is a file, or holds something else.
        """
        if self.path.exists() and not self.path.is_dir():
            raise invalid("output", str(self.path), "a folder, or a path where there is nothing")
        if self._found is not None:
            return
        ours = (names.RUN, *RESULTS, *self._task.drawings, *self._recipes)
        here = [name for name in ours if self._at(name).exists()]
        if here and not force:
            rule = f"the folder of this very run, or one without {', '.join(here)}"
            other = _differing((read_run(self.path) or {}).get("finetune"), self._facts())
            differs = f"; what differs: {', '.join(other)}" if other else ""
            raise invalid("output", str(self.path), f"{rule} (--force throws those away){differs}")
        for name in here:
            path = self._at(name)
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    @property
    def result(self) -> dict[str, Any] | None:
        """That of this very run, where it has ended."""
        return (self._found or {}).get("result")

    @property
    def _found(self) -> dict[str, Any] | None:
        """`run.json`, where it is of this very run."""
        found = read_run(self.path)
        return found if found is not None and found.get("finetune") == self._facts() else None

    def begin(self) -> None:
        """Writes down what is going to be done."""
        self.path.mkdir(parents=True, exist_ok=True)
        run = {"kerazoo": __version__, "command": self._command, "finetune": self._facts()}
        write_json(self._at(names.RUN), run)

    def chained(self) -> Iterator[tuple[str, Recipe]]:
        """Each phase; the later ones start from what the one before has left."""
        weights = None
        for name, recipe in self._recipes.items():
            yield name, recipe if weights is None else dataclasses.replace(recipe, weights=weights)
            weights = str(self._at(name) / self._judged_weights(recipe))

    def finish(
        self, data_dir: Any = None, sources: Mapping[str, Source] | None = None
    ) -> dict[str, Any]:
        """Model, figures, card and, at the very end, the result.

        Args:
            data_dir, sources: As for `train`.
        """
        judgements = self._judgements()
        kept = best_of(judgements)
        name, recipe = kept.phase, dict(self.chained())[kept.phase]
        inputs = open_inputs(recipe, data_dir, sources)
        stored = recipe.transfer.head != STEPS
        best = self._settings["keep"] == "best" and not stored
        model = load_trained(self._at(name), best=best)
        pictures = {"batch_size": recipe.batch_size, "on_corrupt": recipe.data.on_corrupt}
        predictor, confidence = open_predictor(model), model.info.confidence
        if confidence is None or (best and inputs.task.ships_thresholds):  # those of the last epoch
            watched = collect_answers(predictor, inputs.validation, **pictures)
            confidence = inputs.task.calibrate(model, watched)
        # Where it came from, but for the folders of this machine and the phases between.
        model.info = dataclasses.replace(
            model.info,
            checkpoint=self._start.name,
            lineage=tuple(map(Origin.from_dict, self._lineage())),
            confidence=confidence,
        )
        answers = self._answers(predictor, inputs.test, pictures)
        logs = [self._at(each) / names.LOG for each in self._recipes]
        draw_curves(logs, self._at(names.CURVES), self._task.monitor)
        write_file(self._at(MODEL), model.save)
        for file, content in self._published(model, recipe, inputs.test, answers).items():
            write_bytes(self._at(file), content)
        return self._end(kept, judgements, inputs.test, answers, confidence)

    def _answers(self, network: Any, test: Source, pictures: Mapping[str, Any]) -> Answers:
        """Of the test split, with figures where they can be drawn."""
        if importlib.util.find_spec("matplotlib") is None:
            return collect_answers(network, test, **pictures)
        return draw_figures(network, test, self.path, count=self._settings["mistakes"], **pictures)

    def _judgements(self) -> list[Judgement]:
        """What the held-out pictures say of the weights that each phase would give."""
        last = self._settings["keep"] == "last"
        monitor = self._task.monitor
        starts = {name: (read_run(self._at(name)) or {}).get("start") for name in self._recipes}
        return [
            judge(
                *(name, self._at(name) / names.LOG, monitor, last, start),
                by_loss=self._recipes[name].best_by == "loss",
            )
            for name, start in starts.items()
        ]

    def _end(
        self,
        kept: Judgement,
        judgements: list[Judgement],
        test: Source,
        answers: Answers,
        confidence: Any,
    ) -> dict[str, Any]:
        run = read_run(self._at(kept.phase)) or {}
        phases = [self._ended(name) for name in self._recipes]
        figure = self._task.monitor.name
        interval = answers.interval
        result = {
            "task": self._task.name,
            figure: round(answers.headline, 6),
            "interval": interval and [round(share, 4) for share in interval],
            "pictures": answers.count,
            "split": test.split,
            "classes": len(test.classes),
            "kept": kept.phase,
            "epoch": kept.epoch,
            "phases": {name: self._measured(name) for name in self._recipes},
            "validation": {each.phase: round(each.figure, 6) for each in judgements},
            "confidence": confidence and confidence.to_dict(),
            "skipped_pictures": max(each["skipped_pictures"] for each in phases),  # the same ones
        }
        # The keys of `train`'s own, so that what reads those reads this.
        wanted = ("data", "classes", "preprocessing", "model", "versions", "machine")
        begun = {"kerazoo": __version__, "command": self._command, "finetune": self._facts()}
        known = {key: run[key] for key in wanted if key in run}
        known["lineage"] = self._lineage()
        write_json(self._at(names.RUN), {**begun, **known, "result": result})
        return result

    def _published(
        self, model: Any, recipe: Recipe, test: Source, answers: Answers
    ) -> dict[str, bytes]:
        """`model.safetensors`, `config.json`, and the card with a section on this run."""
        title = re.sub(r"[^\w.-]+", "_", self.path.resolve().name) or recipe.model
        files = hub_files(
            model,
            f"user/{title}",
            licence=self._settings["licence"] or stated_licence(model.info) or UNKNOWN,
            metrics={self._task.monitor.name: answers.headline},
            dataset=Path(recipe.data.name).name,
        )
        return files | {CARD: files[CARD] + self._section(recipe, test, answers).encode()}

    def _section(self, recipe: Recipe, source: Source, answers: Answers) -> str:
        data, figure = recipe.data, self._task.monitor.name.replace("_", " ")
        lines = ["## Fine-tuning", ""]
        lines += map(self._phase, self._recipes.values())
        lines += [
            "",
            f"Learned from `{data.train}` of {source.name}, watched on `{data.validation}`; the "
            f"{figure} is that on {counted(answers.count, 'picture')} of `{source.split}`"
            + (", which are the watched ones" if data.validation == data.test else "")
            + _within(answers.interval, self._task.monitor),
            "",
            *(
                f"![{caption}]({name})"
                for name, caption in self._drawings(figure)
                if self._at(name).exists()
            ),
        ]
        return "\n".join(["", *lines, ""])

    def _drawings(self, figure: str) -> list[tuple[str, str]]:
        """File name and caption of each, curves first."""
        return [(names.CURVES, f"{figure} and loss by epoch"), *self._task.drawings.items()]

    def _facts(self) -> dict[str, Any]:
        """What makes this run what it is."""
        facts = {
            "start": {"model": self._start.model, "weights": self._start.name},
            "phases": {name: recipe.to_dict() for name, recipe in self._recipes.items()},
            **self._settings,
        }
        return json.loads(json.dumps(facts))

    def _lineage(self) -> list[dict[str, Any]]:
        """That of the first phase's start, as its own record has it."""
        return (read_run(self._at(next(iter(self._recipes)))) or {}).get("lineage", [])

    def _measured(self, phase: str) -> float:
        return self._ended(phase)[f"test_{self._task.monitor.name}"]

    def _ended(self, phase: str) -> dict[str, Any]:
        return read_json(self._at(phase) / names.RESULT)

    def _judged_weights(self, recipe: Recipe) -> str:
        """Those that have not learned from what judges them."""
        best = self._settings["keep"] == "best" or recipe.transfer.head == WITH_HELD_OUT
        return names.BEST if best else names.WEIGHTS

    def _at(self, name: str) -> Path:
        return self.path / name

    def _phase(self, recipe: Recipe) -> str:
        if recipe.transfer.head != STEPS:
            return f"- the {self._task.card.head} alone, fitted to stored features."
        alone = recipe.transfer.freeze == "backbone"
        what = f"the {self._task.card.head} alone" if alone else "all layers"
        epochs = counted(recipe.epochs, "epoch")
        rate = f"rate {recipe.optimizer.learning_rate:g}, batch {recipe.batch_size}"
        return f"- {epochs} of {what}, {recipe.optimizer.name}; {rate}."


def _within(interval: tuple[float, float] | None, monitor: Figure) -> str:
    if interval is None:
        return "."
    low, high = (monitor.shown(share, 1) for share in interval)
    return f". With 95 % confidence that of all such pictures is between {low} and {high}."


def _differing(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """Names of the innermost values that are not the same in both, `phases.probe.epochs`."""
    if not isinstance(theirs, Mapping) or not isinstance(ours, Mapping):
        return [name] if name and theirs != ours else []
    found = []
    for key in sorted({*theirs, *ours}):
        inner = f"{name}.{key}" if name else str(key)
        if (key in theirs) != (key in ours):
            found.append(inner)
        else:
            found += _differing(theirs[key], ours[key], inner)
    return found
