"""``python -m galley.cli``."""

from galley.cli import main

main()
