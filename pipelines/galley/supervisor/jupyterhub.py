"""Start JupyterHub without the grammar that jsonschema compiles at import (about 1 s CPU).

Only its check of internationalised addresses is lost, which nothing here uses.
"""

import sys


def main() -> None:
    """Run ``jupyterhub`` with this process's arguments."""
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from jupyterhub.app import main as run

    run()


if __name__ == "__main__":
    main()
