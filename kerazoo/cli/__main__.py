"""`python -m kerazoo.cli`, for where the script is not on the path."""

import sys

from kerazoo.cli import main

sys.exit(main())
