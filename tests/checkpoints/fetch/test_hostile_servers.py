"""Servers that lie, refuse, send too much or next to nothing, and disks that take no more."""

import hashlib
import os
import time

import numpy as np
import pytest

from kerazoo.checkpoints.fetch import _network
from kerazoo.checkpoints.fetch import url as of_urls
from kerazoo.checkpoints.fetch.checkpoint import DownloadError, fetch_url
from kerazoo.checkpoints.fetch.integrity import Digest
from kerazoo.checkpoints.read.tensors import read_tensors

REPO, FILE, NAME = "me/net", "model.safetensors", "weights.h5"
DATA = np.random.default_rng(0).bytes(50_000)
FETCH = f"fetch_hub('{REPO}', '{FILE}')"
WORDS = {
    403: "access is not granted",
    404: "no such",
    429: "too many requests came from here",
    500: "the server has a fault of its own",
    503: "the server has a fault of its own",
}


@pytest.fixture
def commit(hub):
    return hub.add(REPO, {FILE: DATA, "config.json": b'{"a": 1}'})


@pytest.fixture
def url(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hub.files[NAME] = DATA
    return f"{hub.url}/files/{NAME}"


def hub_errors(client, before="pass", deadline=60, patience=60):
    """The path that a call gives, or seconds and message of its error."""
    code = f"""
import time
import kerazoo.checkpoints.fetch.hub as h, kerazoo.checkpoints.fetch._network as n
n.PATIENCE, h.DEADLINE = {patience}, {deadline}
{before}
start = time.perf_counter()
try:
    print(fetch_hub('{REPO}', '{FILE}'))
except DownloadError as error:
    print(f"{{time.perf_counter() - start:.1f}} {{error}}")
"""
    return client.run(code).splitlines()


@pytest.mark.parametrize(
    "header",
    [
        {"X-Linked-Etag": '"../../../outside"'},
        {"X-Linked-Etag": '"latest"'},
        {"X-Linked-Etag": '"' + "G" * 64 + '"'},
        {"X-Repo-Commit": "../../../../outside"},
    ],
)
def test_names_that_are_no_digests_are_refused_and_nothing_is_written(
    hub, client, commit, header, tmp_path
):
    hub.spoilt = header
    (message,) = hub_errors(client)
    assert "these are no digests, so that nothing can be checked" in message
    assert hub.count("GET", FILE) == 0
    assert client.leftovers() == []
    assert not list(tmp_path.rglob("*outside*"))


@pytest.mark.parametrize("status", WORDS)
def test_each_refusal_of_a_hub_has_its_own_sentence(hub, client, commit, status):
    hub.statuses["HEAD", FILE] = status
    (message,) = hub_errors(client)
    assert f"HTTP {status}" in message
    assert WORDS[status] in message
    assert "fetched twice" not in message


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_with_a_fault_is_made_up_for_by_the_cache(hub, client, commit, status):
    (path,) = hub_errors(client)
    hub.statuses["HEAD", FILE] = status
    assert hub_errors(client) == [path]


def test_a_hub_that_never_answers_is_given_up(hub, client, commit):
    (path,) = hub_errors(client)
    hub.statuses["HEAD", "silence"] = 0
    assert hub_errors(client, deadline=2) == [path]
    os.unlink(path)
    (message,) = hub_errors(client, deadline=2)
    assert float(message.split()[0]) < 40  # of which most is importing huggingface_hub
    assert "no answer within 2 s" in message


def test_a_hub_that_sends_a_byte_now_and_then_is_given_up(hub, client, commit):
    hub.fault(FILE, "drip")
    (message,) = hub_errors(client, patience=3)
    assert f"is too slow for `{FILE}`" in message


def test_more_than_was_promised_is_stopped(hub, client, commit):
    hub.fault(FILE, "gzip")
    (message,) = hub_errors(client)
    assert "more arrives than the 50,000 bytes that were promised" in message
    assert all(p.stat().st_size <= 50_000 for p in client.leftovers())


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"


def test_a_full_disk_has_its_own_sentence(hub, client, commit):
    (message,) = hub_errors(client, before=FULL)
    assert "Cannot store" in message
    assert "is full: make room there, or set HF_HOME" in message


@pytest.mark.parametrize("status", WORDS)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_each_refusal_of_an_address_has_its_own_sentence(hub, url, method, status):
    hub.statuses[method, NAME] = status
    if (method, status) == ("HEAD", 403):  # a server that answers GET alone
        assert fetch_url(url, NAME).read_bytes() == DATA
        return
    with pytest.raises(DownloadError, match=rf"refused .*HTTP {status}\): .*{WORDS[status]}"):
        fetch_url(url, NAME)


def test_a_slow_address_is_given_up(hub, url, monkeypatch):
    monkeypatch.setattr(_network, "PATIENCE", 1)
    hub.fault(NAME, "drip")
    start = time.monotonic()
    with pytest.raises(DownloadError, match="is too slow"):
        fetch_url(url, NAME)
    assert time.monotonic() - start < 10


def test_an_address_that_sends_more_than_it_stated(hub, url, tmp_path):
    hub.fault(NAME, "gzip")
    with pytest.raises(DownloadError, match=r"more arrives than the 50,000 bytes"):
        fetch_url(url, NAME)
    assert not list((tmp_path / "keras" / "kerazoo").iterdir())


def test_a_full_disk_under_an_address(url, client):
    call = f"fetch_url('{url}', '{NAME}')"
    code = f"{FULL}\ntry:\n    {call}\nexcept DownloadError as error:\n    print(error)"
    assert "is full: make room there, or set KERAS_HOME" in client.run(code)


def test_what_is_hashed_is_what_is_read(tmp_path):
    """The file is opened once: no other can take its place in between."""
    path = tmp_path / "m.npz"
    np.savez(path, x=np.arange(3))
    good = Digest("sha256", hashlib.sha256(path.read_bytes()).hexdigest())
    assert list(read_tensors(path, [good])) == ["x"]
    np.savez(path, x=np.arange(4))
    with pytest.raises(ValueError, match=rf"`{path}` was changed: {good} is expected"):
        read_tensors(path, [good])


def test_patience_grows_with_the_file():
    assert _network.patience(None) == _network.PATIENCE
    assert _network.patience(10_000_000) == _network.PATIENCE + 200
    assert of_urls.patience is _network.patience
