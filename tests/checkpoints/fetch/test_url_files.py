"""Downloads from plain addresses that misbehave, through keras.utils.get_file."""

import base64
import dataclasses
import hashlib
import os
import subprocess
import time

import numpy as np
import pytest

from kerazoo.checkpoints.fetch.checkpoint import (
    DownloadError,
    fetch,
    fetch_package,
    fetch_url,
    is_fetched,
)
from kerazoo.checkpoints.fetch.integrity import Digest
from kerazoo.checkpoints.records import get_checkpoint

NAME = "weights.h5"
DATA = np.random.default_rng(1).bytes(300_000)
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def url(hub):
    hub.files[NAME] = DATA
    return f"{hub.url}/files/{NAME}"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "keras" / "kerazoo"


def files(cache):
    return sorted(p.name for p in cache.iterdir())


@pytest.mark.parametrize(
    "digest",
    [
        Digest("sha256", SHA),
        Digest("sha256_prefix", SHA[:8]),
        Digest("md5", hashlib.md5(DATA).hexdigest()),
        Digest("git_blob_sha1", hashlib.sha1(b"blob 300000\0" + DATA).hexdigest()),
    ],
    ids=lambda digest: digest.kind,
)
def test_each_kind_of_digest(hub, url, cache, digest):
    assert fetch_url(url, NAME, [digest]).read_bytes() == DATA
    assert fetch_url(url, NAME, [digest]).read_bytes() == DATA
    assert hub.count("GET", NAME) == 1
    with pytest.raises(DownloadError, match=f"{digest.kind} {'0' * len(digest.value)} is expected"):
        fetch_url(url, NAME, [Digest(digest.kind, "0" * len(digest.value))])
    assert NAME not in files(cache)


def test_without_a_digest_the_cache_is_used_without_network(hub, url, cache):
    path = fetch_url(url, NAME)
    asked = len(hub.requests)
    assert fetch_url(url, NAME) == path
    assert len(hub.requests) == asked
    assert files(cache) == [NAME, f"{NAME}.json"]


def test_whether_a_file_is_here_is_known_without_fetching_it(hub, url, cache):
    record = dataclasses.replace(
        get_checkpoint("keras/mobilenet_v1_0.25_128"), location=url, filename=NAME
    )
    assert not is_fetched(record)
    assert not cache.exists()
    fetch_url(url, NAME)
    assert is_fetched(record)
    assert hub.count("GET", NAME) == 1
    assert not is_fetched(dataclasses.replace(record, source="hub", location="nobody/nothing"))
    assert is_fetched(dataclasses.replace(record, source="package"))


@pytest.mark.parametrize("kind", ["corrupt", "cut", "short"])
def test_a_damaged_download_is_fetched_again(hub, url, cache, kind):
    hub.fault(NAME, kind, times=1)
    assert fetch_url(url, NAME, [Digest("sha256", SHA)]).read_bytes() == DATA
    assert hub.count("GET", NAME) == 2
    assert files(cache) == [NAME, f"{NAME}.json"]


@pytest.mark.parametrize("kind", ["corrupt", "cut", "short"])
def test_always_damaged_is_an_error_and_nothing_stays(hub, url, cache, kind):
    hub.fault(NAME, kind)
    with pytest.raises(DownloadError, match="fetched twice and is damaged each time"):
        fetch_url(url, NAME, [Digest("sha256", SHA)])
    assert files(cache) == []


@pytest.mark.parametrize("kind", ["cut", "short"])
def test_without_a_digest_the_servers_size_counts(hub, url, cache, kind):
    hub.fault(NAME, kind)
    with pytest.raises(DownloadError, match="damaged each time"):
        fetch_url(url, NAME)
    assert files(cache) == []


def test_without_a_digest_the_servers_md5_counts(hub, url, cache):
    md5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    hub.file_headers[NAME] = {"x-goog-hash": f"crc32c=AAAAAA==,md5={md5}"}
    assert fetch_url(url, NAME).read_bytes() == DATA
    (cache / NAME).unlink()
    hub.fault(NAME, "corrupt")
    with pytest.raises(DownloadError, match="the server says md5"):
        fetch_url(url, NAME)
    assert files(cache) == [f"{NAME}.json"]


