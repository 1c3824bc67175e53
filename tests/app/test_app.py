"""What the app answers, without Gradio: the same as `kerazoo.predict`, or one sentence."""

import io
import os
import re
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.app import answer as answers
from kerazoo.app import html
from kerazoo.app.answer import answer, answer_many
from kerazoo.app.looking import look, options_of, sentence
from kerazoo.app.networks import AS_BUILT, OPEN, Networks, runtimes
from kerazoo.app.serve import is_loopback, serve
from kerazoo.cli import main
from kerazoo.deploy import export
from kerazoo.predictor import STAGES
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import list_models
from kerazoo.tasks import TASKS, get_task
from tests.picture_files import exif
from tests.pictures import photographs


@pytest.fixture(scope="module")
def small(tiny_net, tmp_path_factory) -> str:
    """A file with a network of a few layers."""
    path = tmp_path_factory.mktemp("networks") / "small.keras"
    model = kerazoo.create_model(tiny_net, weights=None, input_shape=(32, 32, 3), classes=10)
    export(model, path, "keras", preprocessing=Preprocessing(size=(32, 32)))
    return str(path)


@pytest.fixture(scope="module")
def networks():
    return Networks()


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("app") / "a <b>.png"
    Image.fromarray(np.asarray(photographs(1)[0])).save(path)
    return path


def percentages(page: str) -> list[str]:
    return re.findall(r"<b>(.*?) %</b>", page)


class TestAnswer:
    def test_it_is_that_of_predict(self, networks, small, picture):
        page = answer(networks, "classification", str(picture), [(small, AS_BUILT)], {"top": "3"})
        wanted = kerazoo.predict(small, picture, top=3)
        assert percentages(page) == [f"{100 * each.score:.1f}" for each in wanted]
        assert all(html.escape(each.name) in page for each in wanted)
        assert [stage for stage in STAGES if f"{stage} " in page] == list(STAGES)
        assert "role=" not in page

    def test_two_are_side_by_side_and_one_may_fail(self, networks, small, picture):
        chosen = [(small, AS_BUILT), ("mixnet_z", AS_BUILT)]
        page = answer(networks, "classification", str(picture), chosen, {})
        assert page.count("<figure") == 2
        assert page.count('role="alert"') == 1
        assert "mixnet_s&#x27;" in page.partition('role="alert"')[2]  # the nearest name

    def test_a_task_asks_for_its_own_networks(self, networks, small, picture):
        page = answer(networks, "detection", str(picture), [(small, AS_BUILT)], {})
        assert "is for classification" in page

    def test_wrong_options_are_told(self, networks, small, picture):
        page = answer(networks, "classification", str(picture), [(small, AS_BUILT)], {"top": "no"})
        assert "The argument `top` must be" in page

    def test_no_picture(self, networks, small):
        assert answers.NO_PICTURE in answer(networks, "classification", None, [], {})
        assert answers.NO_PICTURE in answer_many(networks, "classification", [], (small, ""), {})

    def test_names_of_files_are_no_html(self, networks, small, picture):
        page = answer_many(networks, "classification", [str(picture)], (small, AS_BUILT), {})
        assert "a &lt;b&gt;.png" in page
        assert "<b>.png" not in page
        assert '<img src="data:image/jpeg;base64,' in page

    def test_eight_visitors_at_once(self, networks, small, tmp_path):
        paths, wanted, found = [], {}, {}
        for number in range(8):
            noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), "uint8")
            paths.append(tmp_path / f"{number}.png")
            Image.fromarray(noise).save(paths[-1])
            prediction = kerazoo.predict(networks.get(small).predictor, paths[-1])
            wanted[number] = [f"{100 * each.score:.1f}" for each in prediction]

        def visit(number):
            chosen = [(small, AS_BUILT)]
            page = answer(networks, "classification", str(paths[number]), chosen, {})
            found[number] = percentages(page)

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == wanted


class TestBounds:
    def test_pixels(self, networks, small, picture, monkeypatch):
        monkeypatch.setenv("KERAZOO_MAX_UPLOAD_PIXELS", "100")
        page = answer(networks, "classification", str(picture), [(small, AS_BUILT)], {})
        assert "KERAZOO_MAX_UPLOAD_PIXELS" in page
        assert str(picture.parent) not in page

    def test_bytes(self, networks, small, picture, monkeypatch):
        monkeypatch.setenv("KERAZOO_MAX_UPLOAD_BYTES", "100")
        page = answer(networks, "classification", str(picture), [(small, AS_BUILT)], {})
        assert "KERAZOO_MAX_UPLOAD_BYTES" in page

    def test_pictures(self, networks, small, picture, monkeypatch):
        monkeypatch.setenv("KERAZOO_MAX_UPLOAD_PICTURES", "1")
        page = answer_many(networks, "classification", [str(picture)] * 2, (small, AS_BUILT), {})
        assert "KERAZOO_MAX_UPLOAD_PICTURES" in page

    def test_no_picture_at_all(self, networks, small, tmp_path):
        path = tmp_path / "bad.png"
        path.write_bytes(b"nothing of the kind")
        page = answer(networks, "classification", str(path), [(small, AS_BUILT)], {})
        assert "Cannot read picture" in page
        assert str(tmp_path) not in page
        assert "Traceback" not in page


def bomb() -> bytes:
    """A PNG whose header asks for 60,000 x 60,000 pixels."""
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, "PNG")
    header = struct.pack(">II", 60_000, 60_000) + bytes((8, 0, 0, 0, 0))
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return small.getvalue()[:16] + header + checksum + small.getvalue()[33:]


