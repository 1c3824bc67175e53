"""Reference outputs of the original implementations, rebuilt from `tests/references`."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from tests.processes import run_jax
from tests.references import REFERENCES, pseudo

TOLERANCE = 1e-4  # of the largest absolute reference value: tests/references/README.md


class Reference:
    """One reference model: its spec, its golden outputs, its weights and input."""

    def __init__(self, name: str):
        self.name = name
        self.spec = pseudo.load_spec(REFERENCES / f"specs/{name}.json")
        self.gold = np.load(REFERENCES / f"golden/{name}.npz")
        details = self.spec["details"]
        self.conventions = {"padding": "same" if "SAME" in details["padding"] else "symmetric"}
        if details["bn_eps"]:
            self.conventions["batch_norm_epsilon"] = details["bn_eps"][0]

    def weights(self) -> dict[str, np.ndarray]:
        """The pseudo-weights by the reference's own names, in its layouts."""
        return pseudo.state_dict(self.spec)

    def save(self, folder: Path) -> Path:
        """The pseudo-weights as a safetensors file, as timm would publish them."""
        from safetensors.numpy import save_file

        path = folder / f"{self.name}.safetensors"
        save_file(self.weights(), path)
        return path

    def build(self, model: str, folder: Path, **arguments):
        """Our network with the pseudo-weights, through the public `weights=`."""
        return kerazoo.create_model(
            model,
            weights=str(self.save(folder)),
            classifier_activation=None,
            **{**self.conventions, **arguments},
        )

    @property
    def input(self) -> np.ndarray:
        """The normalised picture, `(1, height, width, 3)`."""
        facts = self.spec["input"]
        return pseudo.image(facts["shape"], facts["seed"]).transpose(0, 2, 3, 1)

    def error(self, output) -> float:
        """Largest deviation from the reference's output, relative to its largest value."""
        gold = self.gold["output"]
        return float(np.abs(np.asarray(output) - gold).max() / np.abs(gold).max())

    def point_error(self, point: str, tensor) -> float:
        """The same for an intermediate tensor (NHWC, or a vector), from its fingerprint."""
        tensor = np.asarray(tensor)
        if tensor.ndim == 4:
            tensor = tensor.transpose(0, 3, 1, 2)
        assert tuple(self.gold[f"{point}.shape"]) == tensor.shape
        ours = pseudo.fingerprint(tensor)
        scale = np.abs(self.gold[f"{point}.spread"]).max()
        return max(
            float(np.abs(ours[part] - self.gold[f"{point}.{part}"]).max() / scale)
            for part in ("head", "spread")
        )


def last_layer(model, prefix: str):
    """The last layer whose name starts with `prefix`: where a stage ends."""
    return [layer for layer in model.layers if layer.name.startswith(prefix)][-1]


ON_JAX = """
import json, sys, pathlib, keras, jax, numpy as np
from tests.models.parity import Reference
# The weights are replaced, and drawing random ones costs JAX a compilation a shape.
keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None, **_: np.zeros(
    shape, dtype or "float32"
)

def answer(model, x):  # one compilation, not one for each operation
    values = [[v.value for v in model.trainable_variables]]
    values += [[v.value for v in model.non_trainable_variables]]
    return jax.jit(lambda *a: model.stateless_call(*a, training=False)[0])(*values, x)

assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
folder = pathlib.Path(sys.argv[1])
errors = {}
for name, model in json.loads(sys.argv[2]).items():
    reference = Reference(name)
    errors[name] = reference.error(answer(reference.build(model, folder), reference.input))
assert "tensorflow" not in sys.modules, "TensorFlow was imported on the JAX backend"
print(json.dumps(errors))
"""


def errors_on_jax(folder: Path, pairs: dict[str, str]) -> dict[str, float]:
    """Logit errors of `{reference: model id}` on the JAX backend, in a process of its own."""
    pytest.importorskip("jax", reason="needs the jax extra")
    done = run_jax(ON_JAX, folder, json.dumps(pairs))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
