"""Training runs from recipes."""
