"""tf.data: sources, decoding and evaluation. The only place but `deploy` that needs TensorFlow."""
