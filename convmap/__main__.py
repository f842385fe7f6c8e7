"""``python -m convmap``."""

from convmap.cli import run

run()
