"""`python -m ivos`."""

import sys

from ivos.cli import main

sys.exit(main())
