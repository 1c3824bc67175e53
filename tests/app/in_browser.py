"""`kerazoo app` as a visitor has it, in Chromium: `make app-test` runs this file.

It is none of `make test`: Gradio wants an older Pillow than the other tests run with. Screenshots
go to the folder of the environment variable SCREENSHOTS, to be looked at.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import gradio_client
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import kerazoo
from kerazoo._photographs import photographs
from kerazoo.cli._output import shown
from tests import ROOT

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or tempfile.mkdtemp())
CHROMIUM = os.environ.get("CHROMIUM") or None  # None: the one that Playwright brought
WAIT = 90_000  # ms: the first answer of a network has to open it
WIDTHS = {"wide": (1200, 900), "phone": (390, 844)}
TASKS = ("classification", "detection", "segmentation")


@contextlib.contextmanager
def running(command, **environment):
    """A process that serves the app, at the address that it gives."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), **environment}
    command = [part.format(port=port) for part in command]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(address, process, log):
    for _ in range(600):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(address).close()
        if process.poll() is not None:
            break
        time.sleep(0.5)
    log.seek(0)
    raise RuntimeError(f"the app does not answer: {log.read()[-2000:]}")


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "kerazoo.cli", "app", "--port", "{port}"]
    with running(command, KERAZOO_MAX_UPLOAD_BYTES="2000000") as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Width -> a page of the app; what it asks of other machines fails the test."""
    outside, errors, contexts = [], [], []

    def ask(request):
        if not request.url.startswith((address, "data:", "blob:", "about:")):
            outside.append(request.url)

    def open_page(width="wide", path="/"):
        columns, rows = WIDTHS[width]
        contexts.append(browser.new_context(viewport={"width": columns, "height": rows}))
        contexts[-1].on("request", ask)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert errors == []


@pytest.fixture(scope="module")
def sample():
    """Name -> path of a photograph that the app offers."""
    return {path.stem: path for path in photographs()}


def tab(page, task):
    page.get_by_role("tab", name=task.capitalize(), exact=True).click()
    return page.locator(f"[role=tabpanel]:has(> * #result-{task}, #result-{task})").last


def send(page, task, path):
    panel = tab(page, task)
    panel.locator("input[type=file]").first.set_input_files(path)
    return panel


def result(page, task):
    """Where the answer is, once it is there."""
    page.wait_for_selector(f"#result-{task} figure", timeout=WAIT)
    return page.locator(f"#result-{task}")


def screenshot(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_is_sent_and_answered_as_predict_answers(visit, sample, task):
    page = visit()
    path = sample["chelsea" if task != "detection" else "motorcycle_left"]
    send(page, task, path)
    found = result(page, task)
    network = kerazoo.default_model(task)
    prediction = kerazoo.predict(network, path)
    for name, share in kerazoo.tasks.get_task(task).captions(prediction):
        assert shown(name) in found.inner_text()
        assert f"{100 * share:.1f} %" in found.inner_text()
    assert network in found.inner_text()
    assert re.search(
        r"decode \d+\.\d ms · network \d+\.\d ms · post-processing", found.inner_text()
    )
    assert found.locator("img").count() == (task != "classification")
    screenshot(page, task)


def test_two_runtimes_are_compared(visit, sample):
    page = visit()
    panel = send(page, "classification", sample["coffee"])
    result(page, "classification")
    panel.get_by_label("Compare with a second").check()
    page.wait_for_selector("#result-classification figure:nth-child(2) .kz-bars", timeout=WAIT)
    figures = page.locator("#result-classification figure")
    assert figures.count() == 2
    titles = figures.locator("figcaption").all_inner_texts()
    assert titles[0].endswith(", keras")
    assert titles[1].endswith(", tensorflow")
    first, second = (figures.nth(n).locator(".kz-bars span").first.inner_text() for n in (0, 1))
    assert first == second == "espresso"
    screenshot(page, "compare")


def test_a_sample_is_chosen_and_options_are_heeded_by_keyboard(visit):
    page = visit()
    panel = tab(page, "classification")
    panel.locator("button:has(img)").first.focus()
    page.keyboard.press("Enter")
    assert result(page, "classification").locator(".kz-bars li").count() == 5
    panel.get_by_label("Top").focus()
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "document.querySelectorAll('#result-classification .kz-bars li').length === 2"
    )


def test_what_is_wrong_is_said_in_a_sentence(visit, tmp_path):
    page = visit()
    bad = tmp_path / "holiday.png"
    bad.write_bytes(b"no picture")
    send(page, "classification", bad)
    alert = result(page, "classification").get_by_role("alert")
    assert alert.inner_text().startswith("Cannot read picture 'holiday.png'")
    screenshot(page, "error")


def test_an_unknown_network_is_told_with_the_nearest_names(visit, sample):
    page = visit()
    panel = send(page, "classification", sample["coffee"])
    result(page, "classification")
    field = panel.get_by_label("Network", exact=True)
    field.fill("mixnet_z")
    field.press("Enter")
    page.wait_for_selector("#result-classification [role=alert]", timeout=WAIT)
    assert "Did you mean 'mixnet_s'" in result(page, "classification").inner_text()
    screenshot(page, "unknown")


def test_a_file_that_is_too_large_is_refused(visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "large.png")
    page = visit()
    send(page, "classification", tmp_path / "large.png")
    page.wait_for_selector("text=/exceeds|too large|maximum/i", timeout=WAIT)
    assert page.locator("#result-classification .kz-bars").count() == 0


def test_several_pictures(visit, sample):
    page = visit()
    panel = tab(page, "classification")
    uploads = panel.locator("input[type=file][multiple]")
    uploads.first.set_input_files([sample["coffee"], sample["chelsea"]])
    page.wait_for_selector("#result-classification figure:nth-child(2)", timeout=WAIT)
    titles = page.locator("#result-classification figcaption").all_inner_texts()
    assert titles == ["coffee.png", "chelsea.png"]
    screenshot(page, "several")


def test_a_telephone_shows_all_without_scrolling_sideways(visit, sample):
    page = visit("phone")
    send(page, "classification", sample["coffee"])
    result(page, "classification")
    page.get_by_label("Compare with a second").locator("visible=true").check()
    page.wait_for_selector("#result-classification figure:nth-child(2) .kz-bars", timeout=WAIT)
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS["phone"][0]
    screenshot(page, "phone")


def test_the_plot_of_models(visit):
    page = visit(path="/models")
    frame = page.frame_locator("iframe.kz-frame")
    points = frame.locator(".point")
    points.first.wait_for()
    assert points.count() > 50
    chosen = frame.locator(".point.chosen")
    before = frame.locator("#card h2").inner_text()
    chosen.focus()
    page.keyboard.press("ArrowLeft")
    assert frame.locator("#card h2").inner_text() != before
    frame.locator("[data-model=mixnet_s]").click()
    assert frame.locator("#card h2").inner_text() == "mixnet_s"
    assert "75.656" in frame.locator("#card").inner_text()
    frame.get_by_label("Task").select_option("detection")
    assert "AP" in frame.locator("svg").get_attribute("aria-label")
    screenshot(page, "models")


def test_eight_visitors_at_once_get_their_own_answers(address, tmp_path):
    network = kerazoo.open_model(kerazoo.default_model())
    paths, wanted, found = [], {}, {}
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), "uint8")
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(noise).resize((300, 200)).save(paths[-1])
    for number, (_, prediction) in enumerate(kerazoo.predict(network, paths)):
        wanted[number] = [f"{100 * each.score:.1f}" for each in prediction]

    def ask(number):
        client = gradio_client.Client(address, verbose=False)
        file = gradio_client.handle_file(paths[number])
        model = kerazoo.default_model()
        page = client.predict(
            *(file, model, "keras", False, model, "keras", ""), api_name="/classification"
        )
        found[number] = re.findall(r"<b>(.*?) %</b>", page)

    threads = [threading.Thread(target=ask, args=(number,)) for number in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(each) for each in wanted.values()}) > 4  # they are not all alike
    assert found == wanted


def told_by_api(address, file):
    """What a call of the API without a browser is answered about a file."""
    model = kerazoo.default_model()
    body = json.dumps({"data": [file, model, "keras", False, model, "keras", ""]}).encode()
    call = f"{address}/gradio_api/call/classification"
    request = urllib.request.Request(call, body, {"Content-Type": "application/json"})
    event = json.load(urllib.request.urlopen(request))["event_id"]
    return urllib.request.urlopen(f"{call}/{event}").read().decode()


@pytest.mark.parametrize("place", ["path", "url"])
def test_files_of_the_machine_are_not_opened_for_who_names_them(address, sample, tmp_path, place):
    """A picture is a file that somebody sent, or it is nothing."""
    mine = tmp_path / "mine.png"
    mine.write_bytes(sample["chelsea"].read_bytes())
    file = {"path": str(mine), "meta": {"_type": "gradio.FileData"}}
    if place == "url":
        file |= {"path": "mine.png", "url": f"file://{mine}"}
    told = told_by_api(address, file)
    assert told.startswith("event: error")
    assert "cat" not in told


def test_addresses_are_not_fetched(address):
    """Gradio would, whatever lies there and however much of it."""
    file = {"path": "https://example.invalid/x.png", "meta": {"_type": "gradio.FileData"}}
    told = told_by_api(address, file)
    assert "Send a picture, not its address." in told


def test_the_space_starts_and_opens_what_it_offers_alone(tmp_path, sample):
    with running([sys.executable, str(ROOT / "space" / "app.py")]) as address:
        client = gradio_client.Client(address, verbose=False)
        file = gradio_client.handle_file(sample["coffee"])
        model = kerazoo.default_model()
        settings = (file, model, "keras", False, model, "keras", "")
        assert "espresso" in client.predict(*settings, api_name="/classification")
        strange = (file, str(tmp_path), "keras", False, model, "keras", "")
        with pytest.raises(Exception, match="not in the list of choices"):
            client.predict(*strange, api_name="/classification")


def test_the_page_has_no_address_of_others(address):
    """What a browser would ask of elsewhere before any script runs."""
    page = urllib.request.urlopen(address).read().decode()
    assert not re.search(r"<(link|script)[^>]+(href|src)=.https?://(?!127\.0\.0\.1)", page)
