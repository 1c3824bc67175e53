"""`kerazoo benchmark`: what is measured is complete and consistent; never how fast it is."""

import json

import pytest

from kerazoo import _machine
from kerazoo.benchmark.plot import save_plots
from kerazoo.benchmark.report import markdown
from kerazoo.benchmark.timing import round_robin, summary
from kerazoo.cli import main
from kerazoo.registry import get_entry

RUNTIMES = ("tensorflow", "litert", "litert_int8", "onnx")
MEASURED = RUNTIMES[:-1]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Folder, exit status and report of one small run, without ONNX Runtime."""
    folder = tmp_path_factory.mktemp("benchmark") / "results"
    words = ["benchmark", "mobilenet_v1_025", "--size", "32", "--rounds", "2", "--batch", "2", "1"]
    with pytest.MonkeyPatch.context() as patch:
        found = _machine.is_installed
        patch.setattr(_machine, "is_installed", lambda name: name != "onnxruntime" and found(name))
        status = main([*words, "--runtimes", *RUNTIMES, "--output", str(folder)])
    return folder, status, json.loads((folder / "benchmark.json").read_text())


def test_every_combination_is_measured(measured):
    _, status, report = measured
    assert status == 0
    found = [(row["runtime"], row["batch"]) for row in report["results"]]
    assert found == [(runtime, batch) for batch in (1, 2) for runtime in MEASURED]
    for row in report["results"]:
        assert row["model"] == "mobilenet_v1_025"
        assert row["runs"] == 4
        assert 0 < row["fastest_ms"] <= row["quartile1_ms"] <= row["median_ms"]
        assert row["median_ms"] <= row["quartile3_ms"]
        pictures = 1000 * row["batch"] / row["median_ms"]
        assert row["pictures_per_second"] == pytest.approx(pictures, rel=1e-2)
        assert (row["relative_error"] < 1e-4) is (row["runtime"] != "litert_int8")
    (model,) = report["models"]
    assert model["params"] == get_entry("mobilenet_v1_025").params
    assert model["input_shape"] == [32, 32, 3]
    assert 0 < model["macs"] < 5e6
    assert "top1" not in model  # nothing is published for 32 pixels


def test_memory_and_load_time_are_of_one_process_each(measured):
    *_, report = measured
    by_runtime = {row["runtime"]: row for row in report["footprints"]}
    assert tuple(by_runtime) == MEASURED
    for runtime, row in by_runtime.items():
        assert row["load_s"] > 0
        bytes_each = row["file_mb"] * 1e6 / get_entry("mobilenet_v1_025").params
        assert 0.9 < bytes_each / (1 if runtime == "litert_int8" else 4) < 1.3
        assert 0 < row["imports_memory_mb"] <= row["peak_memory_mb"]
    # Were it this process's, both would hold TensorFlow.
    assert by_runtime["litert"]["peak_memory_mb"] < by_runtime["tensorflow"]["peak_memory_mb"] / 2


def test_what_is_missing_is_named_with_its_extra(measured):
    folder, _, report = measured
    (skipped,) = report["skipped"]
    assert skipped["runtime"] == "onnx"
    assert skipped["reason"].startswith("Runtime 'onnx' needs onnxruntime")
    assert 'pip install "kerazoo[onnx]"' in skipped["reason"]
    assert skipped["reason"] in (folder / "benchmark.md").read_text()


def test_machine_is_described(measured):
    *_, report = measured
    machine = report["machine"]
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert {"keras", "tensorflow", "numpy"} <= set(machine["versions"])
    assert report["settings"]["threads"] == machine["cores"]


def test_tables_hold_the_numbers_of_the_json(measured):
    folder, _, report = measured
    text = (folder / "benchmark.md").read_text()
    assert text == markdown(report)
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| mob")]
    assert len(rows) == len(report["results"]) + len(report["footprints"])
    for row, cells in zip(report["results"], rows, strict=False):
        assert cells[2] == f"{row['median_ms']:.2f}"
        assert cells[5] == f"{row['median_ms'] / row['batch']:.2f}"
        assert cells[6] == f"{row['pictures_per_second']:.1f}"
    base = report["results"][3]["median_ms"] / report["results"][4]["median_ms"]
    assert rows[4][7] == f"{base:.2f}x"
    # What noise was calibrated with says nothing; a footnote says why.
    errors = {row[1]: row[8] for row in rows[: len(report["results"])]}
    assert errors["LiteRT, int8"] == "– \\*"
    assert "\\*" not in errors["LiteRT"]
    assert text.count("\\* Calibrated with noise") == 2


def test_results_are_not_overwritten(measured, capsys):
    folder, *_ = measured
    before = (folder / "benchmark.json").read_bytes()
    assert main(["benchmark", "mixnet_s", "--output", str(folder)]) == 2
    assert "benchmark.json, benchmark.md (or give --force)" in capsys.readouterr().err
    assert (folder / "benchmark.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mixnet_z"], "Unknown `model`"),
        (["mixz*"], "Unknown `model`"),
        (["mixnet_s", "--runtimes", "openvin"], "Unknown `runtimes`. Did you mean 'openvino'"),
        (["mixnet_s", "--plot"], "`--output FOLDER`"),
        (["mixnet_s", "--output", __file__], "must be a folder"),
    ],
)
def test_wrong_usage(words, message, capsys):
    assert main(["benchmark", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_every_name_of_a_network(tmp_path, capsys, monkeypatch):
    import kerazoo

    # A process of its own, which `measured` has had.
    monkeypatch.setattr("kerazoo.benchmark.run.footprint", lambda *_: {"file_mb": 1.0})
    model = kerazoo.create_model(
        "mobilenet_v1_025", weights=None, input_shape=(32, 32, 3), classes=3
    )
    model.save(tmp_path / "mine.keras")
    words = ["--runtimes", "tensorflow", "--rounds", "1", "--batch", "1", "--json"]
    assert main(["benchmark", str(tmp_path / "mine.keras"), *words]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in report["results"]] == ["mine.keras"]
    assert report["models"][0]["architecture"] == "mobilenet_v1_025"
    assert "top1" not in report["models"][0]
    (tmp_path / "made.tflite").write_text("")
    assert main(["benchmark", str(tmp_path / "made.tflite"), *words]) == 2
    assert "can only be run" in capsys.readouterr().err


def test_rounds_are_interleaved(monkeypatch):
    monkeypatch.setattr("kerazoo.benchmark.timing.WARM_UP", 0)
    calls = []
    runs = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = round_robin(runs, rounds=2, repeats=1)
    assert "".join(calls) == "aabbaabb"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def test_each_visit_warms_up():
    calls = []
    times = round_robin({"a": lambda: calls.append("a")}, rounds=1, repeats=2)
    assert len(times["a"]) == 2
    assert len(calls) > 3


def test_summary():
    found = summary([0.004, 0.001, 0.002, 0.003], batch=5)
    assert found["median_ms"] == 2.5
    assert (found["fastest_ms"], found["runs"]) == (1.0, 4)
    assert (found["quartile1_ms"], found["quartile3_ms"]) == (1.25, 3.75)
    assert found["pictures_per_second"] == 2000


def _report(**models):
    rows = [
        {"model": id, "runtime": runtime, "batch": 1, "median_ms": 3.0 * scale}
        for id in models
        for runtime, scale in (("tensorflow", 2), ("openvino", 1))
    ]
    facts = [{"id": id, "macs": 10**8, "top1": top1} for id, top1 in models.items()]
    return {"models": facts, "results": rows}


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    report = _report(mixnet_s=75.7, mixnet_m=77.0, mobilenet_v2=71.8, espnet=None)
    paths = save_plots(report, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    with pytest.raises(ValueError, match=r"published accuracy.*espnet"):
        save_plots(_report(espnet=None), tmp_path)
