# Written by `make catalogue`.
from kerazoo.deploy.comparison import compare as compare
from kerazoo.deploy.exporting import export as export
from kerazoo.deploy.fusion import fuse as fuse
from kerazoo.deploy.learned_groups import freeze_groups as freeze_groups
from kerazoo.deploy.runner import Runner as Runner
