"""``python -m galley.service``."""

import sys

# Spares the process the two seconds in which jsonschema would compile a grammar at import.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

from galley.service.process import main  # noqa: E402

if __name__ == "__main__":
    main()
