"""The ``galley`` command: what the browser does, and what an operator needs.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage; 138 the kernel of `galley execute` died.
"""

from galley.cli.root import main

__all__ = ["main"]