def test_a_changed_cache_is_noticed(hub, url, cache, nowhere):
    path = fetch_url(url, NAME)
    path.write_bytes(DATA[:-1] + b"?")
    assert fetch_url(url, NAME).read_bytes() == DATA
    assert hub.count("GET", NAME) == 2


def test_a_file_that_is_not_ours_is_not_trusted(hub, url, cache):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(b"half a download by another program")
    assert fetch_url(url, NAME).read_bytes() == DATA


def test_another_address_is_another_file(hub, url, cache):
    fetch_url(url, NAME)
    hub.files["other.h5"] = b"other"
    assert fetch_url(f"{hub.url}/files/other.h5", NAME).read_bytes() == b"other"


def test_unreachable_with_and_without_the_file_cached(hub, url, cache, nowhere):
    start = time.perf_counter()
    with pytest.raises(DownloadError, match=f"Cannot reach {nowhere}/w.h5 .*local file"):
        fetch_url(f"{nowhere}/w.h5", "w.h5")
    print(f"unreachable error after {time.perf_counter() - start:.2f} s")
    path = fetch_url(url, NAME)
    asked = len(hub.requests)
    assert fetch_url(url, NAME) == path
    assert len(hub.requests) == asked


def test_a_missing_file_is_refused(hub, cache):
    with pytest.raises(DownloadError, match=r"refused .*absent\.h5 \(HTTP 404\)"):
        fetch_url(f"{hub.url}/files/absent.h5", "absent.h5")
    assert files(cache) == []


@pytest.mark.parametrize("name", ["", "../x.h5", "a/b.h5"])
def test_names_with_folders_are_refused(url, name):
    with pytest.raises(ValueError, match="`filename` must be a file name without folders"):
        fetch_url(url, name)


def test_a_cache_that_cannot_be_written(url, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="set KERAS_HOME"):
        fetch_url(url, NAME)


def test_killed_half_way_then_whole(hub, url, client, cache, wait_for):
    hub.fault(NAME, "stall", times=1)
    process = client.start(f"fetch_url('{url}', '{NAME}')")
    wait_for(hub.stalled.is_set)
    process.kill()
    process.wait()
    parts = files(cache)
    assert [p[-5:] for p in parts] == [".part"]
    assert fetch_url(url, NAME).read_bytes() == DATA
    old = time.time() - 7200
    os.utime(cache / parts[0], (old, old))
    (cache / NAME).unlink()
    fetch_url(url, NAME)  # sweeps what the dead process left
    assert files(cache) == [NAME, f"{NAME}.json"]


def test_two_processes_at_once(url, client):
    code = f"print(fetch_url('{url}', '{NAME}'))"
    both = [client.start(code) for _ in range(2)]
    for process in both:
        path = client.finish(process).splitlines()[-1]
        with open(path, "rb") as file:
            assert file.read() == DATA


def test_fetch_follows_a_record(url, cache):
    record = get_checkpoint("keras/mobilenet_v2_1.0_224")
    here = dataclasses.replace(record, location=url, filename=NAME)
    assert fetch(here).read_bytes() == DATA
    pinned = dataclasses.replace(here, integrity=(Digest("md5", "0" * 32),))
    with pytest.raises(DownloadError, match="md5 0000"):
        fetch(pinned)
    shipped = "checkpoints/records/mixnet.json"
    inside = dataclasses.replace(record, source="package", location=shipped)
    assert b"tf_mixnet_s" in fetch(inside).read_bytes()


def test_a_file_of_the_package():
    path = fetch_package("checkpoints/records/mixnet.json")
    assert path.is_file()
    with pytest.raises(DownloadError, match=r"`nothing\.npz` is missing from the installed"):
        fetch_package("nothing.npz")
    with pytest.raises(DownloadError, match=r"is damaged .*reinstall kerazoo"):
        fetch_package("checkpoints/records/mixnet.json", (Digest("md5", "0" * 32),))


def test_git_agrees_about_blob_hashes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    done = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("git is not installed")
    assert Digest("git_blob_sha1", done.stdout.strip()).matches(path)
