"""Optimizers, rates and schedules."""
