"""From a network made for training to one made to run: one rule of rewriting a module."""

from kerazoo.deploy.fusion.fuse import fuse

__all__ = ["fuse"]
