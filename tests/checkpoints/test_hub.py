"""A round trip over the hub: the same network comes back, with all it takes to use it."""

import json
import textwrap

import numpy as np
import pytest
from safetensors.numpy import save

import kerazoo
from kerazoo.by_name import from_pretrained
from kerazoo.checkpoints.hub_config import resolve_hub
from kerazoo.publish.hub import _arrays, _config, push_to_hub
from tests.processes import run_python
from tests.weights_files import folded_mobilenet

REPO = "me/small"


@pytest.fixture(scope="module")
def small():
    return kerazoo.create_model(
        "mobilenet_v1_025", weights=None, classes=3, input_shape=(32, 32, 3)
    )


# Each process prints JSON at the end.
PRELUDE = """
    import json, numpy as np, kerazoo
    x = np.random.default_rng(0).normal(size=(2, 128, 128, 3)).astype("float32")

    def facts(model):
        info = model.info.to_dict()
        shown = {key: info[key] for key in ("preprocessing", "labels", "checkpoint")}
        return {"y": model(x).numpy().tolist(), **shown}

    def small(**arguments):
        return kerazoo.MobileNetV1((128, 128, 3), 0.25, weights=None, classes=3, **arguments)
"""


@pytest.fixture
def talk(client):
    client.environment["KERAS_BACKEND"] = "tensorflow"

    def run(code, **environment):
        words = textwrap.dedent(PRELUDE) + textwrap.dedent(code)
        done = run_python(words, env={**client.environment, **environment})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_trained_network_comes_back_equal_in_another_process(hub, talk, tmp_path):
    hub.token = "hf_secret"
    file = folded_mobilenet(tmp_path / "published.weights.h5")
    code = f"""
        model = kerazoo.MobileNetV1(
            (128, 128, 3), 0.25, weights={str(file)!r}, padding="same", batch_norm_epsilon=1e-3
        )
        url = kerazoo.push_to_hub(
            model, "{REPO}", licence="apache-2.0", metrics={{"top1": 45.0}}, dataset="imagenet-1k"
        )
        print(json.dumps([url, facts(model)]))
    """
    url, before = talk(code, HF_TOKEN="hf_secret")
    assert url == f"{hub.url}/{REPO}"
    # One commit holds all three files; the weights went by LFS.
    assert hub.messages == [(REPO, "Add mobilenet_v1_025")]
    files = hub.repos[REPO][hub.head(REPO)]
    assert {"model.safetensors", "config.json", "README.md"} < set(files)
    assert files["model.safetensors"] in hub.store.values()

    after = talk(f'print(json.dumps(facts(kerazoo.from_pretrained("hf://{REPO}"))))')
    assert np.ptp(before["y"]) > 0.1  # not a flat answer
    np.testing.assert_array_equal(after["y"], before["y"])
    assert after["preprocessing"] == before["preprocessing"]
    assert after["preprocessing"]["size"] == [128, 128]
    assert after["labels"] == before["labels"]
    assert after["checkpoint"] == f"hf://{REPO}@{hub.head(REPO)}"


def test_own_labels_half_precision_and_other_classes(hub, talk):
    code = f"""
        model = small(stem_strides=1, dropout_rate=0.3)
        kerazoo.push_to_hub(
            model, "{REPO}", licence="mit", labels=["a", "b", "c"], dtype="float16", private=True
        )
        back = kerazoo.from_pretrained("hf://{REPO}")
        fresh = kerazoo.from_pretrained("hf://{REPO}", classes=5)
        named = kerazoo.decode_predictions([[0.1, 0.7, 0.2]], top=1, model=back)[0][0].name
        usual = kerazoo.MobileNetV1((64, 64, 3), 0.25, weights="hf://{REPO}")
        usual = [usual.output_shape[-1], usual.info.arguments["stem_strides"], usual.info.labels]
        print(json.dumps([facts(model)["y"], facts(back), facts(fresh), named, usual]))
    """
    y, back, fresh, named, usual = talk(code)
    assert REPO in hub.private
    np.testing.assert_allclose(back["y"], y, atol=2e-3)
    assert not np.array_equal(back["y"], y)  # what came back has gone through float16
    assert back["labels"] == ["a", "b", "c"]
    assert named == "b"
    assert np.shape(fresh["y"]) == (2, 5)
    assert fresh["labels"] is None
    assert usual == [3, 1, ["a", "b", "c"]]


