"""The truth about weights: records, sources, readers, loading and publishing.

Kept empty on purpose: listing records must import neither Keras nor TensorFlow.
"""
