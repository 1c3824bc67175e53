"""The explorer's points are the catalogue's and the records', and the page needs nothing else."""

import json
import re

import pytest

from kerazoo.app.explorer.page import explorer_page
from kerazoo.app.explorer.points import explorer_data
from kerazoo.checkpoints.records import get_checkpoint
from kerazoo.registry import catalogue, get_entry
from kerazoo.tasks import TASKS, get_task


@pytest.fixture(scope="module")
def data():
    return explorer_data()


def test_every_model_with_a_published_figure_is_a_point(data):
    from kerazoo.checkpoints.records import all_checkpoints

    wanted = {
        (c.model, c.dataset)
        for c in all_checkpoints()
        if c.metrics.get(get_task(c.task).monitor.metric) is not None
    }
    assert {(p["model"], p["dataset"]) for p in data["points"]} == wanted
    assert len(data["points"]) == len(wanted)  # each once
    assert [task["name"] for task in data["tasks"]] == list(TASKS)


def test_points_are_what_the_records_say(data):
    for point in data["points"]:
        record, entry = get_checkpoint(point["weights"]), get_entry(point["model"])
        metric = get_task(entry.task).monitor.metric
        assert point["figure"] == record.metrics[metric]
        assert tuple(point["size"]) == tuple(record.size)
        assert point["params"] == entry.params
        assert point["macs"] in (entry.macs, None)
        assert point["weights"] not in [other["id"] for other in point["others"]]


def test_multiply_adds_of_another_size_are_not_told(data):
    cifar = next(p for p in data["points"] if p["dataset"] == "cifar10")
    assert cifar["size"] == [32, 32]
    assert cifar["macs"] is None
    near = next(p for p in data["points"] if p["model"] == "lraspp_mobilenet_v3_large")
    assert (near["size"], near["counted_at"]) == ([520, 520], [512, 512])
    assert near["macs"] == catalogue()["lraspp_mobilenet_v3_large"].macs


def test_latency_comes_from_reports_of_single_pictures():
    rows = [
        {"model": "mixnet_s", "runtime": "onnx", "batch": 1, "median_ms": 4.5},
        {"model": "mixnet_s", "runtime": "onnx", "batch": 16, "median_ms": 50.0},
    ]
    points = explorer_data([{"results": rows}])["points"]
    by_model = {(p["model"], p["dataset"]): p["latency"] for p in points}
    assert by_model["mixnet_s", "imagenet"] == {"onnx": 4.5}
    assert by_model["mixnet_s", "cifar10"] == {}  # which was not timed at 32 pixels
    assert by_model["mixnet_m", "imagenet"] == {}


def test_another_report_is_refused():
    with pytest.raises(ValueError, match=r"benchmark\.json"):
        explorer_data([{"rows": []}])


def test_the_page_is_whole_and_fetches_nothing(data):
    page = explorer_page()
    inside = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert inside is not None
    assert json.loads(inside[1]) == data
    assert not re.search(r"/\*(style|script|data)\*/", page)
    links = set(re.findall(r"https?://[^\s\"'<]+", page.replace(inside[1], "")))
    assert links == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"\bsrc=|<link|@import|fetch\(", page)
