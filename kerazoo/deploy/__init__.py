"""Forms of a trained network that are made to run, not to be trained on."""

from kerazoo.deploy.export import export
from kerazoo.deploy.freeze_groups import freeze_groups
from kerazoo.deploy.fuse import fuse
from kerazoo.deploy.runner import Runner

__all__ = ["Runner", "export", "freeze_groups", "fuse"]
