from __future__ import annotations

import json
import subprocess
import sys

from galley.service import API, PREFIX

from tests.galley.service.platform import Platform


def test_the_document_is_printed_without_a_deployment() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "galley.service.openapi"],
        capture_output=True,
        check=True,
        env={"PATH": ""},
    )
    document = json.loads(done.stdout)
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids))
    assert all(one["tags"] and one["summary"] for one in operations)
    assert all("422" not in one["responses"] for one in operations)
    assert {"Event", "Problem", "Version", "Run", "Me"} <= set(document["components"]["schemas"])
    assert all(path.startswith(API) for path in document["paths"])


def test_it_is_served_as_well(platform: Platform) -> None:
    served = platform.client.get(f"{PREFIX}/openapi.json").json()
    assert served["info"]["title"] == "Galley"
    assert "Problem" in served["components"]["schemas"]
