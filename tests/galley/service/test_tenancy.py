from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from galley.errors import InvalidInput
from galley.service.tenancy import TenantsFile

from tests.galley.service.platform import TENANTS


def write(path: Path, text: str, stamp: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(stamp, stamp))


def test_a_changed_file_is_read_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tenants.yaml"
    write(path, yaml.safe_dump(TENANTS), 1)
    tenants = TenantsFile(path)
    assert set(tenants().tenants) == {"oncology", "cardiology", "playground"}
    fewer = {"tenants": {"playground": TENANTS["tenants"]["playground"]}}
    write(path, yaml.safe_dump(fewer), 2)
    assert set(tenants().tenants) == {"playground"}
    write(path, "tenants: {a: 3}", 3)
    assert set(tenants().tenants) == {"playground"}
    assert "tenants.a" in (tenants.problem or "")
    path.unlink()
    assert set(tenants().tenants) == {"playground"}
    write(path, yaml.safe_dump(TENANTS), 4)
    assert len(tenants().tenants) == 3
    assert tenants.problem is None


def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        TenantsFile(tmp_path / "missing.yaml")
