"""Layouts: how publishers name their tensors, found by `kerazoo.checkpoints.layouts.layout`."""
