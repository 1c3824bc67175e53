"""Many pictures in files: what is read, how it is divided, and that a run goes on."""

import json
import tarfile
from io import BytesIO

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

import kerazoo
from kerazoo.cli import main
from kerazoo.pictures import PictureError
from kerazoo.prediction import open_predictor
from kerazoo.registry import catalogue
from kerazoo.scoring import score
from kerazoo.scoring.parts import Part, divide, total
from kerazoo.scoring.reading import pictures_of
from kerazoo.scoring.run import whole
from kerazoo.scoring.writing import FORMS, count, part_path, unreadable_path, write_part
from kerazoo.tasks import FEATURES, TASKS, get_task
from tests.scoring.material import CORRUPT, COUNT, make


@pytest.fixture(scope="module")
def material(tmp_path_factory, tiny_net):
    """A folder with a network, and the same pictures as files, lists, Parquet and tar."""
    return make(tmp_path_factory.mktemp("scoring"), tiny_net)


@pytest.fixture(scope="module")
def expected(material):
    """What `kerazoo.predict` says of each readable picture, by the picture's name."""
    answers = kerazoo.predict(
        material / "net.keras", material / "pictures", batch_size=4, skip=lambda error: None
    )
    task = get_task("classification")
    return {path.name: task.json(found) for path, found in answers}


def rows_of(scored) -> list[dict]:
    """Of all files in their order, whatever their form."""
    rows = []
    for file in scored.files:
        if file.suffix == ".jsonl":
            rows += map(json.loads, file.read_text("utf-8").splitlines())
        else:
            rows += pyarrow.parquet.read_table(file).to_pylist()
    return rows


def name_of(row) -> str:
    return row["picture"].replace("\\", "/").rsplit("/", 1)[-1]


KINDS = {
    "pictures": "parquet",
    "list.txt": "jsonl",
    "paths.parquet": "jsonl",
    "bytes.parquet": "parquet",
    "structs.parquet": "jsonl",
    "all.tar": "jsonl",
}


