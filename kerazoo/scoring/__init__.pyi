# Written by `make catalogue`.
from kerazoo.scoring.run import Scored as Scored
from kerazoo.scoring.run import score as score
