"""Files that are whole or not there (killing the process: tests/training/test_state.py)."""

import pytest

from kerazoo._files import write_bytes, write_file, write_json, write_text


def test_each_kind_replaces_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()
    write_bytes(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    write_json(path, {"a": "é"})
    assert path.read_text(encoding="utf-8") == '{\n "a": "é"\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_has_the_same_ending(tmp_path):
    seen = []

    def write(partial):
        seen.append(partial)
        partial.write_text("x")

    write_file(tmp_path / "a.tar.gz", write)
    write_file(tmp_path / "a.png", write, shared=True)
    write_file(tmp_path / "b.png", write, shared=True)
    assert [p.suffix for p in seen] == [".gz", ".png", ".png"]
    assert all(p.name.startswith(".") and p.parent == tmp_path for p in seen)


def test_writers_of_one_file_do_not_meet(tmp_path):
    """The second begins and ends while the first is half done; the first then wins, whole."""
    path = tmp_path / "note.json"

    def slow(partial):
        partial.write_text("first")
        write_text(path, "second", shared=True)
        assert path.read_text() == "second"

    write_file(path, slow, shared=True)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_survives_a_failure(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")

    def fail(partial):
        partial.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
