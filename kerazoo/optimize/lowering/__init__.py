"""How each Keras 3 layer is rebuilt of tf_keras layers: one rule a kind of layer."""

from kerazoo.optimize.lowering import activations, convolutions, shapes
from kerazoo.optimize.lowering._make import RULES, Home, Make
from kerazoo.optimize.lowering.shapes import TRAINING_ONLY

__all__ = ["RULES", "TRAINING_ONLY", "Home", "Make", "activations", "convolutions", "shapes"]
