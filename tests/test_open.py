"""The front door as a table: every command and function that takes a network, by every name.

Each cell is the same network, or one clear sentence. `python -m tests.test_open` prints it.
What a command does with a network has its own tests: here it is stopped where it has it.
"""

import contextlib
import functools
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.cli import main
from kerazoo.labels import label_names
from kerazoo.open import EXPORTED, Exported, Start, find, find_exported, open_model
from tests.hub_server import HubServer

NAME = "resnet10"  # few layers: it is built and stored many times
OWN = Path(__file__).parents[1] / "weights" / f"{NAME}_cifar10"
ID = f"kerazoo/{NAME}_cifar10"
RECORD = find(ID).preprocessing
DEFAULT = "timm/tf_mixnet_s.in1k"

FORMS = (
    *("model id", "weights id", "hf://", "run", "weights/*", ".keras", ".h5"),
    *("weights file", "exported file", "SavedModel"),
)
BUILT = FORMS[:-2]  # what Keras can build


class Seen(BaseException):
    """Stops a command where it has its network."""


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), "uint8")


class House:
    """One network under all its names, and what the commands need besides."""

    def __init__(self, folder: Path, hub: str) -> None:
        self.folder = folder
        self.model = kerazoo.create_model(NAME, weights="cifar10", stem="cifar")
        self.scores = np.asarray(self.model(RECORD.normalise(picture())[None]))[0]
        self.names = {
            "model id": (NAME, "cifar10"),
            "weights id": (ID, None),
            "hf://": (hub, None),
            "run": (str(self.run()), None),
            "weights/*": (str(OWN), None),
            ".keras": (self.saved("m.keras"), None),
            ".h5": (self.saved("m.h5"), None),
            "weights file": (NAME, str(OWN / WEIGHTS)),
            "exported file": (self.exported("m.tflite", "litert"), None),
            "SavedModel": (self.exported("served", "savedmodel"), None),
        }
        self.data = folder / "data"
        for split in ("train", "test"):
            for seed, name in enumerate(label_names("cifar10")):
                self.write(self.data / split / name / "a.png", seed)
        self.picture = self.write(folder / "picture.png", 0)
        self.top1 = kerazoo.evaluate(self.model, self.data).top1

    def write(self, path: Path, seed: int) -> Path:
        from PIL import Image

        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed)).save(path)
        return path

    def saved(self, name: str) -> str:
        self.model.save(self.folder / name)
        return str(self.folder / name)

    def exported(self, name: str, format: str) -> str:
        return str(kerazoo.deploy.export(self.model, self.folder / name, format))

    def run(self) -> Path:
        """The folder of a run, as `kerazoo train` leaves it (tests/training has real ones)."""
        folder = self.folder / "run"
        folder.mkdir()
        self.model.save_weights(folder / "model.weights.h5")
        info = self.model.info
        run = {
            "model": {"architecture": info.architecture, "arguments": info.arguments},
            "preprocessing": info.preprocessing.to_dict(),
            "classes": list(label_names("cifar10")),
        }
        (folder / "run.json").write_text(json.dumps(run))
        return folder

    def is_same(self, model) -> bool:
        return np.allclose(answer(model), self.scores, atol=1e-5)


