"""Weights that do not fit on the disk: HDF5 ended the process there (SIGSEGV)."""

from tests.processes import run_python

CODE = """
import resource, sys
from pathlib import Path
import keras, numpy as np
from kerazoo.training.callbacks import save_weights

def network():
    layers = keras.layers
    return keras.Sequential([keras.Input((300,)), layers.Dense(300), layers.BatchNormalization()])

path = Path(sys.argv[1]) / "w.weights.h5"
old, new = network(), network()
save_weights(old, path)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for most in range(0, 360_000, 60_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        save_weights(new, path)
    except OSError as error:
        assert "Cannot be written: File too large" in str(error), error
        assert error.filename == str(path), error
    else:
        raise SystemExit(f"written within {most} bytes")
    check = network()
    check.load_weights(path)
    for a, b in zip(check.get_weights(), old.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # room was made
new.compile("adam", "mse")
new.fit(np.ones((4, 300)), np.ones((4, 300)), verbose=0)
save_weights(new, path)
check.load_weights(path)
for a, b in zip(check.get_weights(), new.get_weights(), strict=True):
    assert np.array_equal(a, b)
assert path.stat().st_size < 400_000  # without the optimizer
assert new.optimizer is not None
"""


def test_weights_on_a_full_disk_are_an_error_and_the_old_ones_stay(tmp_path):
    done = run_python(CODE, tmp_path)
    assert done.returncode == 0, done.stderr