def test_a_second_push_replaces_the_first_and_revisions_stay(hub, talk):
    code = f"""
        first, second = small(), small()
        for model in first, second:
            kerazoo.push_to_hub(model, "{REPO}", licence="mit", commit_message="Better")
        sent = [facts(first)["y"], facts(second)["y"]]
        print(json.dumps([*sent, facts(kerazoo.from_pretrained("hf://{REPO}"))["y"]]))
    """
    first, second, newest = talk(code)
    assert first != second
    assert newest == second
    assert hub.messages == [(REPO, "Better")] * 2
    _, old, _ = hub.repos[REPO]
    code = f'print(json.dumps(facts(kerazoo.from_pretrained("hf://{REPO}@{old}"))["y"]))'
    assert talk(code) == first


def test_weights_of_the_wrong_hash_leave_no_model(hub, talk, small):
    config = _config(small, "mit", None, None, None, "float32")
    weights = save(_arrays(small, "float32"))
    hub.add(REPO, {"config.json": json.dumps(config).encode(), "model.safetensors": weights})
    hub.fault("model.safetensors", "corrupt")
    code = f"""
        from kerazoo.checkpoints.fetch.checkpoint import DownloadError
        try:
            kerazoo.from_pretrained("hf://{REPO}")
        except DownloadError as error:
            print(json.dumps(str(error)))
    """
    message = talk(code)
    assert "damaged each time" in message
    assert "\n" not in message


def test_foreign_repository(hub, client):
    hub.add("someone/net", {"config.json": b'{"architecture": "resnet50"}'})
    hub.add("someone/broken", {"config.json": b'{"library": "kerazoo", "architecture": "x"}'})
    hub.add("someone/text", {"config.json": b"hello"})
    code = """
        from kerazoo import from_pretrained
        for name in ("net", "broken", "text"):
            try:
                from_pretrained(f"hf://someone/{name}")
            except ValueError as error:
                print(error)
    """
    net, broken, text = client.run(code).splitlines()
    assert "was published neither by `kerazoo.push_to_hub` nor by timm" in net
    assert broken.endswith("lacks 'arguments', 'preprocessing', 'classes', 'labels'.")
    assert "was published neither" in text


def test_a_registered_repository_keeps_its_record():
    weights = resolve_hub("hf://timm/tf_mixnet_m.in1k")
    assert weights.id == "timm/tf_mixnet_m.in1k"
    assert (weights.padding, weights.batch_norm_epsilon) == ("same", 1e-3)


def test_from_pretrained_takes_a_registered_repository(hub, talk):
    code = """
        from kerazoo.checkpoints.fetch.checkpoint import DownloadError
        try:
            kerazoo.from_pretrained("hf://timm/mobilenetv2_050.lamb_in1k")
        except DownloadError as error:
            print(json.dumps(str(error)))
    """
    # The record is followed: its weights file is asked for, and no config.json.
    assert "`model.safetensors` of `timm/mobilenetv2_050.lamb_in1k`" in talk(code)
    assert hub.count("HEAD", "config.json") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repo_id": "small"}, '`repo_id` must be "user/name"'),
        ({"licence": None}, "`licence` must be the id of a licence"),
        ({"licence": "My own licence"}, "`licence` must be the id of a licence"),
        ({"dtype": "float61"}, "Unknown `dtype`. Did you mean 'float16'"),
        ({"labels": ["a", "b"]}, "`labels` must be one name for each of the 3 classes"),
        ({"metrics": {"top1": float("nan")}}, "`metrics` must be a dict of names and finite"),
        ({"metrics": {"top1": "good"}}, "`metrics` must be a dict of names and finite"),
        ({"model": "mixnet_s"}, "`model` must be a kerazoo network"),
    ],
)
def test_wrong_arguments(small, arguments, message):
    given = {"model": small, "repo_id": REPO, "licence": "mit", **arguments}
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        push_to_hub(given.pop("model"), given.pop("repo_id"), **given)