@pytest.mark.parametrize(("kind", "form"), KINDS.items())
def test_the_answers_are_those_of_predict(kind, form, material, expected, tmp_path):
    scored = score(
        material / "net.keras", material / kind, tmp_path / "out", form=form, part_size=8,
        batch_size=4,
    )  # fmt: skip
    rows = rows_of(scored)
    assert [name_of(row) for row in rows] == sorted([*expected, *CORRUPT])
    for row in rows:
        name = name_of(row)
        if name in CORRUPT:
            assert row["predictions"] is None
            assert name in row["error"]
        else:
            assert row["error"] is None
            assert row["predictions"] == expected[name]
    assert (scored.pictures, scored.unreadable, scored.resumed) == (COUNT, len(CORRUPT), 0)
    assert scored.parts == (1 if kind == "all.tar" else -(-COUNT // 8))
    assert all(any(name in line for name in CORRUPT) for line in scored.complaints)
    assert json.loads((tmp_path / "out/result.json").read_text())["unreadable"] == len(CORRUPT)


def test_what_is_there_is_left_alone(material, tmp_path):
    folder, told = tmp_path / "out", []
    how = {"part_size": 8, "batch_size": 4, "form": "jsonl"}
    how["tell"] = lambda done, number, total: told.append((done.number, number, total))
    first = score(material / "net.keras", material / "pictures", folder, **how)
    before = [file.read_bytes() for file in first.files]
    first.files[1].unlink()
    first.files[0].write_text("kept\n")
    (folder / ".1f.part-000001.jsonl").write_text("what a killed worker leaves")
    told.clear()
    again = score(material / "net.keras", material / "pictures", folder, **how)
    assert told == [(1, 3, 3)]
    assert again.resumed == len(first.files) - 1
    assert first.files[0].read_text() == "kept\n"
    assert first.files[1].read_bytes() == before[1]
    assert not list(folder.glob(".*"))


def test_another_scoring_is_refused_and_overwritten_when_told(material, tmp_path):
    folder, how = tmp_path / "out", {"part_size": 8, "batch_size": 4, "form": "jsonl"}
    network, pictures = material / "net.keras", material / "pictures"
    score(network, pictures, folder, **how, top=1)
    with pytest.raises(ValueError, match=r"`output` must be without another scoring \(options\)"):
        score(network, pictures, folder, **how, top=2)
    with pytest.raises(ValueError, match=r"another scoring \(pictures\)"):
        score(network, material / "paths.parquet", folder, **how, top=1)
    scored = score(network, pictures, folder, **how, top=2, force=True)
    assert {len(row["predictions"]) for row in rows_of(scored) if not row["error"]} == {2}
    assert scored.resumed == 0


@pytest.mark.parametrize("content", ["[1]", "{", "null"])
def test_what_was_scored_before_is_not_known(content, material, tmp_path):
    (tmp_path / "part-000000.jsonl").write_text("")
    (tmp_path / "scoring.json").write_text(content)
    with pytest.raises(ValueError, match="`output` must be without another scoring"):
        score(material / "net.keras", material / "pictures", tmp_path)


def test_paths_become_whole_and_ids_do_not(tmp_path, monkeypatch):
    """Workers have another folder; a folder that is called as a model is no network's name."""
    monkeypatch.chdir(tmp_path)
    for name in ("mixnet_s", "mine"):
        (tmp_path / name).mkdir()
    assert whole("mixnet_s", catalogue()) == "mixnet_s"
    assert whole("mine", catalogue()) == str(tmp_path / "mine")
    assert whole("hf://a/b", catalogue()) == "hf://a/b"


def test_a_part_size_is_whole_batches(material, tmp_path):
    scored = score(
        material / "net.keras", material / "pictures", tmp_path / "out", part_size=5, batch_size=4
    )
    assert scored.parts == -(-COUNT // 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "spark"}, "`engine`"),
        ({"form": "csv"}, "`form`"),
        ({"part_size": 0}, "`part_size`"),
        ({"workers": 0}, "`workers`"),
        ({"gpus": -1}, "`gpus`"),
        ({"force": "yes"}, "`force`"),
        ({"address": ""}, "`address`"),
        ({"what": object()}, "`what` must be text or a path"),
        ({"pictures": ["a.tar", "b.jpg"]}, "no such file"),
        ({"pictures": []}, "`pictures`"),
        ({"column": "none", "pictures": "bytes.parquet"}, "`column` must be a column of"),
        ({"column": "number", "pictures": "bytes.parquet"}, "not int64"),
        ({"threshold": 0.5}, "threshold"),
    ],
)
def test_refusals(arguments, message, material, tmp_path, monkeypatch):
    monkeypatch.chdir(material)
    given = {"what": "net.keras", "pictures": "pictures", "output": tmp_path / "out", **arguments}
    with pytest.raises(ValueError, match=message):
        score(**given)


def test_kinds_are_not_mixed(material):
    with pytest.raises(ValueError, match=r"of one kind.*\.tar, pictures"):
        divide([material / "all.tar", material / "pictures"], 8)


def test_no_pictures_and_damaged_files_are_told(tmp_path):
    with pytest.raises(PictureError, match="No pictures in"):
        divide(tmp_path, 8)
    (tmp_path / "none.txt").write_text("\n")
    pyarrow.parquet.write_table(pyarrow.table({"path": []}), tmp_path / "none.parquet")
    for name in ("none.txt", "none.parquet"):
        with pytest.raises(PictureError, match=rf"No pictures in .*{name}"):
            divide(tmp_path / name, 8)
    for name, kind in (("a.parquet", "no Parquet file"), ("a.tar", "no whole tar file")):
        (tmp_path / name).write_text("nothing of the sort")
        with pytest.raises(PictureError, match=kind):
            list(pictures_of(divide(tmp_path / name, 8)[0]))


def test_a_folder_of_containers(material):
    (tar,) = divide(material / "tars", 8)
    assert tar.kind == ".tar"
    assert tar.count is None
    assert total([tar]) is None
    parts = divide(material / "rows", 8)
    assert [(p.start, p.stop) for p in parts] == [(0, 8), (8, 16), (16, COUNT)]
    assert total(parts) == COUNT
    assert [Part.from_dict(json.loads(json.dumps(p.to_dict()))) for p in parts] == parts


def test_rows_of_a_part_across_row_groups(tmp_path):
    table = pyarrow.table({"path": [f"{i}.jpg" for i in range(10)]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    part = Part(0, ".parquet", (str(tmp_path / "a.parquet"),), 4, 8)
    names = [name for name, _ in pictures_of(part)]
    assert names == [str(tmp_path / f"{i}.jpg") for i in range(4, 8)]


def test_names_of_bytes(tmp_path):
    table = pyarrow.table({"image": [b"a", None], "id": [7, 8]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (part,) = divide(tmp_path / "a.parquet", 8)
    assert list(pictures_of(part)) == [("7", b"a"), ("8", b"")]
    pyarrow.parquet.write_table(table.select(["image"]), tmp_path / "b.parquet")
    (part,) = divide(tmp_path / "b.parquet", 8)
    names = [name.rsplit("/", 1)[1] for name, _ in pictures_of(part)]
    assert names == ["b.parquet#0", "b.parquet#1"]


def test_a_tar_file_is_read_as_it_is_needed(tmp_path):
    """A part of many large pictures does not have to fit into memory."""
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for number in range(3):
            buffer = BytesIO()
            Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(buffer, "PNG")
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(buffer.getvalue())
            file.addfile(info, BytesIO(buffer.getvalue()))
    pictures = pictures_of(Part(0, ".tar", (str(tmp_path / "a.tar"),)))
    assert next(pictures)[0].endswith("a.tar/0.png")
    pictures.close()


# A value for each field of any task's predictions.
VALUES = {
    "index": 3, "name": "cat", "id": 17, "score": 0.5, "sure": True, "pixels": 12, "share": 0.25,
    "x1": 1.5, "y1": 2.0, "x2": 3.0, "y2": 4.25, "shape": [4, 4, 8],
}  # fmt: skip


@pytest.mark.parametrize("task", [*TASKS, FEATURES])
def test_parquet_takes_what_every_task_says(task, tmp_path):
    fields = get_task(task).fields
    found = {name: VALUES[name] for name in fields}
    rows = [
        {"picture": "a\udc80.jpg", "predictions": [found, found], "error": None},
        {"picture": "b.jpg", "predictions": None, "error": "it is\nnone"},
        {"picture": "c.jpg", "predictions": [], "error": None},
    ]
    for form in FORMS:
        path = part_path(tmp_path, 7, form)
        write_part(path, rows, fields)
        assert count(path) == (3, 1)
        assert unreadable_path(path).read_text() == "it is none\n"
    table = pyarrow.parquet.read_table(part_path(tmp_path, 7, "parquet"))
    assert table.to_pylist() == [{**rows[0], "picture": "a\\udc80.jpg"}, *rows[1:]]
    lines = part_path(tmp_path, 7, "jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    write_part(part_path(tmp_path, 8, "parquet"), rows[1:2], fields)  # nothing found in any
    other = pyarrow.parquet.read_schema(part_path(tmp_path, 8, "parquet"))
    assert other == table.schema


def test_pictures_are_taken_as_they_are_needed(material):
    predictor = open_predictor(material / "net.keras", batch_size=2)
    taken = []

    def endless():
        while True:
            taken.append(material / "pictures/00.png")
            yield len(taken), taken[-1]

    answers = predictor.keyed(endless(), top=1)
    key, prediction, error = next(answers)
    assert (key, len(prediction), error) == (1, 1, None)
    assert len(taken) == 6  # a batch, and the two that are read ahead
    answers.close()


class TestCommand:
    def test_files_and_a_summary(self, material, expected, tmp_path, capsys):
        folder = tmp_path / "out"
        command = ["predict", str(material / "net.keras"), str(material / "list.txt")]
        command += ["--batch-size", "4", "--output", str(folder), "--form", "jsonl", "--top", "1"]
        assert main(command) == 1  # some could not be read
        told = capsys.readouterr().err
        assert f"{COUNT} pictures, {len(CORRUPT)} unreadable, in 1 file: {folder}" in told
        assert all(name in told for name in CORRUPT)
        lines = (folder / "part-000000.jsonl").read_text("utf-8").splitlines()
        good = [row for row in map(json.loads, lines) if row["error"] is None]
        assert [row["predictions"] for row in good] == [y[:1] for y in expected.values()]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--engine", "ray"], "`engine` must be left out without --output"),
            (["--output", "out", "--json"], "`json` must be left out with --output"),
        ],
    )
    def test_options_that_do_not_go_together(self, options, message, material, capsys):
        assert main(["predict", "mixnet_s", str(material / "pictures"), *options]) == 2
        assert message in capsys.readouterr().err
