"""The folder of `finetune`: what it may hold before, and what it holds in the end."""

import dataclasses
import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kerazoo import __version__
from kerazoo._errors import invalid
from kerazoo._files import write_bytes, write_file, write_json
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.checkpoints.run_record import read_run
from kerazoo.data.source import Source
from kerazoo.open import Start
from kerazoo.publish.hub import hub_files
from kerazoo.report.curves import draw_curves
from kerazoo.tasks.task import Answers, Task
from kerazoo.training import folder as names
from kerazoo.training.figures import draw_figures
from kerazoo.training.inputs import open_inputs, recipe_task
from kerazoo.training.recipe import Recipe
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
            raise invalid("output", str(self.path), f"{rule} (--force throws those away)")
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
            weights = str(self._at(name) / self._kept_weights())

    def finish(
        self, data_dir: Any = None, sources: Mapping[str, Source] | None = None
    ) -> dict[str, Any]:
        """Model, figures, card and, at the very end, the result.

        Args:
            data_dir, sources: As for `train`.
        """
        *_, (name, recipe) = self.chained()
        model = load_trained(self._at(name), best=self._settings["keep"] == "best")
        # Where it came from, but for the folders of this machine.
        model.info = dataclasses.replace(model.info, checkpoint=self._start.name)
        test = open_inputs(recipe, data_dir, sources).test
        answers = draw_figures(
            model,
            test,
            self.path,
            count=self._settings["mistakes"],
            batch_size=recipe.batch_size,
            on_corrupt=recipe.data.on_corrupt,
        )
        logs = [self._at(each) / names.LOG for each in self._recipes]
        draw_curves(logs, self._at(names.CURVES), self._task.monitor)
        write_file(self._at(MODEL), model.save)
        for file, content in self._published(model, recipe, test, answers).items():
            write_bytes(self._at(file), content)
        return self._end(name, test, answers)

    def _end(self, last: str, test: Source, answers: Answers) -> dict[str, Any]:
        run = read_run(self._at(last)) or {}
        phases = [self._ended(name) for name in self._recipes]
        result = {
            self._task.monitor.name: round(answers.headline, 6),
            "pictures": answers.count,
            "split": test.split,
            "classes": len(test.classes),
            "phases": {name: self._measured(name) for name in self._recipes},
            "skipped_pictures": max(each["skipped_pictures"] for each in phases),  # the same ones
        }
        # The keys of `train`'s own, so that what reads those reads this.
        wanted = ("data", "classes", "preprocessing", "model", "versions", "machine")
        begun = {"kerazoo": __version__, "command": self._command, "finetune": self._facts()}
        kept = {key: run[key] for key in wanted if key in run}
        write_json(self._at(names.RUN), {**begun, **kept, "result": result})
        return result

    def _published(
        self, model: Any, recipe: Recipe, test: Source, answers: Answers
    ) -> dict[str, bytes]:
        """`model.safetensors`, `config.json`, and the card with a section on this run."""
        title = re.sub(r"[^\w.-]+", "_", self.path.resolve().name) or recipe.model
        files = hub_files(
            model,
            f"user/{title}",
            licence=self._settings["licence"] or self._start.licence,
            metrics={self._task.monitor.name: answers.headline},
            dataset=Path(recipe.data.name).name,
        )
        return files | {CARD: files[CARD] + self._section(recipe, test, answers).encode()}

    def _section(self, recipe: Recipe, source: Source, answers: Answers) -> str:
        data, figure = recipe.data, self._task.monitor.name.replace("_", " ")
        lines = ["## Fine-tuning", ""]
        lines += [
            f"{self._phase(each)}; rate {each.optimizer.learning_rate:g}, batch {each.batch_size}."
            for each in self._recipes.values()
        ]
        lines += [
            "",
            f"Learned from `{data.train}` of {source.name}, watched on `{data.validation}`; the "
            f"{figure} is that on {answers.count} pictures of `{source.split}`"
            + (", which are the watched ones." if data.validation == data.test else "."),
            "",
            f"![{figure} and loss by epoch]({names.CURVES})",
            *(f"![{caption}]({name})" for name, caption in self._task.drawings.items()),
        ]
        return "\n".join(["", *lines, ""])

    def _facts(self) -> dict[str, Any]:
        """What makes this run what it is."""
        facts = {
            "start": {"model": self._start.model, "weights": self._start.name},
            "phases": {name: recipe.to_dict() for name, recipe in self._recipes.items()},
            **self._settings,
        }
        return json.loads(json.dumps(facts))

    def _measured(self, phase: str) -> float:
        return self._ended(phase)[f"test_{self._task.monitor.name}"]

    def _ended(self, phase: str) -> dict[str, Any]:
        return json.loads((self._at(phase) / names.RESULT).read_text(encoding="utf-8"))

    def _kept_weights(self) -> str:
        return names.BEST if self._settings["keep"] == "best" else names.WEIGHTS

    def _at(self, name: str) -> Path:
        return self.path / name

    def _phase(self, recipe: Recipe) -> str:
        alone = recipe.transfer.freeze == "backbone"
        what = f"the {self._task.card.head} alone" if alone else "all layers"
        epochs = f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}"
        return f"- {epochs} of {what}, {recipe.optimizer.name}"
