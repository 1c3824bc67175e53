"""Scoring on a Ray cluster of two machines, one of whose workers is killed: `make ray-test`."""

import importlib.util
import os
import shutil
import signal
import tempfile

import pytest

from kerazoo.cli import main
from kerazoo.scoring import score
from tests.scoring.material import CORRUPT, COUNT, make

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray (make ray-test)"),
    # What Ray says of its own settings.
    *(
        pytest.mark.filterwarnings(f"default::{kind}")
        for kind in ("DeprecationWarning", "FutureWarning", "UserWarning")
    ),
]
HOW = {"part_size": 2, "batch_size": 2, "form": "jsonl"}


@pytest.fixture(scope="module")
def material(tmp_path_factory, tiny_net):
    return make(tmp_path_factory.mktemp("ray"), tiny_net)


@pytest.fixture(scope="module")
def cluster():
    """Two machines of a core each, on this one, with a home of their own."""
    from ray.cluster_utils import Cluster

    home = tempfile.mkdtemp(prefix="kz", dir="/tmp")  # short: Ray puts sockets there
    changed = {"HOME": home, "RAY_TMPDIR": home, "RAY_USAGE_STATS_ENABLED": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        cluster.wait_for_nodes()
        yield cluster.address
        cluster.shutdown()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def alone(material, tmp_path_factory):
    """The files that one process leaves."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    scored = score(material / "net.keras", material / "pictures", folder, **HOW)
    return [file.read_bytes() for file in scored.files]


def test_a_worker_that_is_killed_takes_nothing_with_it(cluster, material, alone, tmp_path):
    processes = []

    def tell(done, number, total):
        processes.append(done.process)
        if number == 2:
            os.kill(done.process, signal.SIGKILL)

    scored = score(
        material / "net.keras", material / "pictures", tmp_path / "out", engine="ray",
        address=cluster, workers=2, cpus=1, tell=tell, **HOW,
    )  # fmt: skip
    assert [file.read_bytes() for file in scored.files] == alone
    assert (scored.pictures, scored.unreadable) == (COUNT, len(CORRUPT))
    assert len(processes) == scored.parts == len(alone)
    assert len(set(processes)) == 3  # two, and the one that came for the killed one
    assert os.getpid() not in processes


def test_a_run_goes_on_with_bytes_of_parquet(cluster, material, tmp_path, capsys):
    command = ["predict", str(material / "net.keras"), str(material / "bytes.parquet")]
    command += ["--output", str(tmp_path / "out"), "--part-size", "8", "--batch-size", "8"]
    command += ["--engine", "ray", "--address", cluster, "--workers", "1", "--cpus", "1"]
    assert main(command) == 1
    (tmp_path / "out/part-000001.parquet").unlink()
    capsys.readouterr()
    assert main(command) == 1
    told = capsys.readouterr().err
    assert f"{COUNT} pictures, {len(CORRUPT)} unreadable, in 3 files, 2 of them there" in told
    assert (tmp_path / "out/part-000001.parquet").is_file()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"what": "no_such_net"}, "no_such_net"),
        ({"pictures": "bytes.parquet", "column": "none"}, "`column` must be a column of"),
        ({"cpus": 64}, "`cpus` must be at most 1: no machine has more"),
    ],
)
def test_what_is_wrong_is_one_sentence(changed, message, cluster, material, tmp_path, monkeypatch):
    monkeypatch.chdir(material)
    given = {"what": "net.keras", "pictures": "pictures", "cpus": 1, **HOW, **changed}
    with pytest.raises(ValueError, match=message) as refused:
        score(output=tmp_path / "out", engine="ray", address=cluster, workers=1, **given)
    assert "Traceback" not in str(refused.value)
