"""Builders of blocks: a row of an architecture table in, Keras tensors out."""
