"""What is found out about a machine by trying."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from galley.sandbox.capabilities import Capabilities, probe

_PROBE = "from galley.sandbox.capabilities import probe; print(probe().model_dump_json())"
_COVERED = (
    'mount --bind /dev/null /proc/kmsg && exec unshare --user --map-user=1 --map-group=1 "$@"'
)


@pytest.mark.integration
def test_where_there_are_sandboxes_a_task_is_tried_in_one() -> None:
    found = probe()
    assert found.isolated, found.reason
    assert (found.unwalled, found.foreign, found.reason) == ("", "", None)


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cover a part of /proc")
def test_a_proc_of_which_parts_are_covered_is_named_with_what_to_do() -> None:
    command = ["unshare", "--mount", "sh", "-c", _COVERED, "sh", sys.executable, "-c", _PROBE]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout
    found = Capabilities.model_validate_json(said)
    assert not found.isolated
    assert "mount proc" in (found.reason or "")
    assert "systempaths=unconfined" in (found.advice or "")
