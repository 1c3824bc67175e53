"""The formats that networks are written in, by name; neither Keras nor TensorFlow is imported."""

from kerazoo.deploy.exporting import keras_file, litert, onnx, openvino, savedmodel

FORMATS = {
    module.FORMAT.name: module.FORMAT for module in (savedmodel, litert, onnx, openvino, keras_file)
}