@functools.cache
def answer(model) -> np.ndarray:
    return np.asarray(model(RECORD.normalise(picture())[None]))[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    from huggingface_hub import constants

    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("house")
    with HubServer() as hub, patch.context() as patched:
        patched.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        patched.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patched.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
        patched.setenv("no_proxy", "127.0.0.1")
        for repo in ("me/net", ID):
            hub.add(repo, {n: (OWN / n).read_bytes() for n in (WEIGHTS, CONFIG, CARD)})
        remember(patched)
        yield House(folder, "hf://me/net")


def remember(patched) -> None:
    """Networks are built, their graphs traced, and data read, once for the table."""
    from kerazoo import evaluation, predictor
    from kerazoo import open as door
    from kerazoo.benchmark import models

    built = {}

    def create(model, **arguments):
        key = (model, *sorted((name, repr(value)) for name, value in arguments.items()))
        if key not in built:
            built[key] = kerazoo.create_model(model, **arguments)
        return built[key]

    patched.setattr(door, "create_model", create)
    patched.setattr(models, "create_model", create)
    patched.setattr(door, "_load_stored", functools.cache(door._load_stored))
    batches, read = evaluation.evaluation_batches, {}

    def read_once(source, *rest, **options):
        if not source.files:
            return batches(source, *rest, **options)
        key = (*source.files, *(repr(value) for value in (*rest, *options.items())))
        if key not in read:
            read[key] = list(batches(source, *rest, **options))
        return read[key]

    patched.setattr(evaluation, "evaluation_batches", read_once)
    # A graph is traced in seconds, and used for one picture here.
    eager = lambda model, batch=None: lambda x: np.asarray(model(x, training=False))  # noqa: E731
    patched.setattr(predictor, "inference_function", eager)


# The entries: each takes the house and the two words of a form, and says whether the network that
# it got is the one.


def command(*words) -> str:
    """Runs `kerazoo …`; an error is one line on stderr, and raised here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    if code:
        assert code == 2
        assert err.getvalue().count("\n") == 1, err.getvalue()
        assert out.getvalue() == ""
        raise ValueError(err.getvalue().removeprefix("kerazoo: error: ").strip())
    assert err.getvalue() == ""
    return out.getvalue()


def seen(patch, where: str, call):
    """What `where` was called with, in a call that it ends."""

    def stop(*args, **_):
        raise Seen(args)

    with patch.context() as patched:
        patched.setattr(where, stop)
        with pytest.raises(Seen) as stopped:
            call()
    return stopped.value.args[0]


def named(words) -> list[str]:
    what, weights = words
    return [what, *(["--weights", weights] if weights else [])]


def predict(house, patch, words):
    text = command("predict", *named(words), house.picture, "--json", "--top", "10")
    found = {each["index"]: each["score"] for each in json.loads(text)[0]["predictions"]}
    return np.allclose([found[i] for i in range(10)], house.scores, atol=1e-4)


def evaluate(house, patch, words):
    text = command("evaluate", *named(words), "--data", house.data, "--json")
    return json.loads(text)["top1"] == house.top1


def export(house, patch, words):
    line = ["export", *named(words), "--format", "onnx"]
    return house.is_same(seen(patch, "kerazoo.deploy.export", lambda: command(*line))[0])


def optimize(house, patch, words):
    line = ["optimize", *named(words), "--method", "qat", "--data", house.data, "--output", "o"]
    return house.is_same(seen(patch, "kerazoo.optimize.optimize", lambda: command(*line))[0])


def push(house, patch, words):
    from safetensors.numpy import load

    line = ["push", *named(words), "me/x", "--licence", "mit"]
    _, files, _ = seen(patch, "kerazoo.publish.commit.commit_files", lambda: command(*line))
    sent = files[WEIGHTS]
    kernel = load(sent if isinstance(sent, bytes) else sent.read_bytes())["predictions/kernel"]
    return np.array_equal(kernel, house.model.get_layer("predictions").kernel)


def finetune(house, patch, words):
    line = ["finetune", *named(words), "--data", house.data, "--output", house.folder / "tuned"]
    line += ["--force", "--batch-size", "5"]
    recipe = seen(patch, "kerazoo.training.finetuning.run.train", lambda: command(*line))[0]
    assert recipe.preprocessing == RECORD.to_dict()
    assert "classes" not in recipe.arguments
    return house.is_same(learned(recipe.model, recipe.weights, recipe.arguments))


def learned(model, weights, arguments):
    """The network of a start, its classifier included: the trunk alone has no answer."""
    from kerazoo import open as door

    wanted = ("padding", "batch_norm_epsilon", "stem")
    given = {name: arguments[name] for name in wanted}
    return door.create_model(model, weights=weights, input_shape=(32, 32, 3), classes=10, **given)


def train(house, patch, words):
    what, weights = words
    weights = started(house, patch, "--weights", weights or what)._weights
    assert weights.preprocessing == RECORD
    conventions = {"padding": weights.padding, "batch_norm_epsilon": weights.batch_norm_epsilon}
    return house.is_same(learned(NAME, weights.id, {**weights.arguments, **conventions}))


def teacher(house, patch, words):
    start, _ = started(house, patch, f"--set=distillation.teacher={words[0]}")._teacher
    assert start.preprocessing == RECORD
    return house.is_same(learned(start.model, start.weights, start.arguments))


def started(house, patch, *options):
    """A run of a recipe that has found what it starts from."""
    line = ["train", f"{NAME}_cifar10", "--data", house.data, "--batch-size", "5", *options]
    line += ["--set=dtype=float32"]  # that of the recipe is not for every processor
    line += ["--output", house.folder / "trained"]
    (run,) = seen(patch, "kerazoo.training.run.Run.load", lambda: command(*line))
    return run


def info(house, patch, words):
    facts = json.loads(command("info", *named(words), "--json"))
    return facts["preprocessing"] == RECORD.to_dict() and facts["labels"] in (
        "cifar10",
        list(label_names("cifar10")),
    )


def benchmark(house, patch, words):
    line = ["benchmark", *named(words), "--runtimes", "tensorflow", "--rounds", "1"]
    _, model = seen(patch, "kerazoo.benchmark.run.facts", lambda: command(*line))
    return house.is_same(model)


def py_evaluate(house, patch, words):
    what, weights = words
    return kerazoo.evaluate(what, house.data, weights=weights).top1 == house.top1


def py_predict(house, patch, words):
    what, weights = words
    found = kerazoo.predict(what, house.picture, weights=weights, top=10)
    return np.allclose([each.score for each in sorted(found)], house.scores, atol=1e-4)


def runner(house, patch, words):
    from kerazoo.deploy import Runner

    what, _ = words
    if find_exported(what):
        found = sorted(Runner(what).predict([picture()], top=10)[0])
        return np.allclose([each.score for each in found], house.scores, atol=1e-4)
    _, model, *_ = seen(patch, "kerazoo.deploy.runner.Runner._open_model", lambda: Runner(what))
    return house.is_same(model)


def from_pretrained(house, patch, words):
    return house.is_same(kerazoo.from_pretrained(*words))


def load_weights(house, patch, words):
    what, _ = words
    model = empty()
    answer.cache_clear()
    kerazoo.load_weights(model, what)
    return house.is_same(model)


@functools.cache
def empty():
    return kerazoo.create_model(
        NAME, weights=None, input_shape=(32, 32, 3), classes=10, stem="cifar"
    )


def preprocess_input(house, patch, words):
    found = kerazoo.preprocess_input(picture(), words[0])
    return np.array_equal(found, RECORD.normalise(picture()))


CANNOT = (
    "The argument `{argument}` must be a network that Keras can build: this one was exported, and "
    "can only be run (`kerazoo predict`, `Runner`). Received: `{argument}={what!r}`"
)
ENDINGS = (
    ".safetensors, .weights.h5, .h5, .hdf5, .keras, .pth, .pt, .bin, .npz, .ckpt.index, .tar.gz"
)
COMMANDS = {
    "predict": predict,
    "evaluate": evaluate,
    "export": export,
    "optimize": optimize,
    "push": push,
    "finetune": finetune,
    "train --weights": train,
    "distillation.teacher": teacher,
    "info": info,
    "benchmark": benchmark,
    "kerazoo.evaluate": py_evaluate,
    "kerazoo.predict": py_predict,
    "Runner": runner,
    "from_pretrained": from_pretrained,
    "load_weights": load_weights,
    "preprocess_input": preprocess_input,
}
RUNS = ("predict", "evaluate", "info", "kerazoo.evaluate", "kerazoo.predict", "Runner")
ALONE = ("distillation.teacher", "Runner", "load_weights", "preprocess_input")  # take one name


def refusal(entry: str, form: str) -> str | None:
    """The sentence of a cell that is none of "the same network"."""
    if form in BUILT:
        return None
    if entry in RUNS:
        return None
    if entry == "train --weights":
        return (
            "The argument `weights` must be a name, `hf://user/repo`, a folder or a file ending in "
            f"one of {ENDINGS}. Received: `weights={{what!r}}`"
            if form == "exported file"
            else "The argument `weights` must be a folder with model.safetensors and config.json, "
            "or with run.json and model.weights.h5. Received: `weights={what!r}`"
        )
    argument = {"load_weights": "source"}.get(entry, "model")
    return CANNOT.replace("{argument}", argument)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("entry", COMMANDS)
def test_cell(house, monkeypatch, entry, form):
    what, weights = house.names[form]
    if entry in ALONE and weights:
        if form == "model id":
            alone(house, monkeypatch, entry)
            return
        what, weights = weights, None
    sentence = refusal(entry, form)
    if sentence is None:
        assert COMMANDS[entry](house, monkeypatch, (what, weights))
        return
    with pytest.raises(ValueError) as refused:
        COMMANDS[entry](house, monkeypatch, (what, weights))
    assert str(refused.value) == sentence.format(what=what)


def alone(house, monkeypatch, entry):
    """A model id alone stands for its default weights, which nobody can fetch here."""
    if entry == "preprocess_input":
        found = kerazoo.preprocess_input(picture(), "mixnet_s")
        expected = find(DEFAULT).preprocessing.normalise(picture())
        np.testing.assert_array_equal(found, expected)
    elif entry == "distillation.teacher":
        assert find("mixnet_s").weights == DEFAULT
    else:
        with pytest.raises(kerazoo.DownloadError, match=f"of `{DEFAULT}`"):
            COMMANDS[entry](house, monkeypatch, ("mixnet_s", None))


class TestFind:
    def test_is_light(self):
        import subprocess
        import sys

        code = (
            "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
            "from kerazoo.open import find\n"
            f"print(find({str(OWN)!r}).model, find('mixnet_s').weights)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.split() == [NAME, DEFAULT], done.stderr

    def test_one_value_two_uses(self):
        """As it is, and to start from: the task's own arguments are apart."""
        start = find(OWN)
        assert isinstance(start, Start)
        assert start.task_arguments["classes"] == start.classes == 10
        assert start.labels == "cifar10"
        assert start.arguments["stem"] == "cifar"
        assert not set(start.arguments) & set(start.task_arguments)

    def test_endings_are_those_of_the_formats(self):
        from kerazoo.deploy.exporting import FORMATS

        others = {f.suffix: f.name for f in FORMATS.values() if f.suffix not in ("", ".keras")}
        assert others == EXPORTED

    @pytest.mark.parametrize(("name", "format"), [("a.onnx", "onnx"), ("a.xml", "openvino")])
    def test_exported_files_go_by_their_ending(self, tmp_path, name, format):
        with pytest.raises(FileNotFoundError, match=name):
            open_model(tmp_path / name)
        (tmp_path / name).touch()
        assert open_model(tmp_path / name) == Exported(tmp_path / name, format)

    def test_a_model_id_is_never_a_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mixnet_s").mkdir()
        (tmp_path / "mixnet_s" / "saved_model.pb").touch()
        assert find_exported("mixnet_s") is None
        assert find_exported("./mixnet_s").format == "savedmodel"
        assert find("mixnet_s").weights == DEFAULT

    @pytest.mark.parametrize(
        ("words", "error", "message"),
        [
            (("mixnet_z",), ValueError, "Unknown `model`. Did you mean 'mixnet_"),
            ((ID[:-2],), ValueError, f"Unknown `weights`. Did you mean '{ID}'"),
            (("runs/none",), FileNotFoundError, "There is no file or folder `runs/none`."),
            (("none.keras",), FileNotFoundError, "There is no file `none.keras`."),
            (("pyproject.toml",), ValueError, "must be a folder, a `.keras` file or a weights"),
            ((ID, "cifar10"), ValueError, f"`weights` must be left out: {ID} has weights of its"),
            ((7,), ValueError, "`model` must be a model id, a weights id, `hf://user/repo` or a"),
        ],
    )
    def test_what_is_no_name(self, monkeypatch, words, error, message):
        monkeypatch.chdir(OWN.parents[1])
        with pytest.raises(error) as raised:
            find(*words)
        assert message in str(raised.value)


class TestOpenModel:
    def test_a_model_passes_through(self, house):
        assert open_model(house.model) is house.model
        with pytest.raises(ValueError, match="`classes` must be left out for a model that is"):
            open_model(house.model, classes=3)

    def test_other_classes_and_sizes(self, house):
        fresh = open_model(OWN, classes=3, size=64)
        assert (fresh.output_shape, fresh.input_shape) == ((None, 3), (None, 64, 64, 3))
        assert fresh.info.labels is None
        assert fresh.info.preprocessing.size == (64, 64)

    def test_classes_that_the_weights_do_not_have(self, house, tmp_path):
        """A config that contradicts its weights is no reason for a fresh classifier."""
        folder = shutil.copytree(OWN, tmp_path / "wrong", ignore=lambda *_: ["run1", "curves.png"])
        config = json.loads((folder / CONFIG).read_text())
        config["classes"] = config["arguments"]["classes"] = 7
        (folder / CONFIG).write_text(json.dumps(config))
        with pytest.raises(ValueError, match="2 of another shape: predictions/"):
            open_model(folder)

    def test_a_keras_model_of_another_kind(self, tmp_path):
        import keras

        layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
        keras.Sequential(layers).save(tmp_path / "other.keras")
        assert open_model(tmp_path / "other.keras").output_shape == (None, 2)
        with pytest.raises(ValueError, match=r"must be a `\.keras` file that holds a network"):
            find(tmp_path / "other.keras")
        with pytest.raises(ValueError, match="`size` must be left out for a stored model"):
            open_model(tmp_path / "other.keras", size=8)


class TestData:
    """DATA, wherever it is taken: a TFDS name, a folder, a CSV file."""

    @pytest.fixture
    def table(self, house):
        path = house.folder / "data.csv"
        rows = [f"test/{name}/a.png,{name}" for name in label_names("cifar10")]
        path.write_text("\n".join(["path,label", *(f"{house.data}/{row}" for row in rows)]))
        return path

    def test_evaluate(self, house, table):
        found = kerazoo.evaluate(house.model, table)
        assert (found.count, found.top1) == (10, house.top1)
        text = command("evaluate", ID, "--data", table, "--json")
        assert json.loads(text)["top1"] == house.top1

    def test_export(self, house, table, monkeypatch):
        line = ["export", ID, "--format", "litert", "--precision", "int8", "--data"]
        for data in (house.data, table):
            got = {}

            def stop(*_, got=got, **options):
                raise Seen(got.update(options))

            monkeypatch.setattr("kerazoo.deploy.export", stop)
            with pytest.raises(Seen):
                command(*line, data)
            assert got["representative"].count == 10

    def test_our_own_folder_needs_no_further_option(self, shared):
        folder = OWN.parent / "mobilenet_v2_cifar10"
        line = ["evaluate", folder, "--data", "cifar10", "--data-dir", shared / "tfds"]
        result = json.loads(command(*line, "--limit", "100", "--json"))
        assert result["count"] == 100
        assert result["top1"] >= 80


def table() -> str:
    """The table as Markdown."""
    lines = [f"| | {' | '.join(FORMS)} |", "|---" * (len(FORMS) + 1) + "|"]
    for entry in COMMANDS:
        cells = []
        for form in FORMS:
            if entry in ALONE and form == "model id":
                cells.append("default weights")
            else:
                cells.append("a sentence" if refusal(entry, form) else "yes")
        lines.append(f"| {entry} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())


def test_a_slip_in_the_name_of_a_task():
    with pytest.raises(ValueError, match=r"Did you mean .*'detection'"):
        find("detction")
