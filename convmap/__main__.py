"""``python -m convmap``."""

import sys

from convmap.cli import main

sys.exit(main())