def whole(kind: str, picture=None, **options) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), "uint8")
    (picture or Image.fromarray(noise)).save(buffer, kind, **options)
    return buffer.getvalue()


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>'
)
GREY = Image.fromarray(np.arange(1600, dtype="uint16").reshape(40, 40) * 40)
STRIP = Image.new("RGB", (40, 20), "red")


class TestHostilePictures:
    """A sentence about each that is none, and an answer about each that is one."""

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("none.png", b"", "Cannot read picture"),
            ("bomb.png", bomb(), "too many pixels, 60,000 x 60,000"),
            ("cut.png", whole("PNG")[:-900], "Cannot read picture"),
            ("cut.jpg", whole("JPEG")[:300], "Cannot read picture"),
            ("drawing.svg", SVG, "Cannot read picture"),
            ("page.png", b"<html><script>alert(1)</script></html>", "Cannot read picture"),
            ("red\x1b[31m<img src=x>\n.png", b"x", "red\\x1b[31m&lt;img src=x&gt;\\n.png"),
            ("\u202egnp.exe", b"x", "\\u202egnp.exe"),
        ],
    )
    def test_what_is_none(self, name, content, words, networks, small, tmp_path):
        path = tmp_path / name
        path.write_bytes(content)
        page = answer_many(networks, "classification", [str(path)], (small, AS_BUILT), {})
        assert words in page
        assert 'role="alert"' in page
        assert str(tmp_path) not in page
        assert "Traceback" not in page
        assert not set(page) & {"\x1b", "\n", "\u202e"}
        assert "<script" not in page
        assert list(tmp_path.iterdir()) == [path]  # nothing is kept beside it

    def test_a_pipe_is_not_waited_for(self, networks, small, tmp_path):
        os.mkfifo(tmp_path / "a.png")
        page = answer(networks, "classification", str(tmp_path / "a.png"), [(small, AS_BUILT)], {})
        assert "not a regular file" in page

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("deep.png", whole("PNG", GREY)),
            ("turned.jpg", whole("JPEG", STRIP, exif=exif(6))),
            ("moves.gif", whole("GIF", save_all=True, append_images=[STRIP.resize((40, 40))])),
            ("really_a_png.jpg", whole("PNG")),
            ("no_ending", whole("WEBP")),
        ],
    )
    def test_what_is_one_is_read_as_predict_reads_it(
        self, name, content, networks, small, tmp_path
    ):
        path = tmp_path / name
        path.write_bytes(content)
        page = answer(networks, "classification", str(path), [(small, AS_BUILT)], {})
        wanted = kerazoo.predict(small, path)
        assert percentages(page) == [f"{100 * each.score:.1f}" for each in wanted]
        shown = look(networks.get(small), path, get_task("classification"), {}).picture
        assert shown.size == ((20, 40) if name == "turned.jpg" else (40, 40))


class TestNetworks:
    @pytest.mark.parametrize("task", TASKS)
    def test_those_of_the_package_come_first(self, task):
        offered = Networks().offered(task)
        assert offered[0] == kerazoo.default_model(task)
        assert set(list_models(task=task, pretrained=True)) < set(offered)
        assert Networks(["runs/pets"]).offered(task)[0] == "runs/pets"

    def test_each_is_opened_once_and_few_are_kept(self, monkeypatch):
        opened = []

        def fake(name, runtime):
            opened.append(name)
            return name

        monkeypatch.setattr("kerazoo.app.networks._opened", fake)
        networks = Networks()
        for name in [*map(str, range(OPEN)), "0", "new", "0", "1"]:
            networks.get(name)
        assert opened == [*map(str, range(OPEN)), "new", "1"]  # which "new" had put out

    def test_strangers_open_what_is_offered_alone(self):
        networks = Networks(["runs/pets"], anything=False)
        with pytest.raises(ValueError, match="one of the list"):
            networks.get("/etc/passwd")

    def test_runtimes(self, small):
        assert runtimes()[:2] == [AS_BUILT, "tensorflow"]
        with pytest.raises(ValueError, match="openvino"):
            Networks().get(small, "openvin")


class TestServing:
    @pytest.mark.parametrize(
        ("host", "mine"),
        [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a", False)],
    )
    def test_who_reaches_it(self, host, mine):
        assert is_loopback(host) is mine

    def test_the_extra_is_named(self, monkeypatch):
        monkeypatch.setattr("kerazoo._machine.is_installed", lambda module: False)
        with pytest.raises(ImportError, match=r"kerazoo\[app\]"):
            serve()

    def test_the_command_names_it_in_one_line(self, monkeypatch, capsys):
        monkeypatch.setattr("kerazoo._machine.is_installed", lambda module: False)
        assert main(["app"]) == 2
        assert capsys.readouterr().err == (
            "kerazoo: error: ImportError: The app needs gradio, which is not installed: "
            'pip install "kerazoo[app]"\n'
        )


def test_options_are_read_as_the_commands_read_them():
    task = get_task("detection")
    assert options_of(task, {"threshold": " 0.3 ", "most": ""}) == {"threshold": 0.3}
    with pytest.raises(ValueError, match="threshold"):
        options_of(task, {"threshold": "2"})


def test_other_errors_are_one_sentence_and_go_to_the_log(caplog):
    text = sentence(RuntimeError("first\nsecond"))
    assert text == "This did not work: first second."
    assert caplog.records[0].exc_info is not None


def test_stages_of_one_picture(small, networks):
    predictor = networks.get(small).predictor
    buffer = io.BytesIO()
    photographs(1)[0].save(buffer, "PNG")
    prediction, seconds = predictor.timed(buffer.getvalue(), top=2)
    assert prediction == predictor.predict([buffer.getvalue()], top=2)[0]
    assert list(seconds) == list(STAGES)
    assert all(each > 0 for each in seconds.values())
    with pytest.raises(ValueError, match="topp"):
        predictor.timed(buffer.getvalue(), topp=2)
