"""Forms of a trained network that are made to run, not to be trained on."""

from kerazoo._face import face

# Public name -> module; imported on first use: `deploy.runtimes` opens a file without Keras.
_PUBLIC = {
    "Runner": "kerazoo.deploy.runner",
    "compare": "kerazoo.deploy.comparison",
    "export": "kerazoo.deploy.exporting",
    "freeze_groups": "kerazoo.deploy.learned_groups",
    "fuse": "kerazoo.deploy.fusion",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