def test_numbers_that_half_precision_cannot_hold(small):
    bias = next(v for v in small.variables if v.path == "predictions/bias")
    bias.assign([1e6, 0, 0])
    with pytest.raises(ValueError, match="`predictions/bias` has values that float16 cannot hold"):
        push_to_hub(small, REPO, licence="mit", dtype="float16")
    bias.assign([0, 0, 0])


@pytest.mark.parametrize("source", ["hf://small", "hf://a/b/c", "hf://me/small@"])
def test_wrong_addresses(source):
    with pytest.raises(ValueError, match="`source` must be `hf://user/repo` or"):
        from_pretrained(source)


def test_what_is_no_name_of_a_network():
    with pytest.raises(FileNotFoundError, match="There is no file or folder `me/small`"):
        from_pretrained("me/small")
    with pytest.raises(ValueError, match="`source` must be a model id, a weights id, `hf://user"):
        from_pretrained(3)


def test_weights_are_said_by_the_source():
    with pytest.raises(ValueError, match="`weights` must be left out"):
        from_pretrained("hf://me/small", weights="imagenet")


def test_the_licence_of_the_checkpoint_is_inherited(small):
    import dataclasses

    info = small.info
    small.info = dataclasses.replace(info, checkpoint="torchvision/MobileNet_V2.IMAGENET1K_V1")
    try:
        assert _config(small, None, None, None, None, "float32")["licence"] == "bsd-3-clause"
    finally:
        small.info = info
    assert "licence" in json.loads(json.dumps(_config(small, "mit", None, None, None, "float32")))


def test_the_card_says_what_a_reader_needs(small):
    import yaml

    from kerazoo.publish.card import model_card

    config = _config(small, "mit", {"top1": 84.25}, "cifar10", ["a", "b", "c"], "float32")
    card = model_card(REPO, config, 1234)
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "mit"
    assert header["library_name"] == "kerazoo"
    result = header["model-index"][0]["results"][0]
    assert result["dataset"]["type"] == "cifar10"
    assert result["metrics"][0]["value"] == 84.25
    assert 'kerazoo.from_pretrained("hf://me/small")' in card
    assert "decode_predictions(scores, model=model)" in card
    assert "| top1 | 84.25 |" in card
    assert "\n## Classes\n\na, b, c\n\n## Results\n" in card
    many = model_card(REPO, {**config, "labels": [f"c{i}" for i in range(500)]}, 1234)
    assert "c199, … (500 in all, see `config.json`)" in many
    assert "## Classes" not in model_card(REPO, {**config, "labels": "imagenet"}, 1234)
    for line in card.split("```python")[1:]:
        compile(line.split("```")[0], "card", "exec")


@pytest.mark.parametrize(("name", "model"), [("tf_mixnet_s", "mixnet_s"), ("mixnet_s", "mixnet_s")])
def test_a_repository_in_timms_format(hub, talk, name, model):
    # timm keeps padding and epsilon in the architecture's name; the logits tell them apart.
    from tests.models.parity import TOLERANCE, Reference

    reference = Reference(name)
    record = {"input_size": [3, 224, 224], "crop_pct": 0.9, "interpolation": "bilinear"}
    record |= {"mean": [0.5] * 3, "std": [0.25] * 3, "num_classes": 1000}
    config = {"architecture": name, "num_classes": 1000, "pretrained_cfg": record}
    weights = save(reference.weights())
    hub.add("me/timm", {"config.json": json.dumps(config).encode(), "model.safetensors": weights})
    code = f"""
        model = kerazoo.create_model(
            "{model}", weights="hf://me/timm", classifier_activation=None
        )
        try:
            kerazoo.from_pretrained("hf://me/timm")
        except ValueError as error:
            said = str(error)
        from tests.models.parity import Reference
        y = model(Reference("{name}").input).numpy().tolist()
        print(json.dumps([y, model.info.preprocessing.to_dict(), model.info.labels, said]))
    """
    output, preprocessing, labels, said = talk(code)
    assert reference.error(output) <= TOLERANCE
    assert preprocessing["mean"] == [0.5] * 3
    assert preprocessing["crop_fraction"] == 0.9
    assert labels == "imagenet"
    assert f"is timm's `{name}`: name the kerazoo model" in said
