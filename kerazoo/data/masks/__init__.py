"""Pictures with a class for every pixel: the layouts they come in, and what their masks hold."""
