"""The page that runs networks in the visitor's browser: `make app-test` runs this file.

Its answers are compared with the Runner's on the very same files, in Chromium. The page is made by
`tools/browser_page.py`, into the folder of the environment variable BROWSER_PAGE.
"""

import base64
import contextlib
import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import kerazoo
from kerazoo._photographs import photographs
from kerazoo.deploy import Runner
from kerazoo.tasks import TASKS
from tests import ROOT

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or tempfile.mkdtemp())
CHROMIUM = os.environ.get("CHROMIUM") or None
PRECISIONS = ("float32", "int8")
WAIT = 120_000  # ms


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and nothing on stderr."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, made once; the photographs of the tests lie in it too."""
    found = Path(os.environ.get("BROWSER_PAGE") or tmp_path_factory.mktemp("page"))
    if not (found / "networks" / "networks.json").is_file():
        command = [sys.executable, str(ROOT / "tools" / "browser_page.py"), "--output", str(found)]
        subprocess.run(command, check=True)
    return found


@pytest.fixture(scope="module")
def networks(folder):
    """`(task, precision)` -> what the page knows of a network."""
    listed = json.loads((folder / "networks" / "networks.json").read_text("utf-8"))["networks"]
    return {(each["record"]["task"], each["record"]["precision"]): each for each in listed}


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def page(address):
    """The page in Chromium; what it asks of other machines, and errors of its scripts, fail."""
    outside, errors = [], []
    with sync_playwright() as playwright, contextlib.ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.set_default_timeout(WAIT)
        page.on(
            "request",
            lambda r: r.url.startswith((address, "blob:", "data:")) or outside.append(r.url),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#network option", state="attached")
        yield page
    assert outside == []
    assert errors == []


LOOK = """async ([entry, picture]) => {
  const { look } = await import("./look.js");
  const coded = (array) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(new Blob([array]));
  });
  const blob = await (await fetch("data:image/png;base64," + picture)).blob();
  const { captions, boxes, mask, ms, input, outputs } = await look(entry, blob);
  const found = { captions, boxes, ms, outputs: {}, input: await coded(input) };
  for (const [name, values] of Object.entries(outputs)) found.outputs[name] = await coded(values);
  if (mask) found.mask = await coded(mask);
  return found;
}"""


def look(page, entry, path):
    """What `look.js` finds; numbers as arrays."""
    found = page.evaluate(LOOK, [entry, base64.b64encode(path.read_bytes()).decode()])
    found["input"] = _decoded(found["input"], "float32")
    found["outputs"] = {k: _decoded(v, "float32") for k, v in found["outputs"].items()}
    if "mask" in found:
        found["mask"] = _decoded(found["mask"], "uint8")
    return found


def _decoded(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Photographs as PNG: browsers and Pillow decode those alike, JPEGs almost."""
    place = tmp_path_factory.mktemp("pictures")
    found = []
    for path in photographs():
        if path.stem in ("chelsea", "motorcycle_left"):
            found.append(place / f"{path.stem}.png")
            kerazoo.open_picture(path).save(found[-1])
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("task", TASKS)
def test_it_answers_as_the_runner_does(page, folder, networks, pictures, task, precision):
    entry = networks[task, precision]
    runner = Runner(folder / "networks" / entry["file"])
    for path in pictures:
        found = look(page, entry, path)
        picture = kerazoo.open_picture(path)
        prepared = runner.preprocessing.from_pil(picture)
        np.testing.assert_allclose(found["input"], prepared.ravel(), rtol=0, atol=1e-6)
        outputs = runner.outputs(prepared[None])
        for name, wanted in outputs.items():
            # Kernels of WebAssembly add in another order; int8 rounds to its own steps.
            step = (entry["outputs"][name]["quantised"] or {"scale": 0})["scale"]
            close = np.abs(found["outputs"][name] - wanted.ravel())
            assert close.max() <= max(2e-3 * np.abs(wanted).max(), 2 * step), name
            assert np.mean(close > max(1e-4 * np.abs(wanted).max(), 0)) <= (0.2 if step else 0.01)
        (prediction,) = runner.predict([path])
        captions = runner.task.captions(prediction)
        compare(task, found, prediction, captions, precision)


def compare(task, found, prediction, captions, precision):
    loose = 0.02 if precision == "int8" else 1e-3
    sure = [(name, share) for name, share in captions if share > 0.05]
    shown = dict(map(tuple, found["captions"]))
    for name, share in sure:
        assert shown[name] == pytest.approx(share, abs=loose)
    if task == "detection":
        assert len(found["boxes"]) == len(prediction)
        for each, box, name in zip(found["boxes"], prediction.boxes, prediction.names, strict=True):
            assert each["name"] == name
            np.testing.assert_allclose(each["box"], box, atol=0.05 if precision != "int8" else 4)
    if task == "segmentation":
        same = np.mean(found["mask"] == prediction.mask.ravel())
        assert same >= (0.98 if precision == "int8" else 0.9995)


def test_it_scales_pictures_as_pillow_does(page):
    """Every filter, larger and smaller, and pixels that are sampled: to the last bit."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (37, 53, 3), "uint8")
    for method in ("bilinear", "bicubic", "lanczos"):
        for width, height in ((20, 11), (80, 90), (53, 16)):
            found = page.evaluate(
                SCALE, [picture.ravel().tolist(), 53, 37, width, height, method, True]
            )
            wanted = Image.fromarray(picture).resize(
                (width, height), Image.Resampling[method.upper()]
            )
            assert found == np.asarray(wanted).ravel().tolist(), (method, width, height)
    for width, height in ((20, 30), (100, 60)):
        pixels = picture.ravel().tolist()
        found = page.evaluate(SCALE, [pixels, 53, 37, width, height, "bilinear", False])
        extent = (Image.Transform.EXTENT, (0, 0, 53, 37), Image.Resampling.BILINEAR)
        wanted = Image.fromarray(picture).transform((width, height), *extent)
        assert found == np.asarray(wanted).ravel().tolist()


SCALE = """async ([data, width, height, newWidth, newHeight, method, antialias]) => {
  const { resize } = await import("./resize.js");
  const picture = { data: new Uint8ClampedArray(data), width, height };
  return [...resize(picture, newWidth, newHeight, method, antialias).data];
}"""


def test_a_visitor_drops_a_picture_and_changes_the_network(page, pictures):
    page.set_input_files("#file", pictures[0])
    page.wait_for_selector("#result .bars li")
    first = page.locator("#result .bars span").first.inner_text()
    assert "cat" in first
    assert "network" in page.locator("#result .times").inner_text()
    for number, name in enumerate(("class", "class_int8", "boxes", "boxes_int8", "mask")):
        page.select_option("#network", str(number))
        page.wait_for_function("document.querySelector('#state').textContent === ''")
        page.wait_for_selector("#result canvas")
        if name in ("class", "boxes", "mask"):
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"browser_{name}.png", full_page=True)
    assert "background" in page.locator("#result .bars").inner_text()


def test_what_is_no_picture_is_said(page, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing of the kind")
    page.set_input_files("#file", bad)
    page.wait_for_selector("#state.wrong")
    assert page.locator("#state").inner_text() == (
        "This file is not a picture that the browser can read."
    )
    assert page.locator("#result canvas").count() == 0


def test_a_telephone_shows_all_without_scrolling_sideways(page, pictures):
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_input_files("#file", pictures[1])
    page.wait_for_selector("#result canvas")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.screenshot(path=SCREENSHOTS / "browser_phone.png", full_page=True)
