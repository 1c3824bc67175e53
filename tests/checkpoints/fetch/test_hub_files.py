"""Downloads from a hub that misbehaves, with the real client."""

import hashlib
import os
import time

import numpy as np
import pytest

REPO = "timm/net.in1k"
FILE = "model.safetensors"
DATA = np.random.default_rng(0).bytes(400_000)
SHA = hashlib.sha256(DATA).hexdigest()
FETCH = f"fetch_hub('{REPO}', '{FILE}')"
SHOW = f"print(fetch_hub('{REPO}', '{FILE}'))"


@pytest.fixture
def commit(hub):
    return hub.add(REPO, {FILE: DATA, "config.json": b'{"a": 1}'})


def content(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("name", [FILE, "config.json"])
def test_large_and_small_files_arrive_and_are_cached(hub, client, commit, name):
    show = f"print(fetch_hub('{REPO}', '{name}'))"
    path = client.run(show)
    assert content(path) == hub.repos[REPO][commit][name]
    assert client.run(show) == path
    assert hub.count("GET", name) == 1


def test_a_pinned_revision_needs_no_network_the_second_time(hub, client, commit):
    show = f"print(fetch_hub('{REPO}', '{FILE}', revision='{commit}'))"
    path = client.run(show)
    asked = len(hub.requests)
    assert client.run(show) == path
    assert len(hub.requests) == asked


def test_revisions_are_told_apart(hub, client, commit):
    newer = hub.add(REPO, {FILE: b"newer"})
    show = "print(fetch_hub('{}', '{}', revision={!r}))"
    assert content(client.run(show.format(REPO, FILE, commit))) == DATA
    assert content(client.run(show.format(REPO, FILE, newer))) == b"newer"
    assert content(client.run(show.format(REPO, FILE, None))) == b"newer"


def test_a_corrupt_download_is_fetched_again(hub, client, commit):
    hub.fault(FILE, "corrupt", times=1)
    assert content(client.run(SHOW)) == DATA
    assert hub.count("GET", FILE) == 2


def test_always_corrupt_is_an_error_and_nothing_stays(hub, client, commit):
    hub.fault(FILE, "corrupt")
    message, _ = client.error(FETCH)
    assert "fetched twice and is damaged each time" in message
    assert f"sha256 {SHA} is expected" in message
    assert hub.count("GET", FILE) == 2
    assert client.leftovers() == []


def test_a_corrupt_small_file_is_noticed_too(hub, client, commit):
    hub.fault("config.json", "corrupt")
    message, _ = client.error(f"fetch_hub('{REPO}', 'config.json')")
    assert "git_blob_sha1" in message
    assert client.leftovers() == []


def test_a_cut_connection_is_resumed(hub, client):
    large = DATA * 60  # huggingface_hub counts in pieces of 10 MB
    hub.add(REPO, {FILE: large})
    hub.fault(FILE, "cut", times=1)
    assert content(client.run(SHOW)) == large
    ranges = [h.get("Range") for m, p, h in hub.requests if m == "GET" and p.endswith(FILE)]
    assert ranges[0] is None
    assert 0 < int(ranges[1].strip("bytes=-")) <= len(large) // 2


def test_a_file_of_the_wrong_size_is_fetched_again(hub, client, commit):
    hub.fault(FILE, "short", times=1)
    assert content(client.run(SHOW)) == DATA


def test_always_the_wrong_size(hub, client, commit):
    hub.fault(FILE, "short")
    message, _ = client.error(FETCH)
    assert "fetched twice and is damaged each time" in message
    assert client.leftovers() == []


def test_a_pinned_digest_beats_what_the_hub_says(hub, client, commit):
    good = f"print(fetch_hub('{REPO}', '{FILE}', sha256='{SHA}'))"
    assert content(client.run(good)) == DATA
    asked = len(hub.requests)
    assert content(client.run(good)) == DATA
    assert len(hub.requests) == asked  # the digest says that it is the right one
    message, _ = client.error(f"fetch_hub('{REPO}', '{FILE}', sha256='{'0' * 64}')")
    assert "another version" in message
    assert f"found {SHA}" in message
    assert content(client.run(good)) == DATA  # the intact file was not thrown away


def test_a_pin_finds_the_new_version_when_an_old_one_is_cached(hub, client, commit):
    client.run(SHOW)
    hub.add(REPO, {FILE: b"newer"})
    digest = hashlib.sha256(b"newer").hexdigest()
    path = client.run(f"print(fetch_hub('{REPO}', '{FILE}', sha256='{digest}'))")
    assert content(path) == b"newer"


def damage(path):
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0\0")


def test_a_damaged_cache_is_noticed_and_replaced(hub, client, commit):
    show = f"print(fetch_hub('{REPO}', '{FILE}', revision='{commit}'))"
    path = client.run(show)
    damage(path)
    assert content(client.run(show)) == DATA
    damage(path)
    message, _ = client.error(
        f"fetch_hub('{REPO}', '{FILE}', revision='{commit}')", HF_HUB_OFFLINE="1"
    )
    assert "HF_HUB_OFFLINE is set" in message
    assert client.leftovers() == []


def test_killed_half_way_then_whole(hub, client, commit, wait_for):
    hub.fault(FILE, "stall", times=1)
    process = client.start(SHOW)
    wait_for(hub.stalled.is_set)
    process.kill()
    process.wait()
    assert content(client.run(SHOW)) == DATA
    (part,) = (p for p in client.leftovers() if p.suffix == ".incomplete")
    old = time.time() - 7200
    os.utime(part, (old, old))
    assert content(client.run(SHOW)) == DATA  # and sweeps what the dead process left
    assert [content(p) for p in client.leftovers()] == [DATA]


def test_two_processes_at_once(hub, client, commit):
    both = [client.start(SHOW) for _ in range(2)]
    paths = [client.finish(process) for process in both]
    assert [content(p) for p in paths] == [DATA, DATA]


def test_offline_with_the_file_cached(hub, client, commit):
    path = client.run(SHOW)
    asked = len(hub.requests)
    assert client.run(SHOW, HF_HUB_OFFLINE="1") == path
    assert len(hub.requests) == asked


def test_offline_without_the_file(hub, client, commit):
    message, seconds = client.error(FETCH, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in message
    assert f"`{FILE}` of `{REPO}`" in message
    assert hub.requests == []
    print(f"offline error after {seconds} s")


def test_unreachable_hub_is_given_up_in_seconds(client, nowhere):
    message, seconds = client.error(FETCH, HF_ENDPOINT=nowhere)
    assert message.startswith(f"Cannot reach {nowhere} for `{FILE}` of `{REPO}`")
    assert "give a local file as `weights=`" in message
    print(f"unreachable error after {seconds} s")
    assert seconds < 20  # huggingface_hub alone retries for longer


def test_unreachable_hub_with_the_file_cached(hub, client, commit, nowhere):
    path = client.run(SHOW)
    assert client.run(SHOW, HF_ENDPOINT=nowhere) == path


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("fetch_hub('nobody/nothing', 'model.safetensors')", "no such repository"),
        (f"fetch_hub('{REPO}', 'absent.bin')", "no such file in it"),
        (f"fetch_hub('{REPO}', '{FILE}', revision='{'0' * 40}')", "no such revision"),
    ],
)
def test_what_does_not_exist(client, commit, call, message):
    assert message in client.error(call)[0]


def test_private_repositories_need_a_token(hub, client, commit):
    hub.token = "hf_secret"
    hub.private.add(REPO)
    assert "private one without `token=`" in client.error(FETCH)[0]
    show = f"print(fetch_hub('{REPO}', '{FILE}', token='hf_secret'))"
    assert content(client.run(show)) == DATA
    assert content(client.run(SHOW, HF_TOKEN="hf_secret")) == DATA


def test_fetch_follows_a_record(hub, client):
    repo = "timm/tf_mixnet_s.in1k"
    hub.add(repo, {FILE: DATA})
    assert content(client.run(f"print(fetch(get_checkpoint('{repo}')))")) == DATA


def test_always_cut_gives_up_and_keeps_nothing(hub, client, commit):
    hub.fault(FILE, "cut")
    message, seconds = client.error(FETCH)
    assert f"The download of `{FILE}` of `{REPO}`" in message
    assert "broke off" in message
    assert client.leftovers() == []
    print(f"gave up after {seconds} s")
