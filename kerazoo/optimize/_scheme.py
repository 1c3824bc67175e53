"""TF-MOT's 8-bit scheme without the patterns that would rewrite what is decided already."""

from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_scheme as scheme,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_transforms as transforms,
)
from tensorflow_model_optimization.python.core.quantization.keras.graph_transformations import (
    model_transformer,
)


class _InputsOnly:
    """Puts a grid behind the input. All other layers carry their own configuration."""

    def apply(self, model, layer_quantize_map):
        return model_transformer.ModelTransformer(
            model,
            [transforms.InputLayerQuantize()],
            set(layer_quantize_map),
            layer_quantize_map,
        ).transform()


class PlainScheme(scheme.Default8BitQuantizeScheme):
    """For `quantize_apply`."""

    def get_layout_transformer(self):
        return _InputsOnly()
