"""``python -m galley.service.openapi > FILE``: the REST contract, without starting anything."""

from __future__ import annotations

import json
import sys

from galley.service.app import bare_app

if __name__ == "__main__":
    sys.stdout.write(json.dumps(bare_app().openapi(), indent=1, sort_keys=True) + "\n")
